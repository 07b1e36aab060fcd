"""What can be done with a unit from its card: links to the forms of the features that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_login import current_user

from portal.db import session
from portal.field.selects import first_photos
from portal.files import portal_photos
from portal.files.models import StoredFile
from portal.files.portal_photos import PortalPhoto
from portal.permissions import Permission
from portal.web.masking import seen_units


@dataclass(frozen=True)
class Act:
    """One button. `is_first`: what this card is mostly for."""

    label: str
    href: str
    icon: str
    is_first: bool = False


@dataclass(frozen=True)
class Card:
    """A unit as its card shows it. `acts` stand on it, `more` behind its last button; `mobile` is masked as need be."""

    row: Any
    may_see: bool
    acts: tuple[Act, ...]
    more: tuple[Act, ...]
    plan: str = ""
    photo: StoredFile | PortalPhoto | None = None


def _link(endpoint: str, **values: Any) -> str | None:
    """The address of a form, None where its feature is not there."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else None


def cards(rows: list[Any], plans: dict[int, str] | None = None) -> list[Card]:
    """Cards of units, with what the reader may do. Two queries at most: whose numbers he may see, and their photos."""
    ids = [row.id for row in rows]
    seen = seen_units(current_user, ids)
    stored = {photo.unit_id: photo for photo in session().scalars(first_photos(ids))} if ids else {}
    return [_card(row, row.id in seen, (plans or {}).get(row.id, ""), stored.get(row.id)) for row in rows]


def _card(row: Any, may_see: bool, plan: str, photo: StoredFile | PortalPhoto | None) -> Card:
    unit = row.survey_id
    acts: list[Act] = []
    more: list[Act] = []
    can = current_user.can
    owes = bool(row.latest_month) and row.word != "PAID"
    deliver = _link("visits.new", unit=unit, type="DELIVERY") if can(Permission.LOG_VISITS) else None
    visit = _link("visits.new", unit=unit, type="RECOVERY" if owes else "ROUTINE") if deliver else None
    if deliver and owes:
        acts.append(Act(_("Hand over bill"), deliver, "receipt", is_first=True))
    if visit:
        acts.append(Act(_("Visit"), visit, "clipboard-check", is_first=not acts))
    if row.mobile and may_see:
        acts.append(Act(_("Call"), f"tel:{row.mobile}", "telephone"))
    if row.gps_lat is not None:
        position = f"{row.gps_lat},{row.gps_lon}"
        (more if visit else acts).append(Act(_("Map"), f"geo:{position}?q={position}", "geo-alt"))
    if deliver and row.latest_month and not owes:  # of a paid bill the copy may still be wanted
        more.append(Act(_("Hand over bill"), deliver, "receipt"))
    ticket = _link("tickets.new", unit=unit) if can(Permission.RAISE_TICKETS) else None
    if ticket:
        more.append(Act(_("Open a ticket"), ticket, "chat-left-text"))
    correct = _link("corrections.propose", survey_id=unit) if can(Permission.PROPOSE_CORRECTIONS) else None
    if correct:
        (more if visit else acts).append(Act(_("Correct"), correct, "pencil"))
    more.append(Act(_("Open the record"), url_for("records.unit", survey_id=unit), "house"))
    if photo is None and can(Permission.VIEW_FILES):
        photo = next(iter(portal_photos.of_unit(unit, row.image_urls)), None)
    return Card(row, may_see, tuple(acts), tuple(more), plan, photo)
