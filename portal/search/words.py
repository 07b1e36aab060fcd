"""Codes of units and accounts in words, in the reader's language."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from portal.units.words import SIZES, UC_TYPES, USES


def _said(codes: dict[str, Any]) -> dict[str, str]:
    return {code: str(words) for code, words in codes.items()}


def words() -> dict[str, dict[str, str]]:
    """{kind of code: {code: words}} for templates."""
    return {
        "use": _said(USES),
        "size": _said(SIZES),
        "uc_type": _said(UC_TYPES),
        "state": {
            "surveyed": _("Surveyed only"),
            "listed": _("Listed, no bill"),
            "billed": _("Billed"),
            "pending": _("Pending sync"),
            "closed": _("Closed"),
        },
        "status": {"paid": _("Paid"), "unpaid": _("Not paid")},
        "kind": {
            "survey": _("Survey master"),
            "biller": _("Biller list"),
            "paid": _("Paid list"),
            "areas": _("Area list"),
        },
    }
