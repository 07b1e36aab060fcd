"""The words for our codes, as screens and sentences show them."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.web.columns import Column, Kind

STATUSES = {
    "UNPAID": _l("Unpaid"),
    "PARTIAL": _l("Part paid"),
    "PAID": _l("Paid"),
    "ARREARS": _l("In arrears"),
    "CANCELLED": _l("Cancelled"),
}
USES = {"DOMESTIC": _l("Domestic"), "COMMERCIAL": _l("Commercial")}
SIZES = {
    "M0_5": _l("0-5 marla"),
    "M5_10": _l("5-10 marla"),
    "M10_20": _l("10-20 marla"),
    "M20_40": _l("20-40 marla"),
    "M40_PLUS": _l("Above 40 marla"),
    "SMALL": _l("Small"),
    "MEDIUM": _l("Medium"),
    "LARGE": _l("Large"),
}
STATES = {"POSTED": _l("Posted"), "UNMATCHED": _l("Unmatched")}

# Personal numbers: the same column in every report that shows them.
MOBILE = Column("mobile", _l("Mobile"), Kind.IDENTIFIER, 14)
CNIC = Column("cnic", _l("CNIC"), Kind.IDENTIFIER, 16)
