"""Codes of states in words. Lazy: looked up once a process, said in the reader's language."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

STATUSES: dict[str, Any] = {
    "UNPAID": _l("Unpaid"),
    "PARTIAL": _l("Part paid"),
    "PAID": _l("Paid"),
    "ARREARS": _l("In arrears"),
    "CANCELLED": _l("Cancelled"),
    "POSTED": _l("Posted"),
    "UNMATCHED": _l("Unmatched"),
    "PENDING": _l("Pending sync"),
    "ACTIVE": _l("Active"),
    "INACTIVE": _l("Inactive"),
    "UPLOADED": _l("Uploaded"),
    "CHECKING": _l("Checking"),
    "CHECKED": _l("Checked"),
    "PREVIEW": _l("Preview"),
    "READY": _l("Ready"),
    "QUEUED": _l("Waiting"),
    "RUNNING": _l("Running"),
    "COMMITTING": _l("Writing"),
    "COMMITTED": _l("Imported"),
    "DONE": _l("Done"),
    "REFUSED": _l("Refused"),
    "FAILED": _l("Failed"),
    "REJECTED": _l("Rejected"),
    "DUPLICATE": _l("Duplicate"),
    "CHANGED": _l("Changed"),
    "INSERTED": _l("New"),
    "UPDATED": _l("Updated"),
    "UNCHANGED": _l("Unchanged"),
    "OPEN": _l("Open"),
    "MATCHED": _l("Matched"),
    "LINKED": _l("Linked"),
    "NONE": _l("None"),
    "CLOSED": _l("Closed"),
}


def status_text(status: str) -> str:
    """`Part paid` for PARTIAL; a code without words is said as it is."""
    words = STATUSES.get(status)
    return str(words) if words is not None else status.replace("_", " ").capitalize()
