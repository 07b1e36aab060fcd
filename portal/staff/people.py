"""Queries of the administration of staff: the list, one person, his sessions and tokens, what happened. No session."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, literal_column, or_, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from portal.audit.models import AuditEntry
from portal.locations.models import Location, LocationClosure
from portal.permissions import AreaScope, Role
from portal.staff.models import LoginAttempt, Staff, StaffArea, StaffSession, StaffToken
from portal.staff.rules import RANK
from portal.staff.signin import FREE_FAILURES_ACCOUNT, MAX_WAIT_SECONDS, WINDOW_MINUTES, second_factor_name
from portal.web.pages import Key

Rows = Select[*tuple[Any, ...]]

ACTIVE, INVITED, INACTIVE, LOCKED = "active", "invited", "inactive", "locked"
STATES = (ACTIVE, INVITED, LOCKED, INACTIVE)
SORTS = ("name", "username", "role", "seen")
TIMELINE = 40


@dataclass(frozen=True)
class StaffFilter:
    """What the list is narrowed to. `mobile` are digits, which never come from an address."""

    words: str = ""
    mobile: str = ""
    role: Role | None = None
    area: int | None = None
    state: str | None = None
    sort: str = "name"
    descending: bool = False

    @property
    def is_active(self) -> bool:
        return bool(self.words or self.mobile or self.role or self.area is not None or self.state)


def is_invited() -> ColumnElement[bool]:
    """Has not set a password yet, or not again after a reset."""
    return and_(Staff.is_active, Staff.password_hash == "")


def _area_of(staff: Any = Staff) -> Any:
    return select(StaffArea.location_id).where(StaffArea.staff_id == staff.id)


def administered(scope: AreaScope, roles: tuple[Role, ...]) -> ColumnElement[bool]:
    """The people of these roles whose areas all lie inside the scope (see `portal.staff.rules.sees`)."""
    of_role = Staff.role.in_([str(role) for role in roles])
    if scope.is_everywhere:
        return and_(of_role, _area_of().exists())
    inside = scope.clause(StaffArea.location_id)
    return and_(of_role, _area_of().exists(), ~_area_of().where(~inside).exists())


def last_sign_in() -> ColumnElement[dt.datetime | None]:
    """When a person signed in last. Sessions are forgotten after some weeks; the audit log remembers."""
    session = select(func.max(StaffSession.created_at)).where(StaffSession.staff_id == Staff.id).scalar_subquery()
    noted = select(func.max(AuditEntry.at)).where(AuditEntry.staff_id == Staff.id, AuditEntry.action == "staff.sign_in")
    return func.coalesce(session, noted.scalar_subquery())


def locked_names() -> Rows:
    """(user name, moment the wait ends) of the accounts that must wait after failures to sign in."""
    other = aliased(LoginAttempt)
    # Attempts with a browser that is known and those of strangers are counted apart (see `portal.staff.signin`).
    last_success = select(func.max(other.at)).where(
        other.username == LoginAttempt.username, other.known_device == LoginAttempt.known_device, other.succeeded
    )
    over = func.count() - FREE_FAILURES_ACCOUNT + 1
    wait = func.least(func.power(2, func.least(over, 20)), MAX_WAIT_SECONDS)
    until = func.max(LoginAttempt.at) + func.make_interval(0, 0, 0, 0, 0, 0, wait)
    return (
        select(LoginAttempt.username, until.label("until"))
        .where(
            ~LoginAttempt.succeeded,
            ~LoginAttempt.forgiven,
            LoginAttempt.at > func.now() - func.make_interval(0, 0, 0, 0, 0, WINDOW_MINUTES),
            LoginAttempt.at > func.coalesce(last_success.scalar_subquery(), func.to_timestamp(0)),
        )
        .group_by(LoginAttempt.username, LoginAttempt.known_device)
        .having(func.count() >= FREE_FAILURES_ACCOUNT, until > func.now())
    )


def _is_locked() -> ColumnElement[bool]:
    locked = locked_names().subquery("locked")
    second_factor = func.concat(second_factor_name(0).removesuffix("0"), Staff.id)
    return exists(select(locked.c.username).where(locked.c.username.in_([func.lower(Staff.username), second_factor])))


def _matching(wanted: StaffFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    for word in wanted.words.split():
        name = or_(Staff.full_name.icontains(word, autoescape=True), Staff.username.icontains(word, autoescape=True))
        conditions.append(name)
    if wanted.mobile:
        conditions.append(Staff.mobile.contains(wanted.mobile, autoescape=True))
    if wanted.role is not None:
        conditions.append(Staff.role == str(wanted.role))
    if wanted.area is not None:
        inside = select(LocationClosure.location_id).where(LocationClosure.ancestor_id == wanted.area)
        conditions.append(_area_of().where(StaffArea.location_id.in_(inside)).exists())
    states: dict[str, ColumnElement[bool]] = {
        ACTIVE: and_(Staff.is_active, Staff.password_hash != ""),
        INVITED: is_invited(),
        INACTIVE: ~Staff.is_active,
        LOCKED: and_(Staff.is_active, _is_locked()),
    }
    if wanted.state is not None:
        conditions.append(states[wanted.state])
    return conditions


def people(wanted: StaffFilter, scope: AreaScope, roles: tuple[Role, ...]) -> Rows:
    """(Staff, last sign-in, whether locked) of the people the reader administers."""
    return select(Staff, last_sign_in().label("seen"), _is_locked().label("is_locked")).where(
        administered(scope, roles), *_matching(wanted)
    )


def keys(wanted: StaffFilter) -> list[Key]:
    """The order of the list. NULL is no key: who never signed in comes first among the oldest."""
    rank = case({str(role): position for role, position in RANK.items()}, value=Staff.role)
    seen = func.coalesce(last_sign_in(), func.to_timestamp(0))
    first = {
        "name": func.lower(Staff.full_name),
        "username": func.lower(Staff.username),
        "role": rank,
        "seen": seen,
    }[wanted.sort]
    return [Key(first, wanted.descending), Key(Staff.id, wanted.descending)]


def file_rows(wanted: StaffFilter, scope: AreaScope, roles: tuple[Role, ...]) -> Rows:
    """The same people with what a file says of each, by name; areas as paths with semicolons between."""
    above = aliased(Location)
    step: Any = aggregate_order_by(literal_column("' › '"), LocationClosure.depth.desc())
    paths = (
        select(StaffArea.staff_id, func.string_agg(above.name, step).label("path"))
        .join(LocationClosure, LocationClosure.location_id == StaffArea.location_id)
        .join(above, above.id == LocationClosure.ancestor_id)
        .where(or_(above.parent_id.is_not(None), LocationClosure.depth == 0))
        .group_by(StaffArea.staff_id, StaffArea.location_id)
        .subquery("paths")
    )
    separator: Any = aggregate_order_by(literal_column("'; '"), paths.c.path)
    areas = select(func.string_agg(paths.c.path, separator)).where(paths.c.staff_id == Staff.id).scalar_subquery()
    state = case(
        (~Staff.is_active, literal(INACTIVE)), (_is_locked(), literal(LOCKED)), (is_invited(), literal(INVITED)),
        else_=literal(ACTIVE),
    )  # fmt: skip
    return (
        select(
            Staff.username,
            Staff.full_name,
            Staff.role,
            areas.label("areas"),
            Staff.mobile,
            Staff.email,
            state.label("state"),
            last_sign_in().label("seen"),
            Staff.created_at.label("made"),
        )
        .where(administered(scope, roles), *_matching(wanted))
        .order_by(func.lower(Staff.full_name), Staff.id)
    )


def areas_of(staff_ids: list[int]) -> Rows:
    """(staff id, location id) of the granted areas."""
    return select(StaffArea.staff_id, StaffArea.location_id).where(StaffArea.staff_id.in_(staff_ids))


def person(staff_id: int, scope: AreaScope, roles: tuple[Role, ...]) -> Rows:
    """(Staff, last sign-in) of one person the reader administers."""
    return select(Staff, last_sign_in().label("seen")).where(Staff.id == staff_id, administered(scope, roles))


def locked_until(staff: Staff) -> Rows:
    """The moment until which an account must wait; NULL when it need not."""
    locked = locked_names().subquery("locked")
    return select(func.max(locked.c.until)).where(
        locked.c.username.in_([staff.username.lower(), second_factor_name(staff.id)])
    )


def open_tokens(staff_id: int) -> Rows:
    """The one-time secrets a person could still use, with who made them."""
    maker = aliased(Staff)
    return (
        select(StaffToken.kind, StaffToken.created_at, StaffToken.expires_at, maker.username.label("maker"))
        .outerjoin(maker, maker.id == StaffToken.created_by)
        .where(StaffToken.staff_id == staff_id, StaffToken.used_at.is_(None), StaffToken.expires_at > func.now())
        .order_by(StaffToken.created_at.desc())
    )


def history(staff_id: int, scope: AreaScope) -> Rows:
    """The newest audit lines about a person, and of what he did himself inside the reader's area."""
    about = select(AuditEntry).where(AuditEntry.entity == "staff", AuditEntry.entity_id == str(staff_id))
    own = select(AuditEntry).where(
        AuditEntry.staff_id == staff_id,
        or_(AuditEntry.location_id.is_(None), scope.clause(AuditEntry.location_id)),
    )
    newest = [
        part.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(TIMELINE).subquery() for part in (about, own)
    ]
    ids = or_(*(AuditEntry.id.in_(select(part.c.id)) for part in newest))
    oldest = func.least(*(select(func.min(part.c.at)).scalar_subquery() for part in newest))
    return (
        select(AuditEntry)
        .where(AuditEntry.at >= oldest, ids)
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(TIMELINE)
    )


def heads_of_the_province(but: int | None) -> Rows:
    """How many people lead the province: active HEADs of the root who have (or had) a password."""
    root = select(LocationClosure.location_id).where(LocationClosure.location_id == StaffArea.location_id)
    is_root = ~root.where(LocationClosure.depth > 0).exists()
    query = select(func.count()).where(
        Staff.role == str(Role.HEAD),
        Staff.is_active,
        or_(Staff.password_hash != "", Staff.password_changed_at.is_not(None)),
        _area_of().where(is_root).exists(),
    )
    return query if but is None else query.where(Staff.id != but)


def last_change(staff_id: int) -> Rows:
    """(at, actor) of the newest change of a person's account by an administrator."""
    return (
        select(AuditEntry.at, AuditEntry.actor)
        .where(
            AuditEntry.entity == "staff",
            AuditEntry.entity_id == str(staff_id),
            AuditEntry.action.in_(["staff.edit", "staff.role", "staff.areas", "staff.deactivate", "staff.reactivate"]),
        )
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(1)
    )


def number_of(wanted: StaffFilter, scope: AreaScope, roles: tuple[Role, ...]) -> Rows:
    """How many people the list holds."""
    return select(func.count()).select_from(
        select(Staff.id).where(administered(scope, roles), *_matching(wanted)).subquery()
    )
