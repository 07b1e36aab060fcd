"""Pages of the lists of words that forms offer."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.db import session, transaction
from portal.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from portal.permissions import Permission, require
from portal.registers import forms, lookups, pages, selects, wording
from portal.registers.models import BUSINESS_TYPE, CHANNEL, HOUSE_TYPE, LOOKUP_KINDS, WATER_CONNECTION

blueprint = Blueprint("lookups", __name__, url_prefix="/lookups")

TITLES: dict[str, Any] = {
    BUSINESS_TYPE: _l("Business types"), HOUSE_TYPE: _l("House types"), WATER_CONNECTION: _l("Water connections"),
    CHANNEL: _l("Channels of payment"),
}  # fmt: skip


@blueprint.app_template_filter("in_words")
def in_words(value: str | None, kind: str) -> str | None:
    """`{{ unit.business_type | in_words('BUSINESS_TYPE') }}`: the word as the reader calls it."""
    return wording.in_words(kind, value)


@blueprint.get("/")
@require(Permission.MANAGE_LOOKUPS)
def index() -> ResponseReturnValue:
    """The first list; the others are one click away."""
    return _page(BUSINESS_TYPE)


def _kind(kind: str) -> str:
    if kind.upper() not in LOOKUP_KINDS:
        raise NotFoundError(_("There is no such list."))
    return kind.upper()


@blueprint.get("/<kind>")
@require(Permission.MANAGE_LOOKUPS)
def show(kind: str) -> ResponseReturnValue:
    """The words of a list, those that are offered first."""
    return _page(_kind(kind))


def _page(kind: str, status: int = 200, *, error: DomainError | None = None, lookup_id: int | None = None,
          ) -> ResponseReturnValue:  # fmt: skip
    page = render_template(
        "registers/lookups.html", kind=kind, title=TITLES[kind], kinds=TITLES,
        words=list(session().scalars(selects.lookups(kind))), error=str(error) if error else "",
        failed=lookup_id, typed=request.form if request.method == "POST" else None,
    )  # fmt: skip
    return page, status


@blueprint.post("/<kind>")
@require(Permission.MANAGE_LOOKUPS)
def add(kind: str) -> ResponseReturnValue:
    """A new word."""
    return _save(_kind(kind), None)


@blueprint.post("/<kind>/<int:lookup_id>")
@require(Permission.MANAGE_LOOKUPS)
def edit(kind: str, lookup_id: int) -> ResponseReturnValue:
    """Another name or place in the list, or offered no more."""
    return _save(_kind(kind), lookup_id)


def _save(kind: str, lookup_id: int | None) -> ResponseReturnValue:
    try:
        with transaction() as db:
            lookups.save(
                db, pages.actor(), kind, lookup_id, forms.read_version(request.form),
                name=request.form.get("name", ""), name_ur=request.form.get("name_ur", ""),
                position=request.form.get("position", "").strip(),
                is_active=lookup_id is None or "is_active" in request.form,
            )  # fmt: skip
    except (ConflictError, InvalidInputError) as error:
        return _page(kind, error.status, error=error, lookup_id=lookup_id)
    flash(_("Saved."), "success")
    return redirect(url_for(".show", kind=kind.lower()), 303)
