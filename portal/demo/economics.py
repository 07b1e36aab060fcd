"""What the invented company charges and how its consumers pay. Rupees are whole, rounded half up."""

from __future__ import annotations

DUE_DAYS = 18  # from issue to due date

# size label: (urban, rural) fee in rupees a month
DOMESTIC_FEES = {
    "0-5": (300, 200),
    "5-10": (500, 200),
    "10-20": (1_000, 400),
    "20-40": (2_000, 400),
    "Above 40": (5_000, 400),
}
COMMERCIAL_FEES = {"Small": (500, 300), "Medium": (1_000, 700), "Large": (3_000, 2_000)}
DOMESTIC_WEIGHTS = (0.58, 0.88, 0.965, 0.99, 1.0)  # cumulative, in the order of the fees
COMMERCIAL_WEIGHTS = (0.72, 0.94, 1.0)

# The same band as the survey, the biller list and the paid list spell it.
SURVEY_BANDS = {
    "0-5": ("0-5 Marla", "0-5"),
    "5-10": ("5-10 Marla", "5-10"),
    "10-20": ("10-20 Marla", "10-20"),
    "20-40": ("20-40 Marla", "20-40"),
    "Above 40": ("Above 40", "above 40 Marla", "Below 5 Kanal"),
}
BILLER_BANDS = {
    "0-5": "0-5 Marla",
    "5-10": "5-10 Marla",
    "10-20": "10-20 Marla",
    "20-40": "20-40 Marla",
    "Above 40": "Above 40 Marla",
}
PAID_BANDS = {
    "0-5": "Upto 5 marla",
    "5-10": "Above 5 to 10 marla",
    "10-20": "Above 10 to 20 marla",
    "20-40": "Above 20 to 40 marla",
    "Above 40": "Above 40 marla",
}


def monthly_fee(*, is_domestic: bool, size: str, is_urban: bool) -> int:
    """The tariff's fee in rupees."""
    fees = DOMESTIC_FEES if is_domestic else COMMERCIAL_FEES
    return fees[size][0 if is_urban else 1]


def surcharge(amount: int) -> int:
    """10 % of what is outstanding after the due date, half up: 500 gives 50, 1,050 gives 105."""
    return (amount + 5) // 10


def paid_category(*, is_domestic: bool, size: str, is_urban: bool) -> str:
    """`Domestic Urban Upto 5 marla`, `Commercial Rural Small business`."""
    use = "Domestic" if is_domestic else "Commercial"
    setting = "Urban" if is_urban else "Rural"
    return f"{use} {setting} {PAID_BANDS[size] if is_domestic else f'{size} business'}"
