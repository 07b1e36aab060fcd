"""What an edit leaves behind: a line for each field in `record_changes`, and one line in the audit log.

The history holds the values as they were, personal numbers too, and shows them through `portal.web.masking`; the
audit log holds nobody's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.billing.models import Account
from portal.imports.service import Actor
from portal.locations.models import Location
from portal.registers.models import EDIT, RecordChange
from portal.units.models import SurveyUnit
from portal.web.masking import mask_value

# {field: (what it was, what it became)}, JSON values.
Changed = Mapping[str, tuple[Any, Any]]
Subject = SurveyUnit | Account | Location
LONGEST_REASON = 500


def note(
    session: Session,
    actor: Actor,
    action: str,
    subject: Subject,
    changed: Changed,
    *,
    source: str = EDIT,
    reason: str = "",
    correction_id: int | None = None,
    in_audit: bool = True,
) -> None:
    """Keep what was changed in a unit, an account or a location, by whom and why. `in_audit`: with an audit line."""
    reason = clean_reason(reason)
    note_fields(session, actor, subject, changed, source=source, reason=reason, correction_id=correction_id)
    if in_audit:
        entity, key, location_id = thing(subject)
        record(
            session, action, entity, key, actor=actor.name, staff_id=actor.staff_id, address=actor.address,
            location_id=location_id, reason=reason,
            before={name: masked(name, old) for name, (old, _new) in changed.items() if old is not None} or None,
            after={name: masked(name, new) for name, (_old, new) in changed.items()} or None,
        )  # fmt: skip


def note_fields(
    session: Session,
    actor: Actor,
    subject: Subject,
    changed: Changed,
    *,
    source: str = EDIT,
    reason: str = "",
    correction_id: int | None = None,
) -> None:
    """The lines of the history alone."""
    column = {"unit": "unit_id", "account": "account_id", "location": "changed_location_id"}[thing(subject)[0]]
    lines = [
        {
            column: subject.id, "field": name, "old": old, "new": new, "source": source, "reason": reason,
            "staff_id": actor.staff_id, "actor": actor.name, "correction_id": correction_id,
        }
        for name, (old, new) in changed.items()
    ]  # fmt: skip
    if lines:
        session.execute(insert(RecordChange), lines)


def thing(subject: Subject) -> tuple[str, str, int]:
    """(kind, key, location) of a record as the audit log names it."""
    if isinstance(subject, SurveyUnit):
        return "unit", subject.survey_id, subject.location_id
    if isinstance(subject, Account):
        return "account", subject.psid, subject.location_id
    return "location", str(subject.id), subject.id


def masked(name: str, value: Any) -> Any:
    """A value for the audit log: without anybody's number."""
    if isinstance(value, str):
        return mask_value(name, value, False)
    if isinstance(value, dict):  # an area: by its name
        return value.get("name")
    return value


def clean_reason(reason: str) -> str:
    """The reason as it is kept: the log shows it to people who may see nobody's numbers."""
    return mask_value("reason", " ".join(reason.split())[:LONGEST_REASON], False)
