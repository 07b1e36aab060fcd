"""Changing settings: what was typed is merged with what others changed meanwhile, written, and kept in the history.

Flushes, never commits. Writers queue behind each other, so that the greatest id of the history is the version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, null, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.config import Settings
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations.models import DISTRICT, TEHSIL, Location
from portal.settings import catalogue, selects
from portal.settings.effective import apply
from portal.settings.images import Picture
from portal.settings.models import Setting, SettingChange


@dataclass(frozen=True)
class Actor:
    """Who changes settings, and from where."""

    name: str
    staff_id: int | None
    address: str


@dataclass(frozen=True)
class Clash:
    """A setting that two people changed at once: what I typed, and what somebody else's change made of it."""

    name: str
    mine: Any
    theirs: Any
    change: SettingChange


class SettingsConflict(ConflictError):
    """Somebody changed the same setting since the form was opened."""

    def __init__(self, clashes: list[Clash], now: dict[str, Any], version: int, mine: dict[str, Any]) -> None:
        super().__init__(
            _("Somebody else changed the same setting while you had the page open. Nothing of yours was saved yet.")
        )
        self.clashes, self.now, self.version, self.mine = clashes, now, version, mine


class SettingsErrors(InvalidInputError):
    """Values that cannot be accepted, by field. Nothing was saved."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(_("Nothing was saved. Correct what is marked."))
        self.errors = dict(errors)


@dataclass(frozen=True)
class Plan:
    """What is about to be changed: stored values before and after, by name."""

    environment: Settings
    before: dict[str, Any]
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def promise(self) -> str:
        """A mark of exactly this change: what a person confirms."""
        changed = {name: [self.before[name], value] for name, value in self.after.items()}
        return hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:32]


def defaults(environment: Settings) -> dict[str, Any]:
    """The stored form of every setting as the environment has it."""
    return {spec.name: catalogue.stored_of(spec, environment) for spec in catalogue.SPECS}


def read(session: Session, environment: Settings) -> tuple[int, dict[str, Any]]:
    """The version, and the stored form of every setting in force."""
    rows = session.execute(selects.overrides()).all()
    settings = apply(environment, {row.name: row.value for row in rows if row.name is not None})
    return rows[0].version or 0, defaults(settings)


def lock(session: Session) -> None:
    """Until the end of the transaction nobody else changes settings."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('settings'))"))


def plan(session: Session, environment: Settings, typed: Mapping[str, Any], seen: int) -> Plan:
    """What a form means that was opened at version `seen`: only what its reader changed himself.

    `typed` holds stored forms. Raises SettingsConflict when somebody else changed one of the same settings to another
    value since, and SettingsErrors when the outcome does not hold together.
    """
    lock(session)
    version, now = read(session, environment)
    opened = _values_at(session, environment, now, min(seen, version))
    mine = {name: value for name, value in typed.items() if value != opened[name]}
    clashes = [
        Clash(name, value, now[name], session.scalars(selects.last_change(name)).one())
        for name, value in mine.items()
        if now[name] not in (opened[name], value)
    ]
    if clashes:
        raise SettingsConflict(clashes, now, version, mine)
    mine = {name: value for name, value in mine.items() if value != now[name]}
    errors = catalogue.check_together(now | mine)
    touched = {name: sentence for name, sentence in errors.items() if set(mine) & (_TOGETHER[name] | {name})}
    if "recovery_targets" in mine:
        touched |= _check_areas(session, mine["recovery_targets"])
    if touched:
        raise SettingsErrors(touched)
    return Plan(environment, {name: now[name] for name in mine}, mine)


# With which other settings one must agree: an error is shown to who touches either.
_TOGETHER = {
    "default_language": {"languages"},
    "smtp_from": {"smtp_host"},
    "smtp_security": {"smtp_user", "smtp_host"},
    "idle_minutes": {"session_hours"},
}


def _values_at(session: Session, environment: Settings, now: Mapping[str, Any], seen: int) -> dict[str, Any]:
    """What was in force at a version: today's values with every change since undone."""
    then, start = dict(now), defaults(environment)
    for change in session.scalars(selects.first_changes_since(seen)):
        if change.name in then:
            then[change.name] = start[change.name] if change.before is None else change.before
    return then


def _check_areas(session: Session, targets: Mapping[str, int]) -> dict[str, str]:
    wanted = [int(area) for area in targets]
    query = select(Location.id).where(Location.id.in_(wanted), Location.kind.in_((DISTRICT, TEHSIL)))
    missing = set(wanted) - set(session.scalars(query))
    return {"recovery_targets": str(_("One of these areas does not exist (any more)."))} if missing else {}


def write(session: Session, wanted: Plan, actor: Actor, action: str = "settings.change") -> list[SettingChange]:
    """Write a plan made in the same transaction: values, history, one audit line for each setting."""
    start = defaults(wanted.environment)
    changes = []
    for name, after in wanted.after.items():
        before = wanted.before[name]
        if after == start[name]:
            session.execute(delete(Setting).where(Setting.name == name))
        else:
            upsert = insert(Setting).values(name=name, value=after)
            session.execute(
                upsert.on_conflict_do_update(
                    index_elements=["name"], set_={"value": upsert.excluded.value, "updated_at": text("now()")}
                )
            )
        changes.append(
            SettingChange(
                staff_id=actor.staff_id,
                actor=actor.name,
                name=name,
                before=null() if before == start[name] else before,
                after=null() if after == start[name] else after,
            )
        )
        record(
            session, action, "setting", name, actor=actor.name, staff_id=actor.staff_id, address=actor.address,
            before={"value": before}, after={"value": after},
        )  # fmt: skip
    session.add_all(changes)
    session.flush()
    return changes


def keep_image(session: Session, picture: Picture) -> None:
    """Store a picture under its digest. Earlier ones stay, so that the logo can be set back."""
    values = {"name": selects.IMAGE + picture.digest, "value": picture.stored}
    session.execute(insert(Setting).values(**values).on_conflict_do_nothing())


def find_change(session: Session, change_id: int) -> SettingChange:
    """A change of the history. Raises NotFoundError."""
    change = session.get(SettingChange, change_id) if 0 < change_id < 2**62 else None
    if change is None or change.name not in catalogue.BY_NAME:
        raise NotFoundError(_("There is no such change."))
    return change


def plan_undo(session: Session, environment: Settings, change: SettingChange) -> Plan:
    """Set a setting back to what it was before a change. Raises ConflictError when it was changed again since."""
    lock(session)
    version, now = read(session, environment)
    start = defaults(environment)[change.name]
    made = start if change.after is None else change.after
    if now[change.name] != made:
        raise ConflictError(
            _("This setting was changed again since. Set the later change back first, or enter the value itself.")
        )
    spec = catalogue.BY_NAME[change.name]
    back = start if change.before is None else catalogue.clean(spec, change.before)
    return plan(session, environment, {change.name: back}, version)
