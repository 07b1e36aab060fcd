"""The old `staff`: people with their role and area, and the passwords that were hashed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.cutover.cells import bcrypt_hash_of, flag_of, list_of, text_of
from portal.cutover.outcome import TableOutcome
from portal.cutover.reading import rows_of
from portal.cutover.staging import Staged, outcome_of
from portal.imports.service import Actor
from portal.locations.models import PROVINCE, TEHSIL, UNION_COUNCIL, Location
from portal.locations.names import match_key
from portal.permissions import Role
from portal.staff.models import Staff, StaffArea
from portal.staff.service import USERNAME

_COLUMNS = {
    "username": "text", "password_hash": "text", "full_name": "text", "role": "text", "city": "text",
    "councils": "text[]", "is_active": "boolean",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """The nodes a person's old area names, and those of its names that no location has."""

    ids: tuple[int, ...]
    missing: tuple[str, ...]


class AreaFinder:
    """Finds a tehsil and its union councils by their names in the old system."""

    def __init__(self, session: Session) -> None:
        self.root = session.scalars(select(Location.id).where(Location.kind == PROVINCE)).one()
        self.tehsils: dict[str, list[int]] = defaultdict(list)
        self.councils: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        rows = session.execute(
            select(Location.id, Location.parent_id, Location.kind, Location.name, Location.match_key).where(
                Location.kind.in_((TEHSIL, UNION_COUNCIL)), Location.deleted_at.is_(None)
            )
        )
        for node_id, parent_id, kind, name, key in rows:
            if kind == TEHSIL:
                self.tehsils[key].append(node_id)
            elif parent_id is not None:
                self.councils[parent_id][key].add(node_id)
                # "UC-17" for "UC-17, Chak 63 MB, Khushab".
                self.councils[parent_id][match_key(name.split(",")[0])].add(node_id)

    def find(self, role: str, city: str | None, councils: Sequence[str]) -> Found:
        """Where the role holds. A name that is unknown, or of several places, gives nothing: never more than meant."""
        if role == Role.HEAD:
            return Found((self.root,), ())
        tehsils = self.tehsils.get(match_key(city or ""), [])
        if len(tehsils) != 1:
            return Found((), (city or "",))
        if not councils:
            return Found((tehsils[0],), ())
        ids: set[int] = set()
        missing = []
        for name in councils:
            nodes = self.councils[tehsils[0]].get(match_key(name), set())
            if len(nodes) == 1:
                ids |= nodes
            else:
                missing.append(name)
        return Found(tuple(sorted(ids)), tuple(missing))


def take(session: Session, path: Path, file: str, actor: Actor) -> TableOutcome:
    """Take people over. Who is here already, by number or user name, stays as he is: access is changed here only."""
    staged = Staged(session, "staff", _COLUMNS)
    staged.load(_rows(path))
    staged.reject(
        "USERNAME_TWICE",
        "EXISTS (SELECT FROM old_staff o WHERE o.state = '' AND lower(o.username) = lower(s.username)"
        " AND o.line_no > s.line_no)",
    )
    staged.notes("PASSWORD_RESET", "SELECT line_no, '' FROM old_staff WHERE state = '' AND password_hash IS NULL")
    known = set(session.scalars(select(Staff.legacy_id).where(Staff.legacy_id.is_not(None))))
    finder, added = AreaFinder(session), []
    rows = session.execute(text("SELECT * FROM old_staff WHERE state = '' ORDER BY line_no")).all()
    for row in rows:
        if row.row_key in known:
            continue
        present = session.scalar(select(Staff).where(func.lower(Staff.username) == row.username.lower()))
        if present is not None:
            staged.note(row.line_no, "USERNAME_KNOWN")
            if present.legacy_id is None:
                present.legacy_id = row.row_key
            continue
        found = finder.find(row.role, row.city, row.councils or ())
        for name in found.missing:
            staged.note(row.line_no, "AREA_UNKNOWN", name)
        if not found.ids:
            staged.note(row.line_no, "NO_AREA")
        _add(session, row, found, actor)
        added.append(row.line_no)
    session.flush()
    lines = ", ".join(map(str, added)) or "NULL"
    staged.decide(f"CASE WHEN s.line_no IN ({lines}) THEN 'INSERTED' ELSE 'UNCHANGED' END")
    return outcome_of(session, "staff", file, {})


def _rows(path: Path) -> Iterator[tuple[int, str, str, Sequence[Any]]]:
    for line_no, row in rows_of(path):
        legacy_id, username = text_of(row["id"]), text_of(row["username"])
        role = (text_of(row["role"]) or "").upper()
        reason = ""
        if legacy_id is None:
            reason = "ID_MISSING"
        elif username is None or not USERNAME.fullmatch(username):
            reason = "USERNAME_UNREADABLE"
        elif role not in set(Role):
            reason = "ROLE_UNKNOWN"
        is_active = flag_of(row["is_active"])
        values = (
            username, bcrypt_hash_of(row["password"]), text_of(row["full_name"]), role, text_of(row["assigned_city"]),
            _array(list_of(row["assigned_ucs"])), True if is_active is None else is_active,
        )  # fmt: skip
        yield line_no, legacy_id or "", reason, values


def _array(names: Sequence[str]) -> str:
    """A list of texts as PostgreSQL writes an array."""
    quoted = ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)
    return "{" + ",".join(quoted) + "}"


def _add(session: Session, row: Any, found: Found, actor: Actor) -> None:
    staff = Staff(
        username=row.username,
        password_hash=row.password_hash or "",  # '' matches nothing: an invitation or a code sets one
        full_name=row.full_name or row.username,
        role=row.role,
        is_active=row.is_active,
        must_change_password=row.password_hash is None,
        legacy_id=row.row_key,
        deactivated_at=None if row.is_active else func.now(),
    )
    staff.areas = [StaffArea(location_id=location_id) for location_id in found.ids]
    session.add(staff)
    session.flush()
    after = {"username": row.username, "role": row.role, "areas": list(found.ids), "is_active": row.is_active}
    record(
        session, "staff.create", "staff", staff.id, actor=actor.name, staff_id=actor.staff_id, address=actor.address,
        reason="cutover", after=after,
    )  # fmt: skip
