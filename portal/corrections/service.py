"""Corrections from the field: proposed, decided, applied to the register. Flushes, never commits.

What is approved is applied through `portal.registers` in the same transaction. Who decides has seen the unit as it is:
the form carries its version, and if the unit changed since, nothing is done and it is shown anew.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.corrections.models import APPROVED, PENDING, REJECTED, WITHDRAWN, Correction
from portal.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from portal.files.models import StoredFile
from portal.imports.service import Actor
from portal.notifications.recipients import people_of
from portal.notifications.service import notify
from portal.permissions import Permission, Role
from portal.registers.fields import UNIT_FIELDS, as_text, check_use_and_size, read_changes
from portal.registers.models import CORRECTION
from portal.registers.service import edit_unit
from portal.units.models import SurveyUnit
from portal.web.messages import lazily

# What the field may correct, in the order of the form.
OFFERED = (
    "consumer_name", "mobile", "cnic", "address", "use", "size_band", "business_type", "house_type",
    "water_connection",
)  # fmt: skip
LONGEST_NOTE = 500


@dataclass(frozen=True)
class Proposal:
    """What a form says: {field: what was typed}, a note, and how many photos come with it."""

    typed: Mapping[str, str]
    note: str = ""
    photos: int = 0
    device_at: dt.datetime | None = None


def differing(unit: SurveyUnit, typed: Mapping[str, str]) -> dict[str, list[str]]:
    """{field: [as it is, as it should be]} of what is different. Raises InvalidInputError (`details["fields"]`)."""
    read = read_changes(UNIT_FIELDS, {name: text for name, text in typed.items() if name in OFFERED})
    found = {}
    for name, values in read.items():
        before, after = UNIT_FIELDS[name].text_of(unit), as_text(name, values)
        if before != after:
            found[name] = [before, after]
    if {"use", "size_band"} & found.keys():
        use = found.get("use", ["", unit.use])[1] or None
        band = found.get("size_band", ["", unit.size_band])[1] or None
        check_use_and_size(use, band)
    return found


def propose(
    session: Session, actor: Actor, unit: SurveyUnit, proposal: Proposal, client_uuid: uuid.UUID, *, direct: bool
) -> Correction:
    """Keep a proposal; `direct`: apply it at once. The same one sent again is the first.

    Raises InvalidInputError when nothing is different, ConflictError for the uuid of something else, and whatever the
    register refuses.
    """
    known = session.scalars(select(Correction).where(Correction.client_uuid == client_uuid)).one_or_none()
    if known is not None:
        if (known.unit_id, known.proposed_by) != (unit.id, actor.staff_id):
            raise ConflictError(_("This form was sent for another unit already. Open it anew."))
        return known
    # Locked, so that the correction lies where the unit lies: one that moves just now takes only what it can see along.
    session.refresh(unit, with_for_update=True)
    if unit.deleted_at is not None:
        raise ConflictError(_("This unit is closed. Nothing was proposed."), code="closed")
    fields = differing(unit, proposal.typed)
    note = " ".join(proposal.note.split())[:LONGEST_NOTE]
    if not fields and not proposal.photos and not note:
        raise InvalidInputError(_("Nothing is different from what the register says. Change a field, or add a photo."))
    correction = Correction(
        client_uuid=client_uuid, unit_id=unit.id, location_id=unit.location_id, fields=fields, note=note,
        proposed_by=actor.staff_id, device_at=proposal.device_at,
    )  # fmt: skip
    session.add(correction)
    session.flush()
    _note(session, actor, "correction.propose", correction, unit, {"photos": proposal.photos})
    if direct:
        _apply(session, actor, correction, unit, unit.version, _("Corrected on the spot"))
    else:
        _tell_deciders(session, actor, correction, unit)
    return correction


def _tell_deciders(session: Session, actor: Actor, correction: Correction, unit: SurveyUnit) -> None:
    """Supervisors of the place; where there is none, its office."""
    deciders: list[int] = []
    for role in (Role.SUPERVISOR, Role.ADMIN, Role.MANAGER):
        found = people_of(session, unit.location_id, [role], Permission.DECIDE_CORRECTIONS)
        deciders = [one for one in found if one != actor.staff_id]
        if deciders:
            break
    survey_id = unit.survey_id
    notify(
        session, "correction.proposed", deciders,
        lazily(lambda: _("A correction of unit %(id)s was proposed.", id=survey_id)),
        event_key=f"correction:{correction.id}:proposed", entity="correction", entity_id=correction.id,
        url=f"/corrections/{correction.id}",
    )  # fmt: skip


def open_correction(session: Session, actor: Actor, correction_id: int) -> tuple[Correction, SurveyUnit]:
    """A correction that still waits, locked, with its unit; inside the actor's areas. Raises NotFoundError,
    ConflictError."""
    row = session.execute(
        select(Correction, SurveyUnit)
        .join(SurveyUnit, SurveyUnit.id == Correction.unit_id)
        .where(Correction.id == correction_id, actor.scope.clause(Correction.location_id))
        .with_for_update(of=Correction)
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise NotFoundError(_("There is no such correction in your area."))
    correction, unit = row
    if correction.state != PENDING:
        raise ConflictError(_("This correction has been decided already. Nothing was changed."), code="decided")
    return correction, unit


def moved(correction: Correction, unit: SurveyUnit) -> dict[str, str]:
    """{field: what the register says now} of the fields that changed since the correction was proposed."""
    found = {}
    for name, (before, after) in correction.fields.items():
        now = UNIT_FIELDS[name].text_of(unit)
        if now not in (before, after):
            found[name] = now
    return found


def approve(
    session: Session, actor: Actor, correction_id: int, unit_version: int, note: str = "", *, unmoved_only: bool = False
) -> Correction:
    """Approve a correction and apply it. `unit_version` is the unit's as the decider saw it.

    Raises ConflictError (`decided`; `stale`: the unit has changed since; `moved`: with `unmoved_only`, when a field
    changed since it was proposed), ForbiddenError for one's own.
    """
    correction, unit = open_correction(session, actor, correction_id)
    _not_his_own(actor, correction)
    if unmoved_only and moved(correction, unit):
        raise ConflictError(_("The register has changed since this was proposed. Look at it singly."), code="moved")
    _apply(session, actor, correction, unit, unit_version, note)
    _tell_proposer(session, correction, unit)
    return correction


def _apply(
    session: Session, actor: Actor, correction: Correction, unit: SurveyUnit, unit_version: int, note: str
) -> None:
    changes = {name: after for name, (_before, after) in correction.fields.items()}
    if unit.version != unit_version:
        raise ConflictError(_("Somebody else has changed this record meanwhile. Nothing was changed."), code="stale")
    if changes:
        edit_unit(
            session, actor, unit.id, unit_version, changes, source=CORRECTION,
            reason=note or correction.note, correction_id=correction.id,
        )  # fmt: skip
    # The photos are the unit's from now on.
    session.execute(
        update(StoredFile)
        .where(StoredFile.correction_id == correction.id, StoredFile.deleted_at.is_(None))
        .values(correction_id=None, unit_id=unit.id)
    )
    _decide(session, actor, correction, unit, APPROVED, note)


def reject(session: Session, actor: Actor, correction_id: int, note: str) -> Correction:
    """Refuse a correction, for a reason that its proposer reads."""
    reason = " ".join(note.split())[:LONGEST_NOTE]
    correction, unit = open_correction(session, actor, correction_id)
    _not_his_own(actor, correction)
    if not reason:
        raise InvalidInputError(_("Say why, so that the agent knows. Nothing was decided."), field="note")
    _decide(session, actor, correction, unit, REJECTED, reason)
    _tell_proposer(session, correction, unit)
    return correction


def withdraw(session: Session, actor: Actor, correction_id: int) -> Correction:
    """Take back one's own proposal."""
    correction, unit = open_correction(session, actor, correction_id)
    if correction.proposed_by != actor.staff_id:
        raise NotFoundError(_("There is no such correction in your area."))
    _decide(session, actor, correction, unit, WITHDRAWN, "")
    return correction


def _not_his_own(actor: Actor, correction: Correction) -> None:
    if correction.proposed_by == actor.staff_id:
        raise ForbiddenError(_("Somebody else decides what you proposed."), code="own")


_ACTIONS = {APPROVED: "correction.approve", REJECTED: "correction.reject", WITHDRAWN: "correction.withdraw"}


def _decide(session: Session, actor: Actor, correction: Correction, unit: SurveyUnit, state: str, note: str) -> None:
    correction.state, correction.decided_by, correction.decided_at = state, actor.staff_id, func.now()
    correction.decision_note = " ".join(note.split())[:LONGEST_NOTE]
    correction.version += 1
    session.flush()
    _note(session, actor, _ACTIONS[state], correction, unit, {}, reason=correction.decision_note)


def _tell_proposer(session: Session, correction: Correction, unit: SurveyUnit) -> None:
    survey_id, is_approved = unit.survey_id, correction.state == APPROVED
    message = lazily(
        lambda: (
            _("Your correction of unit %(id)s was approved.", id=survey_id)
            if is_approved
            else _("Your correction of unit %(id)s was rejected.", id=survey_id)
        )
    )
    notify(
        session, "correction.decided", [correction.proposed_by], message,
        event_key=f"correction:{correction.id}:decided", entity="correction", entity_id=correction.id,
        url=f"/corrections/{correction.id}",
    )  # fmt: skip


def _note(
    session: Session, actor: Actor, action: str, correction: Correction, unit: SurveyUnit, after: dict[str, Any],
    reason: str = "",
) -> None:  # fmt: skip
    """The audit line; values stand in the correction and in the history of the unit, numbers of people nowhere here."""
    record(
        session, action, "correction", correction.id, actor=actor.name, staff_id=actor.staff_id,
        address=actor.address, location_id=unit.location_id, reason=reason,
        after={"survey_id": unit.survey_id, "fields": sorted(correction.fields), **after},
    )  # fmt: skip
