"""Queries over tickets. No session here. What is read for a person takes him (`Actor`): his area, what he may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.orm import aliased

from portal.billing.models import Account
from portal.corrections.models import Correction
from portal.locations.models import Location, LocationClosure
from portal.payments.models import Payment
from portal.permissions import Permission, Role
from portal.staff.models import Staff, StaffArea
from portal.staff.selects import display_name
from portal.tickets import filters
from portal.tickets.models import (
    BILLING,
    DATA,
    Holiday,
    Ticket,
    TicketCategory,
    TicketComment,
    TicketDeadline,
    TicketEvent,
)
from portal.tickets.rules import ACTIVE, OFFICE, RUNNING, Actor
from portal.units.models import SurveyUnit
from portal.visits.models import ComplianceVisit
from portal.web.pages import Key

Rows = Select[*tuple[Any, ...]]
COMMENTS, EVENTS, SAME, PANEL = 200, 200, 10, 8
COUNTED = 1_000
TAB_COUNTED = 100
# A person as colleagues call him.
PERSON = display_name()
FAR = func.to_timestamp(4_102_444_800)  # 2100: what waits for the consumer is due last


# -- Who sees what ---------------------------------------------------------------------------------------------------
def visible(actor: Actor) -> ColumnElement[bool]:
    """The condition that a person sees a ticket: it lies in his area; an agent's also is his own, or for any agent."""
    inside = actor.scope.clause(Ticket.location_id)
    if actor.role is not Role.AGENT:
        return inside
    own = or_(Ticket.reported_by == actor.staff_id, Ticket.assigned_to == actor.staff_id, _free_for(Role.AGENT))
    return and_(inside, own)


def _free_for(role: Role | None) -> ColumnElement[bool]:
    return and_(Ticket.assigned_to.is_(None), Ticket.assigned_role == str(role), _active())


def _said(condition: str) -> ColumnElement[bool]:
    """A condition word for word as a partial index has it, so that the planner sees that the index does."""
    return literal_column(condition, Boolean)


def _active() -> ColumnElement[bool]:
    return _said("tickets.status IN ('OPEN','IN_PROGRESS','WAITING')")


def _running() -> ColumnElement[bool]:
    return _said("tickets.status IN ('OPEN','IN_PROGRESS')")


def seers(ticket: Ticket, ids: Collection[int]) -> Rows:
    """(id, username, full name) of those of these people who may see a ticket."""
    return _staff_here(ticket.location_id).where(Staff.id.in_(ids), _sees(ticket)).order_by(Staff.id)


def seers_named(ticket: Ticket, usernames: Collection[str]) -> Rows:
    """The same by user name (lower case)."""
    return (
        _staff_here(ticket.location_id)
        .where(func.lower(Staff.username).in_(usernames), _sees(ticket))
        .order_by(Staff.id)
    )


def _sees(ticket: Ticket) -> ColumnElement[bool]:
    own = Staff.id.in_([one for one in (ticket.reported_by, ticket.assigned_to) if one is not None])
    free = ticket.assigned_to is None and ticket.assigned_role == str(Role.AGENT) and ticket.status in ACTIVE
    return or_(Staff.role != str(Role.AGENT), own, true() if free else false())


def _staff_here(location_id: int) -> Rows:
    covering = select(LocationClosure.ancestor_id).where(LocationClosure.location_id == location_id)
    areas = select(StaffArea.staff_id).where(StaffArea.location_id.in_(covering))
    return select(Staff.id, Staff.username, Staff.full_name, Staff.role).where(Staff.is_active, Staff.id.in_(areas))


def workers(location_id: int, only: int | None = None) -> Rows:
    """(id, username, full name, role) of the people a ticket of this place can be given to: active, area covers it."""
    query = _staff_here(location_id)
    if only is not None:
        return query.where(Staff.id == only)
    return query.order_by(Staff.role, func.lower(Staff.full_name), Staff.id).limit(300)


# -- One ticket ------------------------------------------------------------------------------------------------------
def ticket(number: str, actor: Actor) -> Rows:
    """The ticket with all that its page names, if the person may see it."""
    assignee, reporter, decider, wanter, resolver = (aliased(Staff) for _ in range(5))
    survivor = aliased(Ticket)
    unit_seen = actor.scope.clause(SurveyUnit.location_id)
    account_seen = actor.scope.clause(Account.location_id)
    return (
        select(
            Ticket,
            TicketCategory,
            Location,
            assignee.username.label("assignee_username"),
            assignee.full_name.label("assignee_name"),
            reporter.username.label("reporter_username"),
            reporter.full_name.label("reporter_name"),
            decider.full_name.label("decider_name"),
            wanter.full_name.label("wanter_name"),
            resolver.full_name.label("resolver_name"),
            survivor.number.label("merged_into"),
            case((unit_seen, SurveyUnit.survey_id)).label("survey_id"),
            case((account_seen, Account.psid)).label("psid"),
            Payment,
            ComplianceVisit.id.label("visit_id"),
            ComplianceVisit.visited_at.label("visited_at"),
            Correction.state.label("correction_state"),
            Correction.fields.label("correction_fields"),
        )
        .join(TicketCategory, TicketCategory.id == Ticket.category_id)
        .join(Location, Location.id == Ticket.location_id)
        .outerjoin(assignee, assignee.id == Ticket.assigned_to)
        .outerjoin(reporter, reporter.id == Ticket.reported_by)
        .outerjoin(decider, decider.id == Ticket.decided_by)
        .outerjoin(wanter, wanter.id == Ticket.wanted_by)
        .outerjoin(resolver, resolver.id == Ticket.resolved_by)
        .outerjoin(survivor, survivor.id == Ticket.merged_into_id)
        .outerjoin(SurveyUnit, SurveyUnit.id == Ticket.unit_id)
        .outerjoin(Account, Account.id == Ticket.account_id)
        .outerjoin(Payment, Payment.id == Ticket.payment_id)
        .outerjoin(ComplianceVisit, ComplianceVisit.id == Ticket.visit_id)
        .outerjoin(Correction, Correction.id == Ticket.correction_id)
        .where(Ticket.number == number, visible(actor))
    )


def bare(number: str, actor: Actor) -> Select[Ticket]:
    """The ticket alone, if the person may see it."""
    return select(Ticket).where(Ticket.number == number, visible(actor))


def by_uuid(client_uuid: Any) -> Select[Ticket]:
    """The ticket that was sent with this uuid, whoever's it is."""
    return select(Ticket).where(Ticket.client_uuid == client_uuid)


def by_ids(ids: Sequence[int], actor: Actor) -> Select[Ticket]:
    """Those of these tickets that the person sees."""
    return select(Ticket).where(Ticket.id.in_(ids), visible(actor)).order_by(Ticket.id)


def comments(ticket_ids: Sequence[int]) -> Rows:
    """(TicketComment, number of its ticket, who wrote it) of tickets, the oldest first."""
    return (
        select(TicketComment, Ticket.number, func.coalesce(PERSON, TicketComment.author).label("who"))
        .join(Ticket, Ticket.id == TicketComment.ticket_id)
        .outerjoin(Staff, Staff.id == TicketComment.staff_id)
        .where(TicketComment.ticket_id.in_(ticket_ids))
        .order_by(TicketComment.id)
        .limit(COMMENTS)
    )


def named(staff_ids: Collection[int]) -> Rows:
    """(user name, name) of people."""
    return select(Staff.username, PERSON.label("name")).where(Staff.id.in_(staff_ids))


def answers(ticket_id: int) -> Rows:
    """(when, words) of what the complainant may read, the oldest first."""
    return (
        select(TicketComment.created_at, TicketComment.body)
        .where(TicketComment.ticket_id == ticket_id, TicketComment.is_public)
        .order_by(TicketComment.id)
        .limit(COMMENTS)
    )


def events(ticket_id: int) -> Rows:
    """(TicketEvent, who did it) of what happened to a ticket, newest first."""
    return (
        select(TicketEvent, func.coalesce(PERSON, TicketEvent.actor).label("who"))
        .outerjoin(Staff, Staff.id == TicketEvent.staff_id)
        .where(TicketEvent.ticket_id == ticket_id)
        .order_by(TicketEvent.id.desc())
        .limit(EVENTS)
    )


def merged_here(ticket_id: int) -> Rows:
    """(id, number, title) of the tickets merged into one."""
    query = select(Ticket.id, Ticket.number, Ticket.title, Ticket.reported_by)
    return query.where(Ticket.merged_into_id == ticket_id).order_by(Ticket.id).limit(SAME)


def same(ticket: Ticket, actor: Actor) -> Rows:
    """(number, title, created_at) of active tickets that may be about the same: same unit (or account), category."""
    about = []
    if ticket.unit_id is not None:
        about.append(Ticket.unit_id == ticket.unit_id)
    if ticket.account_id is not None:
        about.append(Ticket.account_id == ticket.account_id)
    return (
        select(Ticket.number, Ticket.title, Ticket.created_at, Ticket.status)
        .where(
            or_(false(), *about), Ticket.category_id == ticket.category_id, Ticket.id != ticket.id, _active(),
            visible(actor),
        )
        .order_by(Ticket.id)
        .limit(SAME)
    )  # fmt: skip


def open_of(unit_id: int | None, account_id: int | None, category_id: int | None, actor: Actor) -> Rows:
    """(number, title, created_at, status) of active tickets about a unit or account: said before another is made."""
    about = [
        column == value
        for column, value in ((Ticket.unit_id, unit_id), (Ticket.account_id, account_id))
        if value is not None
    ]
    query = select(Ticket.number, Ticket.title, Ticket.created_at, Ticket.status).where(
        or_(false(), *about), _active(), visible(actor)
    )
    if category_id is not None:
        query = query.where(Ticket.category_id == category_id)
    return query.order_by(Ticket.id.desc()).limit(SAME)


def of_record(unit_ids: Sequence[int], account_ids: Sequence[int], actor: Actor) -> Rows:
    """The newest tickets about units or accounts, for their pages."""
    about = or_(Ticket.unit_id.in_(unit_ids), Ticket.account_id.in_(account_ids))
    return (
        select(
            Ticket.number, Ticket.title, Ticket.status, Ticket.priority, Ticket.created_at, Ticket.resolved_at,
            Ticket.due_at, TicketCategory.name, TicketCategory.name_ur,
        )
        .join(TicketCategory, TicketCategory.id == Ticket.category_id)
        .where(about, visible(actor))
        .order_by(Ticket.id.desc())
        .limit(PANEL)
    )  # fmt: skip


# -- Categories, deadlines, holidays ---------------------------------------------------------------------------------
def categories(*, only_active: bool = False, only_public: bool = False) -> Select[TicketCategory]:
    query = select(TicketCategory)
    if only_active:
        query = query.where(TicketCategory.is_active)
    if only_public:
        query = query.where(TicketCategory.is_public)
    return query.order_by(TicketCategory.position, TicketCategory.id)


def deadlines(category_ids: Sequence[int] | None = None) -> Select[TicketDeadline]:
    query = select(TicketDeadline)
    return query if category_ids is None else query.where(TicketDeadline.category_id.in_(category_ids))


def holidays() -> Select[Holiday]:
    return select(Holiday).order_by(Holiday.day)


# -- The list --------------------------------------------------------------------------------------------------------
def boxes(actor: Actor) -> tuple[str, ...]:
    """The tabs a person has, his own start first."""
    if not actor.may(Permission.WORK_TICKETS):
        return (filters.MINE, filters.ROLE, filters.RAISED, filters.EVERY)
    return (
        filters.ALL, filters.MINE, filters.ROLE, filters.NEAR, filters.PAST, filters.DECIDE, filters.RAISED,
        filters.EVERY,
    )  # fmt: skip


def _undecided(actor: Actor) -> ColumnElement[bool]:
    """What waits for the person's decision, as `rules.may_decide` has it."""
    mine = [DATA, BILLING] if actor.role in OFFICE else [DATA] if actor.role is Role.SUPERVISOR else []
    effects = select(TicketCategory.id).where(TicketCategory.effect.in_(mine))
    return and_(
        _said("tickets.decision = 'PENDING'"),
        _active(),
        Ticket.category_id.in_(effects),
        Ticket.reported_by.is_distinct_from(actor.staff_id),
        Ticket.wanted_by.is_distinct_from(actor.staff_id),
    )


def in_box(box: str, actor: Actor, now: dt.datetime) -> ColumnElement[bool]:
    """The condition of a tab."""
    conditions: dict[str, ColumnElement[bool]] = {
        filters.MINE: and_(Ticket.assigned_to == actor.staff_id, Ticket.status.in_(ACTIVE)),
        filters.ROLE: _free_for(actor.role),
        filters.ALL: _active(),
        filters.NEAR: and_(_running(), Ticket.near_at <= now, Ticket.due_at > now),
        filters.PAST: and_(_running(), Ticket.due_at <= now),
        filters.DECIDE: _undecided(actor),
        filters.RAISED: Ticket.reported_by == actor.staff_id,
        filters.EVERY: true(),
    }
    return conditions[box]


def matching(
    wanted: filters.TicketFilter, actor: Actor, now: dt.datetime, *, of_place: bool = False
) -> list[ColumnElement[bool]]:
    """The conditions of a list; `of_place`: but for those on where it lies, which the caller has."""
    found = [in_box(wanted.box, actor, now)]
    if not of_place:
        found.append(visible(actor))
    pairs = ((Ticket.status, wanted.status), (Ticket.category_id, wanted.category), (Ticket.priority, wanted.priority),
             (Ticket.source, wanted.source), (Ticket.decision, wanted.decision))  # fmt: skip
    found += [column == value for column, value in pairs if value is not None]
    if wanted.area is not None and not of_place:
        below = select(LocationClosure.location_id).where(LocationClosure.ancestor_id == wanted.area)
        found.append(Ticket.location_id.in_(below))
    if wanted.who is not None:
        found.append(Ticket.assigned_to.is_(None) if wanted.who == filters.NOBODY else Ticket.assigned_to == wanted.who)
    if wanted.words:
        simple: Any = literal_column("'simple'::regconfig")
        found.append(func.to_tsvector(simple, Ticket.title).op("@@")(func.plainto_tsquery(simple, wanted.words)))
    return found


def rows(wanted: filters.TicketFilter, actor: Actor, now: dt.datetime) -> Rows:
    """(Ticket, category name, its Urdu name, place, assignee, survey id, psid) of a list."""
    assignee = aliased(Staff)
    return (
        select(
            Ticket,
            TicketCategory.name,
            TicketCategory.name_ur,
            Location.name.label("place"),
            assignee.full_name.label("assignee"),
            assignee.username.label("assignee_username"),
        )
        .join(TicketCategory, TicketCategory.id == Ticket.category_id)
        .join(Location, Location.id == Ticket.location_id)
        .outerjoin(assignee, assignee.id == Ticket.assigned_to)
        .where(*matching(wanted, actor, now))
    )


def of_a_place(wanted: filters.TicketFilter, actor: Actor, now: dt.datetime) -> Select[int]:
    """Ids of the matches of a list, to be narrowed to places of the person's areas."""
    return select(Ticket.id).where(*matching(wanted, actor, now, of_place=True))


def places_of(area: int | None, actor: Actor) -> Select[int]:
    """The locations of an area inside the person's own."""
    query = select(LocationClosure.location_id).where(actor.scope.clause(LocationClosure.location_id)).distinct()
    return query if area is None else query.where(LocationClosure.ancestor_id == area)


def order(wanted: filters.TicketFilter) -> list[Key]:
    """The order of a list."""
    if wanted.sort == filters.DUE:
        return [Key(func.coalesce(Ticket.due_at, FAR)), Key(Ticket.id)]
    return [Key(Ticket.id, descending=wanted.sort == filters.NEWEST)]


def counted(wanted: filters.TicketFilter, actor: Actor, now: dt.datetime) -> Rows:
    """How many tickets a list holds, at most COUNTED + 1."""
    some = select(Ticket.id).where(*matching(wanted, actor, now)).limit(COUNTED + 1)
    return select(func.count()).select_from(some.subquery())


def tab_counts(actor: Actor, names: Sequence[str], now: dt.datetime) -> Rows:
    """One row: how many tickets each tab holds, at most TAB_COUNTED + 1; those that can be counted cheaply."""
    parts = []
    for name in names:
        some = select(Ticket.id).where(visible(actor), in_box(name, actor, now)).limit(TAB_COUNTED + 1).subquery()
        parts.append(select(func.count()).select_from(some).scalar_subquery().label(name))
    return select(*parts)


# -- The clock -------------------------------------------------------------------------------------------------------
def to_escalate(now: dt.datetime) -> Select[Ticket]:
    """Tickets whose time is nearly over or over and whose people have not been told yet (step 3 the caller judges)."""
    near = and_(Ticket.escalation == 0, Ticket.near_at <= now)
    past = and_(Ticket.escalation < 3, Ticket.due_at <= now)
    return select(Ticket).where(_running(), or_(near, past)).order_by(Ticket.id)


def running() -> Select[Ticket]:
    """Tickets whose clock runs."""
    return select(Ticket).where(Ticket.status.in_(RUNNING), Ticket.clock_from.is_not(None)).order_by(Ticket.id)
