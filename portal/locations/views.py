"""Places to match: spellings of the files that no location is known for."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.audit.service import record
from portal.db import session, transaction
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations import matching, selects
from portal.locations.models import Place
from portal.permissions import Permission, require
from portal.web.context import client_address
from portal.web.guard import current_scope
from portal.web.pages import Key, paginate

blueprint = Blueprint("places", __name__, url_prefix="/places")


@blueprint.get("/")
@require(Permission.MATCH_PLACES)
def index() -> ResponseReturnValue:
    """The spellings that wait, with the rows that hang on them."""
    words = request.args.get("q", "").strip()[:100]
    page = paginate(
        session(),
        selects.open_places(current_scope(), words),
        [Key(Place.district_key), Key(Place.tehsil_key), Key(Place.name_key), Key(Place.id)],
        request.args.get("cursor"),
    )
    places = [row[0] for row in page]
    return render_template(
        "locations/places.html",
        page=page,
        words=words,
        waiting=matching.waiting(session(), places),
        paths=matching.paths_of(session(), sorted({place.location_id for place in places})),
    )


@blueprint.get("/<int:place_id>")
@require(Permission.MATCH_PLACES)
def show(place_id: int) -> ResponseReturnValue:
    """One spelling: what it may stand for, and the rows that follow."""
    return _page(place_id)


def _page(place_id: int, status: int = 200, error: str = "") -> ResponseReturnValue:
    scope = current_scope()
    place, hangs_on = matching.find_open(session(), place_id, scope)
    words = request.args.get("q", "").strip()[:100]
    found = matching.search(session(), words, scope)
    suggested = [c for c in matching.suggestions(session(), place, scope) if c.id not in {one.id for one in found}]
    page = render_template(
        "locations/place.html",
        place=place,
        hangs_on=hangs_on,
        hangs_path=matching.paths_of(session(), [hangs_on.id]).get(hangs_on.id, hangs_on.name),
        words=words,
        found=found,
        suggested=suggested,
        chosen=request.form.get("location_id", type=int),
        may_create=matching.may_create(place),
        waiting=matching.waiting(session(), [place], matching.ALL_TABLES)[place.id],
        error=error,
    )
    return page, status


def _spelled(place: Place) -> dict[str, object]:
    return {"name": place.name, "tehsil": place.tehsil, "district": place.district, "location_id": place.location_id}


def _decide(place_id: int, location_id: int | None) -> ResponseReturnValue:
    """Link the place to a location, or make one when there is none to link to."""
    scope = current_scope()
    try:
        with transaction() as db_session:
            place, _hangs_on = matching.find_open(db_session, place_id, scope)
            before = _spelled(place)
            rows = matching.waiting(db_session, [place], matching.ALL_TABLES)[place.id]
            if location_id is None:
                target = matching.create(db_session, place_id, scope).id
            else:
                target = matching.link(db_session, place_id, location_id, scope).location_id
            path = matching.paths_of(db_session, [target])[target]
            record(
                db_session, "place.create" if location_id is None else "place.link", "place", place_id,
                actor=current_user.username, staff_id=current_user.id, location_id=target, address=client_address(),
                before=before, after={"location": path, "rows": rows},
            )  # fmt: skip
    except ConflictError as error:
        flash(str(error), "warning")
        return redirect(url_for(".index"), 303)
    except NotFoundError as error:
        # Somebody may have matched it since the page was opened: the list shows what is left.
        if request.method == "POST" and not _is_visible(place_id):
            raise
        flash(str(error), "warning")
        return redirect(url_for(".index"), 303)
    flash(_("Matched with %(path)s. %(n)s rows followed.", path=path, n=sum(rows.values())), "success")
    return redirect(url_for(".index"), 303)


def _is_visible(place_id: int) -> bool:
    """Whether the place exists inside the reader's area, whatever its state."""
    place = session().get(Place, place_id)
    return place is not None and session().scalar(selects.inside(place.location_id, current_scope())) is not None


@blueprint.post("/<int:place_id>/link")
@require(Permission.MATCH_PLACES)
def link(place_id: int) -> ResponseReturnValue:
    """Keep the spelling as a name of the chosen location."""
    location_id = request.form.get("location_id", type=int)
    if location_id is None:
        return _page(place_id, 422, str(_("Choose a location, or search for one.")))
    return _decide(place_id, location_id)


@blueprint.post("/<int:place_id>/create")
@require(Permission.MATCH_PLACES)
def create(place_id: int) -> ResponseReturnValue:
    """Make the location that the spelling names."""
    try:
        return _decide(place_id, None)
    except InvalidInputError as error:
        return _page(place_id, 422, str(error))
