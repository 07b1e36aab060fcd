"""The words of moved bills: states and progress."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.payments.models import BillMove

MOVE_STATES: dict[str, Any] = {
    "QUEUED": _l("Waits its turn"),
    "MOVING": _l("Moving"),
    "DONE": _l("Moved"),
    "CHANGED": _l("Stopped: bills changed"),
    "FAILED": _l("Failed"),
    "CANCELLED": _l("Cancelled"),
}


def progress(move: BillMove) -> tuple[int, str]:
    """How far a running move is: (per cent, a sentence)."""
    if move.status == "QUEUED":
        return 1, str(_("Confirmed; waits its turn."))
    steps = {
        "waiting": _("Begins; a file being imported comes first."),
        "counting": _("Counting again what the move does."),
        "moving": _("Moving the bills."),
        "recomputing": _("Bills are moved; recomputing what depends on them."),
    }
    return max(move.progress, 2), str(steps.get(move.phase, _("Begins.")))
