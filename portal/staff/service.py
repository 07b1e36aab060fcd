"""Use cases of staff: accounts, areas, sign-in, sessions. Flushes, never commits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flask_babel import gettext as _
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.audit.service import SYSTEM, record
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations.models import DISTRICT, PROVINCE, Location
from portal.locations.names import match_key
from portal.permissions import AreaScope, Role
from portal.staff import password_rules, passwords, selects
from portal.staff.happenings import Happening, What, tell
from portal.staff.models import Staff, StaffArea, StaffToken
from portal.staff.password_rules import PasswordRules
from portal.staff.sessions import end_all_sessions, end_session, touch_session
from portal.staff.signin import FREE_FAILURES_ACCOUNT, MAX_WAIT_SECONDS, WINDOW_MINUTES, unlock

__all__ = [
    "DEMO_USERS",
    "FREE_FAILURES_ACCOUNT",
    "MAX_WAIT_SECONDS",
    "WINDOW_MINUTES",
    "change_password",
    "create_staff",
    "end_all_sessions",
    "end_session",
    "ensure_demo_users",
    "resolve_area",
    "save_preferences",
    "set_password",
    "touch_session",
    "unlock",
]

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}")
DEMO_USERS: dict[str, tuple[Role, str]] = {
    "agent": (Role.AGENT, "Demo Field Agent"),
    "supervisor": (Role.SUPERVISOR, "Demo Supervisor"),
    "admin": (Role.ADMIN, "Demo Office Administrator"),
    "manager": (Role.MANAGER, "Demo Manager"),
    "head": (Role.HEAD, "Demo Head Administrator"),
}


# --- areas -------------------------------------------------------------------------------------------------------


def _describe(session: Session, location: Location) -> str:
    """`Punjab/Khushab/Khushab (TEHSIL)`."""
    names = [location.name]
    parent = location.parent
    while parent is not None:
        names.append(parent.name)
        parent = parent.parent
    return "/".join(reversed(names)) + f" ({location.kind})"


def resolve_area(session: Session, path: str, scope: AreaScope | None = None) -> Location:
    """The location a path of names stands for, e.g. `Punjab`, `Khushab/Khushab` (district/tehsil).

    Names are folded as those of the portal files. The first one may stand anywhere in the tree, each further one
    directly or deeper below the one before; a nearer place wins over a deeper one, and a path of several names
    is first of all district/tehsil/... (divisions, districts and tehsils often share a name). Below the province
    the district is meant, not the tehsil in it that bears its name; a bare name of both stays ambiguous. Names that
    hold slashes themselves match too. Raises NotFoundError when there is no such place and InvalidInputError,
    naming the candidates, when there are several. Places outside the scope (None: everywhere) do not exist.
    """
    parts = [part.strip() for part in path.split("/") if part.strip()]
    if not parts:
        raise InvalidInputError(_("An area needs a name, for example Khushab/Khushab."))
    walks = _walk(session, parts, None)
    if len(parts) > 1 and any(walk[0].kind == DISTRICT for walk in walks):
        walks = [walk for walk in walks if walk[0].kind == DISTRICT]
    found = {walk[-1].id: walk[-1] for walk in walks}
    if scope is not None:
        inside = select(Location.id).where(Location.id.in_(found), scope.clause(Location.id))
        found = {location_id: found[location_id] for location_id in session.scalars(inside)}
    if not found:
        raise NotFoundError(_("There is no area '%(path)s'.", path=path))
    if len(found) > 1:
        candidates = sorted(_describe(session, place) for place in found.values())
        raise InvalidInputError(
            _(
                "The area '%(path)s' could be any of: %(candidates)s. Name its parents too.",
                path=path,
                candidates="; ".join(candidates[:20]),
            ),
            candidates=candidates,
        )
    return next(iter(found.values()))


def _highest(places: list[Location]) -> list[Location]:
    """The one place that all the others lie in, when there is one: a district before its tehsil of the same name."""

    def is_inside(place: Location, other: Location) -> bool:
        parent = place.parent
        while parent is not None and parent.id != other.id:
            parent = parent.parent
        return parent is not None

    for one in places:
        if all(place is one or is_inside(place, one) for place in places):
            return [one]
    return places


def _walk(session: Session, parts: list[str], below: Location | None) -> list[list[Location]]:
    """Every way the parts can be walked down; a part may swallow the next ones, since names hold slashes."""
    results: list[list[Location]] = []
    for taken in range(1, len(parts) + 1):
        key = match_key("/".join(parts[:taken]))
        places = list(session.scalars(selects.places_named(key, below.id if below else None)))
        if below is not None and any(place.parent_id == below.id for place in places):
            places = [place for place in places if place.parent_id == below.id]
        elif below is not None and below.kind == PROVINCE:
            places = _highest(places)
        for place in places:
            rest = _walk(session, parts[taken:], place) if parts[taken:] else [[]]
            results += [[place, *walk] for walk in rest]
    return results


# --- accounts ----------------------------------------------------------------------------------------------------


def create_staff(
    session: Session,
    *,
    username: str,
    password: str,
    role: Role | str,
    areas: Sequence[Location],
    full_name: str = "",
    cost: int,
    rules: PasswordRules | None = None,
    actor: str = SYSTEM,
    must_change: bool = False,
) -> Staff:
    """Add a person, who must choose another password at the first sign-in when `must_change`.

    Raises InvalidInputError for a bad name, role, password or no area, ConflictError when taken.
    """
    username = username.strip()
    if not USERNAME.fullmatch(username):
        raise InvalidInputError(_("A user name has 2 to 64 letters, digits, dots, hyphens, underscores or @."))
    if str(role) not in set(Role):
        raise InvalidInputError(
            _("There is no role '%(role)s'; the roles are %(roles)s.", role=role, roles=", ".join(Role))
        )
    if not areas:
        raise InvalidInputError(_("A staff member needs at least one area."))
    password_rules.check(password, username, full_name, rules)
    if session.scalar(selects.by_username(username)) is not None:
        raise ConflictError(_("The user name '%(username)s' is taken.", username=username))
    staff = Staff(
        username=username,
        password_hash=passwords.hash_password(password, cost),
        role=str(role),
        full_name=full_name.strip() or username,
        must_change_password=must_change,
    )
    staff.areas = [StaffArea(location_id=location_id) for location_id in sorted({area.id for area in areas})]
    session.add(staff)
    session.flush()
    after = {"username": username, "role": str(role), "areas": sorted(area.id for area in areas)}
    record(session, "staff.create", "staff", staff.id, actor=actor, after=after)
    return staff


def set_password(
    session: Session,
    username: str,
    password: str,
    cost: int,
    rules: PasswordRules | None = None,
    actor: str = SYSTEM,
    must_change: bool = False,
) -> Staff:
    """Give a person a new password (to be changed at the next sign-in when `must_change`) and end all his sessions.

    Raises NotFoundError, InvalidInputError.
    """
    staff: Staff | None = session.scalar(selects.by_username(username))
    if staff is None:
        raise NotFoundError(_("There is no staff member '%(username)s'.", username=username))
    password_rules.check(password, staff.username, staff.full_name, rules)
    change_password(session, staff, passwords.hash_password(password, cost), how="system", actor=actor)
    staff.must_change_password = must_change
    return staff


def change_password(
    session: Session,
    staff: Staff,
    new_hash: str,
    *,
    how: str,
    actor: str,
    actor_id: int | None = None,
    address: str = "",
    keep_session: int | None = None,
) -> None:
    """Store the hash of a password that was checked against the rules.

    Ends his sessions (but `keep_session`) and uses up every one-time secret that could replace the password again.
    `how` goes into the audit line: own, link, code, invitation or system.
    """
    staff.password_hash = new_hash
    staff.password_changed_at = func.now()
    staff.must_change_password = False
    ended = end_all_sessions(session, staff.id, keep=keep_session)
    open_tokens = (StaffToken.staff_id == staff.id, StaffToken.used_at.is_(None))
    session.execute(update(StaffToken).where(*open_tokens).values(used_at=func.now()))
    session.flush()
    after = {"how": how, "sessions_ended": ended}
    record(session, "staff.password", "staff", staff.id, actor=actor, staff_id=actor_id, address=address, after=after)
    if how != "invitation":  # there was none before
        what = What.PASSWORD_CHANGED if how == "own" else What.PASSWORD_RESET
        tell(session, Happening(what, staff.id, actor, actor_id == staff.id, address))


def ensure_demo_users(
    session: Session, areas_by_username: Mapping[str, Sequence[Location]], password: str, cost: int
) -> list[Staff]:
    """Add those demo users (agent, supervisor, admin, manager, head) that are missing; existing ones stay as they are.

    The demo password is whatever the installation's settings say: no rule on its length.
    """
    added: list[Staff] = []
    hashed: str | None = None
    for username, areas in areas_by_username.items():
        role, full_name = DEMO_USERS[username]
        if session.scalar(selects.by_username(username)) is not None:
            continue
        hashed = hashed or passwords.hash_password(password, cost)
        staff = Staff(username=username, password_hash=hashed, role=str(role), full_name=full_name)
        staff.areas = [StaffArea(location_id=location_id) for location_id in sorted({area.id for area in areas})]
        session.add(staff)
        session.flush()
        record(session, "staff.create", "staff", staff.id, after={"username": username, "role": str(role)})
        added.append(staff)
    return added


def save_preferences(
    session: Session,
    staff_id: int,
    *,
    language: str | None = None,
    theme: str | None = None,
    low_data: bool | None = None,
) -> None:
    """Remember a person's language, theme and low-data mode (None: unchanged). The values are checked by the caller."""
    wanted: dict[str, object] = {"language": language, "theme": theme, "low_data": low_data}
    values = {key: value for key, value in wanted.items() if value is not None}
    if values:
        session.execute(update(Staff).where(Staff.id == staff_id).values(**values))
