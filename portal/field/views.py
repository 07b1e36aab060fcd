"""Pages of people in the field: assigned to me, my area, and the load of agents."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.assignments import selects as assignments
from portal.assignments.forms import number as read_number
from portal.assignments.standing import ICONS, STANDINGS, WORDS
from portal.audit.sightings import Seen
from portal.billing.cycles import cycle_bounds, cycle_of
from portal.db import session
from portal.errors import NotFoundError
from portal.field import acts, area, selects, worklist
from portal.field.words import CHIPS, OUTCOMES, PLANS
from portal.locations.models import MOHALLA, UNION_COUNCIL
from portal.permissions import Permission, require
from portal.search import finder
from portal.search.question import read
from portal.search.words import words
from portal.staff.models import Staff
from portal.units.models import SurveyUnit
from portal.web.context import settings
from portal.web.filters import language
from portal.web.format import KARACHI
from portal.web.guard import current_scope
from portal.web.noting import note_personal_views
from portal.web.pages import Key, make_cursor, paginate, read_cursor

blueprint = Blueprint("field", __name__)

MOST_PLACES = 400
AGENTS_OF_A_PAGE = 12


def today() -> dt.date:
    """The day in Karachi."""
    return dt.datetime.now(KARACHI).date()


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {
        "permission": Permission, "words": words(), "standing_words": WORDS, "standing_icons": ICONS,
        "outcomes": OUTCOMES, "plan_words": PLANS, "chip_words": CHIPS,
    }  # fmt: skip


def _how_many() -> int:
    """How many cards the address asks for: a step more with each touch of "more"."""
    return min(read_number(request.args.get("n")) or area.STEP, area.MOST)


def _is_part() -> bool:
    """Whether the page's script asks for further cards alone."""
    return request.headers.get("X-Cards") == "1"


def _skipped() -> int:
    return min(read_number(request.headers.get("X-Cards-Shown")) or 0, area.MOST) if _is_part() else 0


def _note(shown: list[acts.Card]) -> None:
    """Whose mobile number is behind a button of the page, the audit log is told."""
    note_personal_views(
        [Seen("unit", card.row.survey_id, card.row.location_id) for card in shown if card.may_see and card.row.mobile]
    )


# -- Assigned to me --------------------------------------------------------------------------------------------------
@blueprint.get("/assigned")
@require(Permission.VIEW_FIELD)
def assigned() -> ResponseReturnValue:
    """The reader's own work, in the order to do it."""
    db, scope, day = session(), current_scope(), today()
    own = finder.inside(db, scope)
    start, _last = cycle_bounds(cycle_of(day, settings().cycle_start_day), settings().cycle_start_day)
    rows = db.execute(selects.work_of(current_user.id, scope, own, day)).all()
    found = worklist.tasks(rows, day, start)
    counts = worklist.counts(found)
    chip = request.args.get("show", "")
    chip = chip if chip in worklist.CHIPS else worklist.TODO
    fitting = [task for task in found if worklist.matches(task, chip)]
    wanted, at = _how_many(), _offset(fitting)
    page = fitting[at : at + wanted]
    skip = _skipped()
    shown = page[skip:]
    cards = acts.cards(area.cards(db, [task.id for task in shown], own), {task.id: task.plan for task in shown})
    _note(cards)
    streets = {task.id: (task.plan, task.place, task.street) for task in shown}
    before = page[skip - 1] if skip and page else None
    values = {
        "cards": cards,
        "streets": streets,
        "before": (before.plan, before.place, before.street) if before else None,
        "more": _more(len(fitting) - at, wanted, page[-1].id if page else None),
        "today": day,
    }
    if _is_part():
        return render_template("field/_cards.html", **values)
    return render_template(
        "field/assigned.html",
        chip=chip,
        counts=counts,
        total=len(found),
        is_cut=len(rows) == selects.SCAN,
        places=sorted({task.place for task in found}),
        **values,
    )


def _offset(fitting: list[worklist.Task]) -> int:
    """Where the page begins: behind the unit its address names, if that is still in the list."""
    cursor = request.args.get("after")
    if not cursor:
        return 0
    _back, (unit_id,) = read_cursor("assigned", cursor, 1)
    return next((at + 1 for at, task in enumerate(fitting) if task.id == unit_id), 0)


def _more(left: int, wanted: int, last_id: int | None) -> dict[str, Any] | None:
    """What the "more" button changes in the address: a longer page, and past the longest one the next."""
    if left <= wanted or last_id is None:
        return None
    if wanted < area.MOST:
        return {"n": min(wanted + area.STEP, area.MOST)}
    return {"n": None, "after": make_cursor("assigned", False, [last_id])}


# -- My area ---------------------------------------------------------------------------------------------------------
@blueprint.get("/area")
@require(Permission.VIEW_FIELD)
def my_area() -> ResponseReturnValue:
    """A ward or union council of the reader's; with several, the choice of one."""
    if personal := _without_personal_number():
        return personal
    return _area(read_number(request.args.get("area")), request.args.get("q", ""))


def _without_personal_number() -> ResponseReturnValue | None:
    question = read(request.args.get("q"))
    if question.may_stand_in_url or question.is_surely_a_psid:
        return None
    flash(_("A number does not belong into an address: type it into the search box."), "info")
    return redirect(url_for(".my_area", area=request.args.get("area")), 303)


@blueprint.post("/area")
@require(Permission.VIEW_FIELD)
def search_area() -> ResponseReturnValue:
    """Search inside the area. A number is answered at once: it must not stand in an address."""
    question, area_id = read(request.form.get("q")), read_number(request.form.get("area"))
    if question.may_stand_in_url:
        return redirect(url_for(".my_area", area=area_id, q=question.text or None), 303)
    return _area(area_id, question.text)


def _area(area_id: int | None, typed: str) -> ResponseReturnValue:
    db, scope = session(), current_scope()
    if area_id is None:
        places = db.execute(assignments.places_with_units(scope, None, MOST_PLACES + 1)).all()
        if len(places) == 1 and not typed:
            area_id = places[0].id
        elif not typed:
            return _choice(None, places)
    here = db.execute(selects.place(area_id, scope)).first() if area_id is not None else None
    if area_id is not None and here is None:
        raise NotFoundError(_("This area does not exist, or is not one of yours."))
    locations = finder.inside(db, scope, area_id)
    if here is not None and here.kind not in {UNION_COUNCIL, MOHALLA} and not typed:
        return _choice(here, db.execute(assignments.places_with_units(scope, area_id, MOST_PLACES + 1)).all())
    own = finder.inside(db, scope)
    standing = request.args.get("show")
    standing = standing if standing in STANDINGS else None
    question = read(typed)
    wanted, after = _how_many(), request.args.get("after")
    if question.text:
        found = area.search(db, question, locations or [], scope) if locations is not None else _everywhere(question)
        ids, skip = found.ids, 0
    else:
        behind = tuple(read_cursor("area", after, 2)[1]) if after else None
        found = area.browse(db, locations or [], own, standing=standing, number=wanted, after=behind)
        skip = _skipped()
        ids = found.ids[skip:]
    cards = acts.cards(area.cards(db, ids, own))
    _note(cards)
    values = {"cards": cards, "streets": {}, "before": None, "more": _more_of_area(found, wanted), "today": today()}
    if _is_part():
        return render_template("field/_cards.html", **values)
    return render_template(
        "field/area.html", here=here, name=_name(here), found=found, standing=standing, question=question,
        chips=area.CHIPS, is_stopped=not found.more and found.beyond is not None, **values,
    )  # fmt: skip


def _everywhere(question: Any) -> area.Slice:
    """A search of the whole province without a chosen place goes to the search page's own rules: exact numbers only."""
    found = area.Slice([], 0, None)
    if question.number:
        for register, row_id, name in finder.by_identifier(session(), question, current_scope(), area.FOUND):
            if register is SurveyUnit:
                found.ids.append(row_id)
                found.matched[row_id] = name
    return found


def _name(here: Any) -> str:
    if here is None:
        return str(_("My area"))
    return str((here.name_ur if language() == "ur" else None) or here.name)


def _choice(here: Any, places: Any) -> ResponseReturnValue:
    return render_template(
        "field/places.html",
        here=here,
        name=_name(here),
        places=places[:MOST_PLACES],
        is_cut=len(places) > MOST_PLACES,
        language=language(),
    )


def _more_of_area(found: area.Slice, wanted: int) -> dict[str, Any] | None:
    if found.beyond is None:
        return None
    if found.more and wanted < area.MOST:
        return {"n": min(wanted + area.STEP, area.MOST)}
    return {"n": None, "after": make_cursor("area", False, list(found.beyond))}


# -- The load of agents ----------------------------------------------------------------------------------------------
@blueprint.get("/assignments/")
@require(Permission.ASSIGN_WORK)
def load() -> ResponseReturnValue:
    """Who has how much, what of it is unpaid and due, and when he was last at work."""
    db, scope, day = session(), current_scope(), today()
    page = paginate(
        db, assignments.agents(scope), [Key(assignments.NAME), Key(Staff.id)],
        request.args.get("cursor"), AGENTS_OF_A_PAGE,
    )  # fmt: skip
    ids = [row.id for row in page]
    singly: dict[int, Any] = {}
    whole: dict[int, Any] = {}
    due: dict[int, int] = {}
    active: dict[int, Any] = {}
    names: dict[int, list[str]] = {}
    if ids:
        singly = {row[0]: row for row in db.execute(assignments.load_of_units(ids, day))}
        whole = {row[0]: row for row in db.execute(assignments.load_of_areas(ids, day))}
        due = {row[0]: row[1] for row in db.execute(selects.visits_due(ids, day))}
        active = {row[0]: row for row in db.execute(selects.last_activity(ids))}
        for staff_id, name in db.execute(assignments.area_names(ids)):
            names.setdefault(staff_id, []).append(name)
    return render_template(
        "field/load.html", page=page, singly=singly, whole=whole, due=due, active=active, names=names
    )
