"""What the pages of tickets are made of, in a bounded number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup, escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.words import nobody_of_ours
from portal.errors import NotFoundError
from portal.files.models import PHOTO
from portal.files.selects import files_of
from portal.locations.models import Location, LocationClosure
from portal.permissions import AreaScope, Permission, Role
from portal.tickets import areas, decisions, filters, rules, selects, words
from portal.tickets.commenting import MENTION
from portal.tickets.models import DATA, PENDING, Ticket, TicketCategory
from portal.tickets.rules import Actor
from portal.tickets.service import now, standing
from portal.tickets.web import may_see
from portal.units.models import SurveyUnit
from portal.web.filters import language
from portal.web.masking import mask_text
from portal.web.pages import Page, first_of_each, paginate


@dataclass(frozen=True)
class Event:
    """One line of the history."""

    at: dt.datetime
    title: str
    text: str
    who: str
    icon: str


@dataclass(frozen=True)
class Said:
    """A comment with its photos and documents; `number`: of the merged ticket it was written to, '' for this one.
    `body`: what was written, masked for the reader, with the names of those it mentions."""

    comment: Any
    who: str
    number: str
    body: Markup
    photos: list[Any]
    documents: list[Any]


@dataclass(frozen=True)
class Found:
    """A ticket as its page shows it to one reader."""

    row: Any
    ticket: Ticket
    category: TicketCategory
    path: list[tuple[int, str]]
    may_see: bool
    comments: list[Said]
    photos: list[Any]
    documents: list[Any]
    events: list[Event]
    same: list[Any]
    merged_here: list[Any]
    people: list[Any]
    steps: tuple[str, ...]
    may_take: bool
    may_assign: bool
    may_decide: bool
    may_tell_public: bool
    why_not_decide: str
    is_undecided: bool
    changes: list[Any]
    missing: str
    correction_photos: list[Any]
    unit_version: int | None
    moment: dt.datetime

    @property
    def is_active(self) -> bool:
        return self.ticket.status in rules.ACTIVE

    @property
    def is_running(self) -> bool:
        return self.ticket.status in rules.RUNNING


def path_of(db: Session, location_id: int, scope: AreaScope) -> list[tuple[int, str]]:
    """(id, name) of the areas on the way down, from the first of the reader's own."""
    query = (
        select(Location.id, Location.name, Location.name_ur)
        .join(LocationClosure, LocationClosure.ancestor_id == Location.id)
        .where(LocationClosure.location_id == location_id, Location.parent_id.is_not(None), scope.clause(Location.id))
        .order_by(LocationClosure.depth.desc())
    )
    urdu = language() == "ur"
    return [(row.id, (row.name_ur if urdu else None) or row.name) for row in db.execute(query)]


def area_in_force(db: Session, area_id: int | None, scope: AreaScope) -> dict[str, Any]:
    """The chosen area with the way to it, and what lies one level below. Raises NotFoundError."""
    path = path_of(db, area_id, scope) if area_id is not None else []
    if area_id is not None and not path:
        raise NotFoundError(_("This area does not exist, or is not one of yours."))
    below = [(row[0], row[1]) for row in db.execute(areas.options(area_id, scope, language()))]
    return {"area_path": path, "areas_below": below}


def list_page(
    db: Session, wanted: filters.TicketFilter, reader: Actor, cursor: str | None, moment: dt.datetime
) -> Page:
    """A page of the list. Of an area's whole history each place gives its first ones (see `first_of_each`)."""
    query, keys = selects.rows(wanted, reader, moment), selects.order(wanted)
    is_whole = wanted.area is None and reader.scope.is_everywhere
    if wanted.box != filters.EVERY or is_whole or wanted.words or reader.role is Role.AGENT or len(keys) != 1:
        return paginate(db, query, keys, cursor)
    places = db.scalars(selects.places_of(wanted.area, reader)).all()
    matches = selects.of_a_place(wanted, reader, moment)
    return paginate(db, query.where(first_of_each(matches, Ticket.location_id, places, keys, cursor)), keys, cursor)


def load(db: Session, reader: Actor, number: str) -> Found:
    """The ticket with everything on its page. Raises NotFoundError."""
    row = db.execute(selects.ticket(number, reader)).first()
    if row is None:
        raise NotFoundError(_("There is no such ticket in your area, or it is not yours to see."))
    ticket, category = row.Ticket, row.TicketCategory
    sees = may_see(ticket)
    merged = db.execute(selects.merged_here(ticket.id)).all()
    said = db.execute(selects.comments([ticket.id, *(one.id for one in merged)])).all()
    mentioned = {staff_id for one in said for staff_id in one.TicketComment.mentions}
    names = {row.username.lower(): row.name for row in db.execute(selects.named(mentioned))} if mentioned else {}
    is_undecided = ticket.decision == PENDING and ticket.status in rules.ACTIVE
    linked = decisions.linked_correction(db, ticket) if is_undecided and category.effect == DATA else None
    comment_ids, correction_ids = [one.TicketComment.id for one in said], [linked.id] if linked is not None else []
    files: dict[tuple[int | None, int | None], list[Any]] = {}
    for file in db.scalars(files_of(ticket_ids=[ticket.id], comment_ids=comment_ids, correction_ids=correction_ids)):
        files.setdefault((file.comment_id, file.correction_id), []).append(file)
    ruled = standing(ticket, category)
    may_assign = current_user.can(Permission.WORK_TICKETS) and ticket.status in rules.ACTIVE
    unit: SurveyUnit | None = None
    changes: list[decisions.Change] = []
    missing = ""
    if category.effect == DATA:
        unit, changes = decisions.wanted_changes(db, ticket)
        missing = decisions.what_is_missing(db, ticket, unit, changes)
    may_decide = rules.may_decide(reader, ruled)
    is_about_one = ticket.unit_id is not None or ticket.account_id is not None
    return Found(
        row=row,
        ticket=ticket,
        category=category,
        path=path_of(db, ticket.location_id, reader.scope),
        may_see=sees,
        comments=[
            Said(
                one.TicketComment, one.who, "" if one.number == ticket.number else one.number,
                commented(one.TicketComment, names, sees),
                *_by_kind(files.get((one.TicketComment.id, None), [])),
            )
            for one in said
        ],
        photos=_by_kind(files.get((None, None), []))[0],
        documents=_by_kind(files.get((None, None), []))[1],
        events=[_event(entry, who) for entry, who in db.execute(selects.events(ticket.id))],
        same=list(db.execute(selects.same(ticket, reader))) if may_assign and is_about_one else [],
        merged_here=list(merged),
        people=list(db.execute(selects.workers(ticket.location_id))) if may_assign else [],
        steps=rules.steps(reader, ruled),
        may_take=rules.may_take(reader, ruled),
        may_assign=may_assign,
        may_decide=may_decide,
        may_tell_public=rules.may_tell_public(reader, ticket.public_code_hash is not None),
        why_not_decide="" if may_decide or not is_undecided else decisions.why_not(reader, ticket, category),
        is_undecided=is_undecided,
        changes=changes,
        missing=missing,
        correction_photos=files.get((None, linked.id), []) if linked is not None else [],
        unit_version=unit.version if unit is not None else None,
        moment=now(),
    )  # fmt: skip


def _by_kind(files: list[Any]) -> tuple[list[Any], list[Any]]:
    return [one for one in files if one.kind == PHOTO], [one for one in files if one.kind != PHOTO]


def commented(comment: Any, names: Mapping[str, str], sees: bool) -> Markup:
    """The text of a comment, masked for who does not see personal numbers; behind each user name in it that was told
    of it stands who that is."""
    text, parts, at = mask_text(comment.body, sees), Markup(""), 0
    for found in MENTION.finditer(text):
        username = found[1].rstrip(".")
        name = names.get(username.lower())
        if name is not None and name.lower() != username.lower():
            end = found.start(1) + len(username)
            parts += escape(text[at : found.start()]) + _MENTION.format(username, name)
            at = end
    return parts + escape(text[at:])


_MENTION = Markup('<span class="mention">@<bdi dir="ltr">{}</bdi> <span class="muted">(<bdi>{}</bdi>)</span></span>')


def _event(entry: Any, who: str) -> Event:
    detail: Mapping[str, Any] = entry.detail
    return Event(
        entry.at, words.event_title(entry.event, detail), words.event_text(entry.event, detail), nobody_of_ours(who),
        words.ICONS.get(entry.event, "dot"),
    )  # fmt: skip
