"""Use cases of edits by hand: change, make, close and restore units and accounts. Flushes, never commits.

Every change of a record goes through here, also those that corrections and tickets bring. What a person sets is kept
against files (`kept_by_hand`); everything derived is recomputed in the same transaction; the history has a line for
each field. One at a time, and never beside an import that writes (`lock_registers`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.billing.models import Account
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.imports.cells import read_psid, read_survey_id, text_or_none
from portal.imports.service import Actor
from portal.locations.locks import lock_registers
from portal.locations.models import Location
from portal.registers import derived
from portal.registers.fields import (
    ACCOUNT_FIELDS,
    LOCATION,
    UNIT_FIELDS,
    Field,
    Values,
    as_text,
    check_use_and_size,
    read_changes,
    wrong_fields,
)
from portal.registers.models import EDIT
from portal.registers.noting import clean_reason, note
from portal.registers.placing import location_inside, place_for
from portal.units.models import SurveyUnit

__all__ = [
    "Actor", "close_account", "close_unit", "create_account", "create_unit", "edit_account", "edit_unit",
    "release_account", "release_unit", "reserve_survey_id", "restore_account", "restore_unit",
]  # fmt: skip

# Older than any file: the first one that names the record fills what nobody has set.
BY_HAND_AS_OF = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# What the counts of units and the balances are kept by.
COUNTED = frozenset({LOCATION, "use", "size_band", "survey_id"})
CLOSED, HOLD = "closed", "hold"


# -- Units -----------------------------------------------------------------------------------------------------------
def edit_unit(
    session: Session,
    actor: Actor,
    unit_id: int,
    version: int | None,
    changes: Mapping[str, Any],
    *,
    source: str = EDIT,
    reason: str = "",
    correction_id: int | None = None,
    move_accounts: bool = False,
) -> bool:
    """Set fields of a unit. Returns whether anything was different.

    `changes` is {field of `UNIT_FIELDS`: what was typed}, None or '' to empty it. `version` is that of the unit as the
    editor saw it; None: whatever it is. `move_accounts`: a new area holds for the unit's accounts, too. Raises
    NotFoundError (unit or new area not in the actor's area), ConflictError (`stale`: changed meanwhile; `closed`;
    `busy`: a file is being imported), InvalidInputError (`details["fields"]`: a sentence for each wrong field).
    """
    read = read_changes(UNIT_FIELDS, changes)
    unit = open_unit(session, actor, unit_id, version)
    changed = _set(session, actor, unit, UNIT_FIELDS, read)
    if not changed:
        return False
    note(session, actor, "unit.edit", unit, changed, source=source, reason=reason, correction_id=correction_id)
    if LOCATION in changed and move_accounts:
        _move_accounts_of(session, actor, unit, source=source, reason=reason, correction_id=correction_id)
    session.flush()
    if COUNTED & changed.keys():
        derived.units_changed(session, [unit.id])
    return True


def _move_accounts_of(session: Session, actor: Actor, unit: SurveyUnit, **why: Any) -> None:
    """The unit's accounts inside the actor's area go where the unit has gone."""
    accounts = session.scalars(
        select(Account)
        .where(Account.unit_id == unit.id, Account.deleted_at.is_(None), actor.scope.clause(Account.location_id))
        .with_for_update()
    ).all()
    for account in accounts:
        changed = _set(session, actor, account, ACCOUNT_FIELDS, {LOCATION: {LOCATION: unit.location_id}})
        if changed:
            note(session, actor, "account.edit", account, changed, **why)


def open_unit(session: Session, actor: Actor, unit_id: int, version: int | None, *, closed: bool = False) -> SurveyUnit:
    """The unit to change, locked, as it is now. `closed`: whether it must be closed, or open."""
    lock_registers(session)
    query = select(SurveyUnit).where(SurveyUnit.id == unit_id, actor.scope.clause(SurveyUnit.location_id))
    unit = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if unit is None:
        raise NotFoundError(_("There is no such unit in your area."))
    _check_standing(unit, version, closed)
    found: SurveyUnit = unit
    return found


def create_unit(
    session: Session, actor: Actor, survey_id: str, changes: Mapping[str, Any], *, reason: str = "", source: str = EDIT
) -> SurveyUnit:
    """A unit that no file has brought yet. Without a survey id it gets a provisional number of 12 digits.

    What is set is kept against files, the rest comes from the first file that names it. Accounts that wait for this
    survey match. Raises as `edit_unit`, ConflictError (`taken`).
    """
    read = read_changes(UNIT_FIELDS, {name: typed for name, typed in changes.items() if typed not in (None, "")})
    if LOCATION not in read:
        raise wrong_fields({LOCATION: _("Choose an area.")})
    lock_registers(session)
    key = _new_survey_id(session, survey_id)
    location = location_inside(session, read[LOCATION][LOCATION], actor.scope)
    unit = SurveyUnit(
        survey_id=key, place_id=place_for(session, location).id, location_id=location.id, as_of=BY_HAND_AS_OF,
        kept_by_hand=[], image_urls=[], version=0,
    )  # fmt: skip
    changed = _set(session, actor, unit, UNIT_FIELDS, read, is_new=True)
    session.add(unit)
    session.flush()
    note(session, actor, "unit.create", unit, changed, reason=reason, source=source)
    waiting = derived.unit_arrived(session, unit.id, unit.survey_id)
    derived.accounts_changed(session, waiting)
    return unit


def _new_survey_id(session: Session, typed: str) -> str:
    if text_or_none(typed) is None:
        return reserve_survey_id(session)
    key, code = read_survey_id(typed)
    if code or key is None:
        raise wrong_fields({"survey_id": _("A survey id is a whole number, like 2319211.")})
    if session.scalar(select(SurveyUnit.id).where(SurveyUnit.survey_id == key)) is not None:
        raise ConflictError(_("Survey id %(id)s is in the register already.", id=key), code="taken", field="survey_id")
    return key


def reserve_survey_id(session: Session) -> str:
    """A provisional number for a unit that the portal has not numbered: longer than any of the portal's."""
    return str(session.scalar(text("SELECT nextval('provisional_survey_ids')")))


def close_unit(
    session: Session, actor: Actor, unit_id: int, version: int | None, reason: str, *, source: str = EDIT
) -> SurveyUnit:
    """Take a unit out of lists and counts, for a reason. Its accounts and their money stay. It can be restored."""
    reason = _reason(reason)
    unit = open_unit(session, actor, unit_id, version)
    _close(actor, unit, reason)
    note(session, actor, "unit.close", unit, {CLOSED: (False, True)}, reason=reason, source=source)
    derived.forget_units(session, [unit.id])
    return unit


def restore_unit(session: Session, actor: Actor, unit_id: int, version: int | None, reason: str = "") -> SurveyUnit:
    """Take a closed unit back into lists and counts."""
    unit = open_unit(session, actor, unit_id, version, closed=True)
    _restore(unit)
    note(session, actor, "unit.restore", unit, {CLOSED: (True, False)}, reason=reason)
    derived.units_changed(session, [unit.id])
    return unit


def release_unit(
    session: Session, actor: Actor, unit_id: int, version: int | None, fields: Sequence[str], reason: str = ""
) -> bool:
    """Let files decide these fields again. The values stay until the next file says others."""
    unit = open_unit(session, actor, unit_id, version)
    return _release(session, actor, "unit.release", unit, fields, reason)


# -- Accounts --------------------------------------------------------------------------------------------------------
def edit_account(
    session: Session,
    actor: Actor,
    account_id: int,
    version: int | None,
    changes: Mapping[str, Any],
    *,
    source: str = EDIT,
    reason: str = "",
    correction_id: int | None = None,
) -> bool:
    """Set fields of an account; `survey_id` links it to a unit or (empty) to none. Otherwise as `edit_unit`."""
    read = read_changes(ACCOUNT_FIELDS, changes)
    account = open_account(session, actor, account_id, version)
    old_unit = account.unit_id
    changed = _set(session, actor, account, ACCOUNT_FIELDS, read)
    if not changed:
        return False
    note(session, actor, "account.edit", account, changed, source=source, reason=reason, correction_id=correction_id)
    session.flush()
    if COUNTED & changed.keys():
        left = [old_unit] if old_unit is not None and old_unit != account.unit_id else []
        derived.accounts_changed(session, [account.id], left=left)
    return True


def open_account(
    session: Session, actor: Actor, account_id: int, version: int | None, *, closed: bool = False
) -> Account:
    """The account to change, locked, as it is now. `closed`: whether it must be closed, or open."""
    lock_registers(session)
    query = select(Account).where(Account.id == account_id, actor.scope.clause(Account.location_id))
    account = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if account is None:
        raise NotFoundError(_("There is no such account in your area."))
    _check_standing(account, version, closed)
    found: Account = account
    return found


def create_account(
    session: Session, actor: Actor, psid: str, changes: Mapping[str, Any], *, reason: str = "", source: str = EDIT
) -> Account:
    """An account that no file has brought yet. Payments that wait for its PSID match. Raises as `create_unit`."""
    read = read_changes(ACCOUNT_FIELDS, {name: typed for name, typed in changes.items() if typed not in (None, "")})
    key, code = read_psid(psid)
    if key is None or code not in {"", "PSID_ENDS_IN_ZEROS"}:
        raise wrong_fields({"psid": _("A PSID is a number of 11 to 20 digits.")})
    if LOCATION not in read:
        raise wrong_fields({LOCATION: _("Choose an area.")})
    lock_registers(session)
    if session.scalar(select(Account.id).where(Account.psid == key)) is not None:
        raise ConflictError(_("PSID %(psid)s is an account already.", psid=key), code="taken", field="psid")
    location = location_inside(session, read[LOCATION][LOCATION], actor.scope)
    account = Account(
        psid=key, place_id=place_for(session, location).id, location_id=location.id, as_of=BY_HAND_AS_OF,
        kept_by_hand=[], version=0,
    )  # fmt: skip
    changed = _set(session, actor, account, ACCOUNT_FIELDS, read, is_new=True)
    session.add(account)
    session.flush()
    note(session, actor, "account.create", account, changed, reason=reason, source=source)
    derived.account_arrived(session, account.id, account.psid)
    derived.accounts_changed(session, [account.id])
    return account


def close_account(
    session: Session, actor: Actor, account_id: int, version: int | None, reason: str, *, source: str = EDIT
) -> Account:
    """Mark an account as closed, for a reason. Its bills and payments stay in every figure of money."""
    reason = _reason(reason)
    account = open_account(session, actor, account_id, version)
    _close(actor, account, reason)
    note(session, actor, "account.close", account, {CLOSED: (False, True)}, reason=reason, source=source)
    session.flush()
    return account


def restore_account(session: Session, actor: Actor, account_id: int, version: int | None, reason: str = "") -> Account:
    """Take the mark off again."""
    account = open_account(session, actor, account_id, version, closed=True)
    _restore(account)
    note(session, actor, "account.restore", account, {CLOSED: (True, False)}, reason=reason)
    session.flush()
    return account


def release_account(
    session: Session, actor: Actor, account_id: int, version: int | None, fields: Sequence[str], reason: str = ""
) -> bool:
    """Let files decide these fields again."""
    account = open_account(session, actor, account_id, version)
    return _release(session, actor, "account.release", account, fields, reason)


# -- What both share -------------------------------------------------------------------------------------------------
def _check_standing(record: SurveyUnit | Account, version: int | None, closed: bool) -> None:
    if version is not None and version != record.version:
        raise ConflictError(_("Somebody else has changed this record meanwhile. Nothing was changed."), code="stale")
    if (record.deleted_at is not None) != closed:
        sentence = _("It is not closed.") if closed else _("It is closed. Restore it first; nothing was changed.")
        raise ConflictError(sentence, code="open" if closed else "closed")


def _reason(reason: str) -> str:
    reason = clean_reason(reason)
    if not reason:
        raise wrong_fields({"reason": _("Say why. It stands in the history.")})
    return reason


def _set(
    session: Session,
    actor: Actor,
    record: SurveyUnit | Account,
    fields: Mapping[str, Field],
    read: Mapping[str, Values],
    *,
    is_new: bool = False,
) -> dict[str, tuple[Any, Any]]:
    """Write what is different, and hold it. Returns {field: (old, new)} for the history."""
    changed: dict[str, tuple[Any, Any]] = {}
    for name, values in read.items():
        old = fields[name].values_of(record)
        if old == values and not is_new:
            continue
        if name == LOCATION:
            location = location_inside(session, values[LOCATION], actor.scope)
            record.place_id, record.location_id = place_for(session, location).id, location.id
            before = None if is_new else _area(session.get_one(Location, old[LOCATION]))
            changed[name] = (before, _area(location))
            continue
        if name == "survey_id" and isinstance(record, Account):
            _link(session, actor, record, values["survey_id"])
        for column, value in values.items():
            setattr(record, column, value)
        changed[name] = (None if is_new else _json(name, old), _json(name, values))
    if {"use", "size_band"} & changed.keys():
        check_use_and_size(record.use, record.size_band)
    if changed:
        record.kept_by_hand = sorted({*record.kept_by_hand, *changed})
        record.version += 1
        if not is_new:
            record.updated_at = func.now()
    return changed


def _link(session: Session, actor: Actor, account: Account, survey_id: str | None) -> None:
    """The account's unit is the one with its survey id, as everywhere; a unit that is not there yet is waited for."""
    account.unit_id = None
    if survey_id is None:
        return
    unit = session.scalars(select(SurveyUnit).where(SurveyUnit.survey_id == survey_id)).one_or_none()
    if unit is None:
        return
    inside = select(SurveyUnit.id).where(SurveyUnit.id == unit.id, actor.scope.clause(SurveyUnit.location_id))
    if session.scalar(inside) is None:
        raise wrong_fields({"survey_id": _("The unit with this survey id lies outside your area.")})
    if unit.deleted_at is not None:
        raise wrong_fields({"survey_id": _("The unit with this survey id is closed.")})
    account.unit_id = unit.id


def _area(location: Location) -> dict[str, Any]:
    return {"id": location.id, "name": location.name}


def _json(name: str, values: Values) -> Any:
    """The columns of a field as one JSON value."""
    if len(values) == 1:
        value = next(iter(values.values()))
        if isinstance(value, dt.datetime):
            return value.isoformat()
        return None if value in ("", []) else value
    return as_text(name, values) or None


def _close(actor: Actor, record: SurveyUnit | Account, reason: str) -> None:
    record.deleted_at, record.deleted_by, record.delete_reason = func.now(), actor.staff_id, reason
    record.version += 1


def _restore(record: SurveyUnit | Account) -> None:
    record.deleted_at, record.deleted_by, record.delete_reason = None, None, ""
    record.version += 1


def _release(
    session: Session, actor: Actor, action: str, record: SurveyUnit | Account, fields: Sequence[str], reason: str
) -> bool:
    held = [name for name in record.kept_by_hand if name in set(fields)]
    if not held:
        return False
    if not set(fields) <= {*UNIT_FIELDS, *ACCOUNT_FIELDS}:
        raise InvalidInputError(_("Choose one of the entries."))
    record.kept_by_hand = [name for name in record.kept_by_hand if name not in held]
    record.version += 1
    note(session, actor, action, record, {HOLD: (", ".join(held), None)}, reason=reason)
    session.flush()
    return True
