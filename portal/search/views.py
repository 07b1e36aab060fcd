"""The search box.

What somebody types may be a CNIC or a mobile number, and such a number must not come into an URL: URLs stay in the
browser's history, in logs of proxies, and go on in chats. So the box posts. A text without long numbers (a survey id, a
name, an address) is then redirected to a URL that can be shared; a hit that is certain goes straight to its record;
anything with a long number is answered at once, in the body of the answer to the post.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.audit.sightings import Seen
from portal.db import session
from portal.permissions import Permission, require
from portal.search import service
from portal.search.question import Question, read
from portal.search.words import words
from portal.tickets import selects as tickets
from portal.tickets.numbers import read_number
from portal.tickets.web import actor
from portal.web.guard import current_scope
from portal.web.masking import seen_units
from portal.web.noting import note_personal_views
from portal.web.pages import url_with

blueprint = Blueprint("search", __name__)

# The lists that have a search box of their own, and what of their filters goes along.
LISTS = {"units": "records.units", "accounts": "records.accounts"}
LIST_FILTERS = ("area", "use", "size", "state", "status", "cycle", "sort")


@blueprint.get("/search")
@require(Permission.VIEW_UNITS)
def results() -> ResponseReturnValue:
    """Answer a question that may stand in a URL; without one, the empty search page."""
    if ticket := _ticket(request.args.get("q", "")):
        return redirect(ticket, 303)
    if refused := without_personal_number():
        return refused
    return _answer(read(request.args.get("q")))


def _ticket(typed: str) -> str | None:
    """The page of the ticket whose number this is, if the reader may see it."""
    number = read_number(typed) if typed.strip()[:1] in {"T", "t"} else None
    if number is None or session().scalar(tickets.bare(number, actor())) is None:
        return None
    return url_for("tickets.show", number=number)


def without_personal_number() -> ResponseReturnValue | None:
    """Take a number that may be personal out of the address bar: the same page without it, and a word why."""
    question = read(request.args.get("q"))
    if question.may_stand_in_url or question.is_surely_a_psid:
        return None
    why = _(
        "Nothing was searched: a mobile or CNIC number must not stand in the address of a page. Type it into the box."
    )
    flash(why, "warning")
    return redirect(url_with(q=None), 303)


@blueprint.post("/search")
@require(Permission.VIEW_UNITS)
def ask() -> ResponseReturnValue:
    """Take a question from a search box."""
    if ticket := _ticket(request.form.get("q", "")):
        return redirect(ticket, 303)
    question = read(request.form.get("q"))
    list_endpoint = LISTS.get(request.form.get("list", ""))
    if list_endpoint and question.may_stand_in_url:
        filters: dict[str, Any] = {name: request.form[name] for name in LIST_FILTERS if request.form.get(name)}
        return redirect(url_for(list_endpoint, q=question.text or None, **filters), 303)
    if question.may_stand_in_url:
        return redirect(url_for("search.results", q=question.text or None), 303)
    return _answer(question)


def _answer(question: Question) -> ResponseReturnValue:
    if not question.text:
        return _page(question)
    answer = service.search(session(), question, current_scope())
    target = _only_record(answer)
    return redirect(target, 303) if target else _page(question, answer)


def _only_record(answer: service.Answer) -> str | None:
    """The record that an identifier names, when it names one: a unit, also together with its own accounts."""
    hits = [*answer.units, *answer.accounts]
    if not hits or any(hit.matched == "words" for hit in hits) or answer.units_more or answer.accounts_more:
        return None
    if len(answer.units) == 1:
        unit = answer.units[0].row
        if all(hit.row.unit_id == unit.id for hit in answer.accounts):
            return url_for("records.unit", survey_id=unit.survey_id)
    if not answer.units and len(answer.accounts) == 1:
        return url_for("records.account", psid=answer.accounts[0].row.psid)
    return None


def _page(question: Question, answer: service.Answer | None = None) -> ResponseReturnValue:
    seen = _seen(answer) if answer else frozenset()
    return render_template("search/results.html", question=question, answer=answer, words=words(), seen=seen)


def _seen(answer: service.Answer) -> frozenset[str]:
    """Keys (survey ids, PSIDs) of the hits whose mobile or CNIC is shown in full; the audit log is told."""
    shown = [("unit", hit.row.survey_id, hit.row.id, hit) for hit in answer.units]
    shown += [("account", hit.row.psid, hit.row.unit_id, hit) for hit in answer.accounts]
    shown = [one for one in shown if one[3].matched in {"mobile", "cnic"}]
    units = seen_units(current_user, [unit_id for _entity, _key, unit_id, _hit in shown])
    seen = [Seen(entity, key, hit.row.location_id) for entity, key, unit_id, hit in shown if unit_id in units]
    note_personal_views(seen)
    return frozenset(one.entity_id for one in seen)
