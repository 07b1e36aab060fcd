"""What the pages of the administration of staff are made of: the reader's own standing, one person, his history."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from portal.audit import words as audit_words
from portal.audit.models import AuditEntry
from portal.db import session
from portal.errors import DomainError, NotFoundError
from portal.mail.addresses import refusal_of
from portal.permissions import Role
from portal.roles import role_name
from portal.staff import areas as tree
from portal.staff import people, rules, sessions
from portal.staff.administration import Facts
from portal.staff.authority import By, other_heads, person_of, refused
from portal.staff.models import Staff
from portal.staff.rules import Action, Actor
from portal.web import format as fmt
from portal.web.context import client_address, settings
from portal.web.filters import language
from portal.web.guard import current_scope


def by() -> By:
    """The signed-in person as the one who acts."""
    return By(current_user.id, current_user.username, client_address())


def actor() -> Actor:
    """The same as the rules see him, for what a page offers; the use case looks again."""
    return Actor(current_user.id, current_user.role, frozenset(current_user.area_ids))


def grantable() -> tuple[Role, ...]:
    """The roles the signed-in person may hand out, and so administers."""
    return rules.grantable_roles(actor())


@dataclass(frozen=True)
class Record:
    """One person as his pages show him."""

    staff: Staff
    seen: dt.datetime | None
    areas: tuple[tree.NamedArea, ...]
    allowed: frozenset[Action]

    @property
    def state(self) -> str:
        """One of `people.STATES`, but for `locked`, which an account of any state may be beside."""
        if not self.staff.is_active:
            return people.INACTIVE
        return people.ACTIVE if self.staff.password_hash else people.INVITED

    def may(self, action: str) -> bool:
        """Whether the action may be offered, as far as authority goes."""
        return Action(action) in self.allowed


def find(staff_id: int) -> Record:
    """The person, if the signed-in one administers him. Raises NotFoundError."""
    db = session()
    known = 0 < staff_id <= tree.BIGGEST_ID
    row = db.execute(people.person(staff_id, current_scope(), grantable())).first() if known else None
    if row is None:
        raise NotFoundError(_("There is no such person in your area."))
    return _record(db, row[0], row.seen)


def _record(db: Session, staff: Staff, seen: dt.datetime | None) -> Record:
    named = tree.named(db, [one.location_id for one in staff.areas], language())
    areas = tuple(sorted(named.values(), key=lambda one: one.text))
    allowed = rules.allowed(actor(), person_of(db, staff), other_heads(db, staff.id))
    return Record(staff, seen, areas, allowed)


def why_not(record: Record, action: Action) -> DomainError:
    """Why an action is not offered for a person that the reader sees."""
    db = session()
    reason = rules.decide(actor(), action, person_of(db, record.staff), other_heads=other_heads(db, record.staff.id))
    return refused(reason or rules.Reason.HIDDEN)


def details(record: Record) -> dict[str, Any]:
    """What stands on a person's page besides himself: sessions, codes, the wait after failures, his history."""
    db, config, staff = session(), settings(), record.staff
    return {
        "sessions": sessions.open_sessions(db, staff.id, 0, config.idle_minutes, config.session_hours),
        "tokens": {row.kind: row for row in db.execute(people.open_tokens(staff.id))},
        "locked_until": db.scalar(people.locked_until(staff)),
        "refusal": refusal_of(db, staff.email),
        "events": [event(entry) for entry in db.scalars(people.history(staff.id, current_scope()))],
        "maker": db.get(Staff, staff.created_by) if staff.created_by else None,
        "changed": db.execute(people.last_change(staff.id)).first(),
    }


@dataclass(frozen=True)
class Event:
    """One line of a person's history."""

    at: dt.datetime
    title: str
    text: str
    who: str
    icon: str


def event(entry: AuditEntry) -> Event:
    """An audit line in words: what was done to the account, or with it to something else."""
    parts = [_thing(entry), *_changes(entry.before or {}, entry.after or {}), entry.reason]
    icon = "pencil" if entry.entity == "staff" else "dot"
    return Event(entry.at, audit_words.title(entry.action), " · ".join(filter(None, parts)), entry.actor, icon)


def _thing(entry: AuditEntry) -> str:
    if entry.entity == "staff":
        return ""
    kind = str(audit_words.ENTITIES.get(entry.entity, entry.entity))
    return f"{kind} {fmt.isolated(entry.entity_id, language())}".strip()


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """`role: Supervisor → Office administrator` of the fields that tell about a person."""
    texts = []
    arrow = "←" if language() == "ur" else "→"  # arrows are not turned around with the line
    for key, show in _SHOWN.items():
        if key in after and after[key] not in (None, "", [], before.get(key)):
            new = fmt.isolated(show(after[key]), language())
            old = fmt.isolated(show(before[key]), language()) + f" {arrow} " if before.get(key) else ""
            texts.append(f"{audit_words.field_label(key)}: {old}{new}")
    return texts


def _area_names(areas: Any) -> str:
    return "; ".join(str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in areas)


_SHOWN: dict[str, Any] = {
    "full_name": str,
    "email": str,
    "mobile": str,
    "role": lambda role: role_name(role) if role in set(Role) else str(role),
    "areas": lambda areas: _area_names(areas) if isinstance(areas, list) else str(areas),
}


@dataclass(frozen=True)
class Difference:
    """One field of a conflict: what is saved now, and what was typed."""

    label: str
    saved: str
    typed: str


def differences(staff: Staff, typed: Facts, role: Role | None) -> list[Difference]:
    """The fields in which a form differs from what somebody else has saved meanwhile."""
    pairs = [
        (_("Full name"), staff.full_name, typed.full_name),
        (_("E-mail"), staff.email or "", typed.email or ""),
        (_("Mobile"), staff.mobile or "", typed.mobile or ""),
        (_("Role"), role_name(staff.role), role_name(role or staff.role)),
    ]
    return [Difference(str(label), saved, mine) for label, saved, mine in pairs if saved != mine]


def picker(chosen: list[int]) -> tree.Choice:
    """The state of the area picker: what the form says is chosen, opened and searched for."""
    opened, words = request.form.get("open", request.form.get("opened", "")), request.form.get("words", "")
    if "open" in request.form:
        words = ""
    return tree.choice(
        session(),
        current_scope(),
        chosen,
        opened=int(opened) if opened.isascii() and opened.isdigit() and len(opened) < 10 else None,
        words=words[:100],
        language=language(),
    )


def is_picking() -> bool:
    """Whether a form was sent to move in the tree, not to save."""
    return "open" in request.form or "find" in request.form


def wants_fragment() -> bool:
    """Whether the page's script asks for the picker alone."""
    return request.headers.get("X-Picker") == "1"
