"""The codes of a unit in words. Lazy: said in the reader's language."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

USES: dict[str, Any] = {"DOMESTIC": _l("Domestic"), "COMMERCIAL": _l("Commercial")}
SIZES: dict[str, Any] = {
    "M0_5": _l("0–5 marla"),
    "M5_10": _l("5–10 marla"),
    "M10_20": _l("10–20 marla"),
    "M20_40": _l("20–40 marla"),
    "M40_PLUS": _l("Above 40 marla"),
    "SMALL": _l("Small"),
    "MEDIUM": _l("Medium"),
    "LARGE": _l("Large"),
}
UC_TYPES: dict[str, Any] = {"URBAN": _l("Urban"), "RURAL": _l("Rural")}

# By the column of a unit or an account that holds the code.
CODES: dict[str, dict[str, Any]] = {"use": USES, "size_band": SIZES, "uc_type": UC_TYPES}
