"""Pages of the tree of locations: look, make, rename, move, merge, give up, and the names files may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.locations.models import DISTRICT, DIVISION, MOHALLA, PROVINCE, TEHSIL, UNION_COUNCIL, Location
from portal.locations.names import match_key
from portal.permissions import Permission, require
from portal.registers import forms, history, location_selects, merging, pages, selects, targets, tree
from portal.rollups.remembering import remembered
from portal.staff import areas as staff_areas
from portal.units.words import UC_TYPES
from portal.web.filters import language
from portal.web.guard import current_scope

blueprint = Blueprint("locations", __name__, url_prefix="/locations")

KINDS: dict[str, Any] = {
    PROVINCE: _l("Province"), DIVISION: _l("Division"), DISTRICT: _l("District"), TEHSIL: _l("Tehsil"),
    UNION_COUNCIL: _l("Union council or ward"), MOHALLA: _l("Mohalla or village"),
}  # fmt: skip
NAME_SOURCES: dict[str, Any] = {
    "ALIAS": _l("added by hand"), "RENAMED": _l("its name before"), "MOVED": _l("where it lay before"),
    "MERGED": _l("merged into it"), "FILE": _l("its name in the area list"),
}  # fmt: skip
# What can be asked of one location, each a page of its own.
TITLES: dict[str, Any] = {
    "edit": _l("Edit"), "add": _l("Add below"), "move": _l("Move"), "merge": _l("Merge"), "close": _l("Give up"),
    "restore": _l("Restore"), "release": _l("Release holds"),
}  # fmt: skip


@blueprint.context_processor
def _shared() -> dict[str, Any]:
    return {"kinds": KINDS, "uc_types": UC_TYPES, "name_sources": NAME_SOURCES, "titles": TITLES}


def _find(location_id: int) -> Location:
    """The location inside the area, given up or not. Raises NotFoundError."""
    found = session().scalars(selects.location_inside(location_id, current_scope())).one_or_none()
    if found is None:
        raise NotFoundError(_("There is no such location in your area."))
    location: Location = found
    return location


def _to(location_id: int) -> ResponseReturnValue:
    return redirect(url_for(".show", location_id=location_id), 303)


def _crumbs(location_id: int) -> list[tuple[str, str]]:
    found = staff_areas.inside(session(), [location_id], current_scope(), language()).get(location_id)
    if found is None:
        return []
    way = staff_areas.inside(session(), found.area.path, current_scope(), language())
    return [(way[step].name, url_for(".show", location_id=step)) for step in found.area.path if step in way]


# -- Looking -------------------------------------------------------------------------------------------------------
@blueprint.get("/")
@require(Permission.MANAGE_LOCATIONS)
def index() -> ResponseReturnValue:
    """The top of the reader's areas, or what a name finds."""
    words = request.args.get("find", "").strip()[:100]
    found = staff_areas.matching(session(), words, current_scope(), language()) if words else []
    top = list(session().scalars(location_selects.children(None, current_scope())))
    if len(top) == 1 and not words:
        return _show(top[0])
    return render_template("registers/locations.html", words=words, found=found, children=top, **_counts(top))


def _counts(locations: list[Location]) -> dict[str, Any]:
    ids = [one.id for one in locations]
    if not ids:
        return {"units": {}, "accounts": {}}
    db = session()

    def count() -> dict[str, dict[int, int]]:
        below = {"units": location_selects.units_below(ids), "accounts": location_selects.accounts_below(ids)}
        return {name: {one: int(number) for one, number in db.execute(query)} for name, query in below.items()}

    return remembered(db, current_scope(), "below", ids, count)


@blueprint.get("/<int:location_id>")
@require(Permission.MANAGE_LOCATIONS)
def show(location_id: int) -> ResponseReturnValue:
    """One location: what lies in it, its names, and what people changed."""
    return _show(_find(location_id))


def _show(location: Location, status: int = 200, error: str = "", typed: str = "") -> ResponseReturnValue:
    db = session()
    children = list(db.scalars(location_selects.children(location.id, current_scope())))
    page = render_template(
        "registers/location.html", location=location, crumbs=_crumbs(location.id), children=children,
        given_up=list(db.scalars(location_selects.children(location.id, current_scope(), given_up=True))),
        names=list(db.execute(location_selects.names(location.id))),
        spellings=list(db.scalars(location_selects.spellings(location.id))),
        may_have=targets.KINDS_BELOW[location.kind], error=error, typed=typed,
        edits=history.told(db.scalars(selects.changes_of(location_id=location.id)), True),
        into=_find_into(location), **_counts([location, *children]),
    )  # fmt: skip
    return page, status


def _find_into(location: Location) -> Location | None:
    if location.merged_into_id is None:
        return None
    return session().scalars(selects.location_inside(location.merged_into_id, current_scope())).one_or_none()


# -- Changing ------------------------------------------------------------------------------------------------------
@blueprint.route("/<int:location_id>/<any(edit, add, move, merge, close, restore, release):what>",
                 methods=["GET", "POST"])  # fmt: skip
@require(Permission.MANAGE_LOCATIONS)
def act(location_id: int, what: str) -> ResponseReturnValue:
    """Ask what is needed, show what follows, do it."""
    location = _find(location_id)
    if (location.deleted_at is not None) != (what == "restore"):
        flash(_("It is given up.") if location.deleted_at else _("It is not given up."), "info")
        return _to(location.id)
    if request.method == "GET":
        return _act_page(location, what)
    try:
        with transaction() as db:
            done = _DO[what](db, location)
    except (ConflictError, InvalidInputError) as error:
        wrong = error.details.get("fields")
        if wrong is None and "field" in error.details:
            wrong = {error.details["field"]: str(error)}
        return _act_page(_find(location_id), what, error.status, error=error, wrong=wrong)
    flash(done.said, "success" if done.changed else "info")
    return _to(done.location_id)


def _act_page(
    location: Location, action: str, status: int = 200, *, error: DomainError | None = None,
    wrong: dict[str, str] | None = None,
) -> ResponseReturnValue:  # fmt: skip
    offered = targets.targets(location, action) if action in {"move", "merge"} else None
    target = forms.read_id(request.values.get("to")) if offered else None
    into = session().scalars(selects.location_inside(target, current_scope())).one_or_none() if target else None
    if target is not None and into is None:
        raise NotFoundError(_("This area does not exist, or is not one of yours."))
    refusal = ""
    if offered and into:
        refusal = offered.refusal(into.kind, pages.path_of(into.id), into.id)
        into = None if refusal else into
    typed = request.form if request.method == "POST" else None
    is_stale = error is not None and error.code == "stale"
    page = render_template(
        "registers/location_act.html", location=location, action=action, crumbs=_crumbs(location.id), into=into,
        path=pages.area_path(into.id) if into else "", offered=offered,
        choice=pages.chooser(offered) if offered and into is None else None,
        effects=merging.effects(session(), location.id) if action == "merge" and into else None,
        kind_options=[(kind, KINDS[kind]) for kind in targets.KINDS_BELOW[location.kind]], typed=typed,
        wrong=wrong or {}, is_stale=is_stale,
        error=refusal if error is None or wrong else str(error),
        version=location.version if typed is None or is_stale else forms.read_version(request.form),
    )  # fmt: skip
    return page, status


def _given(name: str) -> str:
    return request.form.get(name, "").strip()


@dataclass(frozen=True)
class Done:
    """What became of it, where one goes on, and whether anything is different now."""

    location_id: int
    said: str
    changed: bool = True


def _edit(db: Any, location: Location) -> Done:
    version = forms.read_version(request.form)
    changed = tree.edit(
        db, pages.actor(), location.id, version, _given("name"), _given("name_ur"), _given("uc_type"),
        _given("reason"),
    )  # fmt: skip
    said = _("Saved. Area lists leave it so.") if changed else _("Nothing was different.")
    return Done(location.id, said, changed)


def _add(db: Any, location: Location) -> Done:
    made = tree.create(
        db, pages.actor(), location.id, _given("kind"), _given("name"), _given("name_ur"), _given("uc_type")
    )
    return Done(made.id, _("Made. Spellings that waited for this name have followed."))


def _target() -> int:
    target = forms.read_id(request.values.get("to"))
    if target is None:
        raise InvalidInputError(_("Choose an area."))
    return target


def _move(db: Any, location: Location) -> Done:
    changed = tree.move(db, pages.actor(), location.id, forms.read_version(request.form), _target(), _given("reason"))
    said = _("Moved, with all that lies in it.") if changed else _("It lies there already. Nothing was changed.")
    return Done(location.id, said, changed)


def _merge(db: Any, location: Location) -> Done:
    if match_key(_given("confirm")) != location.match_key:
        raise InvalidInputError(
            _("Type the name of the location, %(name)s, to confirm. Nothing was merged.", name=location.name)
        )
    target = _target()
    merging.merge(
        db,
        pages.actor(),
        location.id,
        forms.read_version(request.form),
        target,
        _given("reason"),
        _given("promise"),
    )
    return Done(target, _("Merged. Everything that hung on it hangs here now, and files that name it mean this one."))


def _close(db: Any, location: Location) -> Done:
    tree.close(db, pages.actor(), location.id, forms.read_version(request.form), _given("reason"))
    return Done(location.parent_id or location.id, _("Given up. It can be restored."))


def _restore(db: Any, location: Location) -> Done:
    tree.restore(db, pages.actor(), location.id, forms.read_version(request.form))
    return Done(location.id, _("Restored."))


def _release(db: Any, location: Location) -> Done:
    changed = tree.release(db, pages.actor(), location.id, forms.read_version(request.form))
    said = _("Released. The next area list decides.") if changed else _("Nothing was different.")
    return Done(location.id, said, changed)


_DO = {
    "edit": _edit, "add": _add, "move": _move, "merge": _merge, "close": _close, "restore": _restore,
    "release": _release,
}  # fmt: skip


# -- Names ---------------------------------------------------------------------------------------------------------
@blueprint.post("/<int:location_id>/names")
@require(Permission.MANAGE_LOCATIONS)
def add_name(location_id: int) -> ResponseReturnValue:
    """One more name by which files may call it."""
    location = _find(location_id)
    try:
        with transaction() as db:
            tree.add_name(db, pages.actor(), location.id, request.form.get("alias", ""))
    except (ConflictError, InvalidInputError) as error:
        return _show(_find(location_id), error.status, str(error), request.form.get("alias", ""))
    flash(_("Added. Spellings that waited for this name have followed."), "success")
    return _to(location_id)


@blueprint.post("/names/<int:name_id>/remove")
@require(Permission.MANAGE_LOCATIONS)
def remove_name(name_id: int) -> ResponseReturnValue:
    """Take such a name away."""
    with transaction() as db:
        location_id = tree.remove_name(db, pages.actor(), name_id).id
    flash(_("Taken away. Rows that matched by it hang on the nearest known place now."), "success")
    return _to(location_id)


@blueprint.post("/spellings/<int:place_id>/unlink")
@require(Permission.MANAGE_LOCATIONS)
def unlink(place_id: int) -> ResponseReturnValue:
    """A spelling linked by a person is matched by its name again."""
    with transaction() as db:
        location_id = tree.unlink(db, pages.actor(), place_id).id
    flash(_("The spelling is matched by its name again."), "success")
    return _to(location_id)
