"""Use cases of staff: accounts, areas, sign-in, sessions. Flushes, never commits."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence

from flask_babel import gettext as _
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.orm import Session

from portal.audit.service import SYSTEM, record
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations.models import DISTRICT, PROVINCE, Location
from portal.locations.names import match_key
from portal.permissions import Role
from portal.staff import passwords, selects
from portal.staff.models import LoginAttempt, Staff, StaffArea, StaffSession

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}")
DEMO_USERS: dict[str, tuple[Role, str]] = {
    "agent": (Role.AGENT, "Demo Field Agent"),
    "supervisor": (Role.SUPERVISOR, "Demo Supervisor"),
    "admin": (Role.ADMIN, "Demo Office Administrator"),
    "manager": (Role.MANAGER, "Demo Manager"),
    "head": (Role.HEAD, "Demo Head Administrator"),
}

# Failures within the window that cost nothing; each further one of an account doubles the wait up to the cap.
WINDOW_MINUTES = 15
FREE_FAILURES_ACCOUNT = 5
FREE_FAILURES_ADDRESS = 50
MAX_WAIT_SECONDS = 300


# --- areas -------------------------------------------------------------------------------------------------------


def _describe(session: Session, location: Location) -> str:
    """`Punjab/Khushab/Khushab (TEHSIL)`."""
    names = [location.name]
    parent = location.parent
    while parent is not None:
        names.append(parent.name)
        parent = parent.parent
    return "/".join(reversed(names)) + f" ({location.kind})"


def resolve_area(session: Session, path: str) -> Location:
    """The location a path of names stands for, e.g. `Punjab`, `Khushab/Khushab` (district/tehsil).

    Names are folded as those of the portal files. The first one may stand anywhere in the tree, each further one
    directly or deeper below the one before; a nearer place wins over a deeper one, and a path of several names
    is first of all district/tehsil/... (divisions, districts and tehsils often share a name). Below the province
    the district is meant, not the tehsil in it that bears its name; a bare name of both stays ambiguous. Names that
    hold slashes themselves match too. Raises NotFoundError when there is no such place and InvalidInputError,
    naming the candidates, when there are several.
    """
    parts = [part.strip() for part in path.split("/") if part.strip()]
    if not parts:
        raise InvalidInputError(_("An area needs a name, for example Khushab/Khushab."))
    walks = _walk(session, parts, None)
    if len(parts) > 1 and any(walk[0].kind == DISTRICT for walk in walks):
        walks = [walk for walk in walks if walk[0].kind == DISTRICT]
    found = {walk[-1].id: walk[-1] for walk in walks}
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


def check_password_rules(password: str, username: str) -> None:
    """Raises InvalidInputError when a password is too short, too long or the user name."""
    if len(password) < passwords.MIN_LENGTH:
        raise InvalidInputError(_("A password needs at least %(number)s characters.", number=passwords.MIN_LENGTH))
    if len(password) > passwords.MAX_LENGTH:
        raise InvalidInputError(_("A password has at most %(number)s characters.", number=passwords.MAX_LENGTH))
    if password.strip().lower() == username.lower():
        raise InvalidInputError(_("The password must not be the user name."))


def create_staff(
    session: Session,
    *,
    username: str,
    password: str,
    role: Role | str,
    areas: Sequence[Location],
    full_name: str = "",
    cost: int,
    actor: str = SYSTEM,
) -> Staff:
    """Add a person. Raises InvalidInputError for a bad name, role, password or no area, ConflictError when taken."""
    username = username.strip()
    if not _USERNAME.fullmatch(username):
        raise InvalidInputError(_("A user name has 2 to 64 letters, digits, dots, hyphens, underscores or @."))
    if str(role) not in set(Role):
        raise InvalidInputError(
            _("There is no role '%(role)s'; the roles are %(roles)s.", role=role, roles=", ".join(Role))
        )
    if not areas:
        raise InvalidInputError(_("A staff member needs at least one area."))
    check_password_rules(password, username)
    if session.scalar(selects.by_username(username)) is not None:
        raise ConflictError(_("The user name '%(username)s' is taken.", username=username))
    staff = Staff(
        username=username,
        password_hash=passwords.hash_password(password, cost),
        role=str(role),
        full_name=full_name.strip() or username,
    )
    staff.areas = [StaffArea(location_id=location_id) for location_id in sorted({area.id for area in areas})]
    session.add(staff)
    session.flush()
    after = {"username": username, "role": str(role), "areas": sorted(area.id for area in areas)}
    record(session, "staff.create", "staff", staff.id, actor=actor, after=after)
    return staff


def set_password(session: Session, username: str, password: str, cost: int, actor: str = SYSTEM) -> Staff:
    """Give a person a new password and end all his sessions. Raises NotFoundError, InvalidInputError."""
    staff: Staff | None = session.scalar(selects.by_username(username))
    if staff is None:
        raise NotFoundError(_("There is no staff member '%(username)s'.", username=username))
    check_password_rules(password, staff.username)
    staff.password_hash = passwords.hash_password(password, cost)
    end_all_sessions(session, staff.id)
    session.flush()
    record(session, "staff.password", "staff", staff.id, actor=actor)
    return staff


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


def save_preferences(session: Session, staff_id: int, *, language: str | None = None, theme: str | None = None) -> None:
    """Remember a person's language and theme (None: unchanged). The values are checked by the caller."""
    values = {key: value for key, value in (("language", language), ("theme", theme)) if value is not None}
    if values:
        session.execute(update(Staff).where(Staff.id == staff_id).values(**values))


# --- signing in --------------------------------------------------------------------------------------------------


def token_hash(token: str) -> str:
    """What the table keeps of a session's token: reading the table gives nobody a session."""
    return hashlib.sha256(token.encode()).hexdigest()


def wait_after(failures: int) -> int:
    """Seconds an account waits after its latest failure, by the number of failures since its last success."""
    if failures < FREE_FAILURES_ACCOUNT:
        return 0
    return int(min(2 ** (failures - FREE_FAILURES_ACCOUNT + 1), MAX_WAIT_SECONDS))


def begin_attempt(connection: Connection, username: str, address: str) -> tuple[int | None, int]:
    """Count an attempt before the password is looked at: (attempt id, 0), or (None, seconds to wait).

    Runs in a transaction of its own; attempts on one account, and from one address, queue behind each other, so
    that a hundred at once are counted as a hundred. A refused attempt is not counted: waiting helps.
    """
    # A NUL is in no name and PostgreSQL takes none: such an attempt is counted under a name that nobody has.
    username = username.replace("\0", "\ufffd").strip().lower()[:64]
    for lock in sorted({f"login:u:{username}", f"login:a:{address}"}):
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": lock})
    window = func.make_interval(0, 0, 0, 0, 0, WINDOW_MINUTES)
    since_success = (
        select(func.coalesce(func.max(LoginAttempt.at), func.to_timestamp(0)))
        .where(LoginAttempt.username == username, LoginAttempt.succeeded)
        .scalar_subquery()
    )
    seconds = func.extract("epoch", func.clock_timestamp() - func.max(LoginAttempt.at))
    failures, elapsed = connection.execute(
        select(func.count(), seconds).where(
            LoginAttempt.username == username,
            ~LoginAttempt.succeeded,
            LoginAttempt.at > func.clock_timestamp() - window,
            LoginAttempt.at > since_success,
        )
    ).one()
    wait = max(wait_after(failures) - int(elapsed or 0), 0)
    from_here = connection.execute(
        select(func.count(), seconds).where(
            LoginAttempt.address == address, ~LoginAttempt.succeeded, LoginAttempt.at > func.clock_timestamp() - window
        )
    ).one()
    if from_here[0] >= FREE_FAILURES_ADDRESS:
        wait = max(wait, 30 - int(from_here[1] or 0))
    if wait > 0:
        return None, wait
    attempt_id = connection.execute(
        insert(LoginAttempt)
        .values(username=username, address=address, succeeded=False, at=func.clock_timestamp())
        .returning(LoginAttempt.id)
    ).scalar_one()
    return attempt_id, 0


def authenticate(session: Session, username: str, password: str, cost: int) -> Staff | None:
    """The person, when name and password belong together and he is active; the time does not tell which was wrong."""
    can_be_a_name = username.strip() and "\0" not in username
    staff: Staff | None = session.scalar(selects.by_username(username[:64])) if can_be_a_name else None
    stored = staff.password_hash if staff is not None else passwords.dummy_hash(cost)
    matches = passwords.verify_password(password[: passwords.MAX_LENGTH + 1], stored)
    if staff is None or not matches or not staff.is_active:
        return None
    if passwords.needs_rehash(stored, cost):
        staff.password_hash = passwords.hash_password(password, cost)
    return staff


def open_session(session: Session, staff: Staff, attempt_id: int, address: str, user_agent: str) -> str:
    """Start a session and mark the attempt as successful; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    session.add(
        StaffSession(token_hash=token_hash(token), staff_id=staff.id, address=address, user_agent=user_agent[:200])
    )
    session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt_id).values(succeeded=True))
    session.flush()
    record(session, "staff.sign_in", "staff", staff.id, actor=staff.username, staff_id=staff.id, address=address)
    return token


def end_session(session: Session, session_id: int) -> None:
    """End one session; its cookie is worthless from then on."""
    open_one = (StaffSession.id == session_id, StaffSession.ended_at.is_(None))
    session.execute(update(StaffSession).where(*open_one).values(ended_at=func.now()))


def end_all_sessions(session: Session, staff_id: int, keep: int | None = None) -> int:
    """End a person's sessions, but for the one with the id `keep`. Returns how many were open."""
    open_ones = [StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None)]
    if keep is not None:
        open_ones.append(StaffSession.id != keep)
    ended = session.execute(update(StaffSession).where(*open_ones).values(ended_at=func.now()).returning(StaffSession.id))
    return len(ended.all())


def touch_session(connection: Connection, session_id: int, older_than_seconds: int) -> None:
    """Note activity, unless that was done within the last `older_than_seconds`."""
    connection.execute(
        update(StaffSession)
        .where(
            StaffSession.id == session_id,
            StaffSession.last_seen_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than_seconds),
        )
        .values(last_seen_at=func.now())
    )
