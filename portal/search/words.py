"""Codes of units and accounts in words, in the reader's language."""

from __future__ import annotations

from flask_babel import gettext as _


def words() -> dict[str, dict[str, str]]:
    """{kind of code: {code: words}} for templates."""
    return {
        "use": {"DOMESTIC": _("Domestic"), "COMMERCIAL": _("Commercial")},
        "size": {
            "M0_5": _("0–5 marla"),
            "M5_10": _("5–10 marla"),
            "M10_20": _("10–20 marla"),
            "M20_40": _("20–40 marla"),
            "M40_PLUS": _("Above 40 marla"),
            "SMALL": _("Small"),
            "MEDIUM": _("Medium"),
            "LARGE": _("Large"),
        },
        "uc_type": {"URBAN": _("Urban"), "RURAL": _("Rural")},
        "state": {
            "surveyed": _("Surveyed only"),
            "listed": _("Listed, no bill"),
            "billed": _("Billed"),
            "pending": _("Pending sync"),
        },
        "status": {"paid": _("Paid"), "unpaid": _("Not paid")},
        "kind": {
            "survey": _("Survey master"),
            "biller": _("Biller list"),
            "paid": _("Paid list"),
            "areas": _("Area list"),
        },
    }
