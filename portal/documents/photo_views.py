"""The portal's photos, shown by us: readers' browsers ask no other server, and slow lines get small pictures."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request
from flask_babel import gettext as _

from portal.db import session
from portal.documents import photo_cache, service
from portal.documents.fetching import Rules
from portal.errors import NotFoundError
from portal.files import portal_photos
from portal.files.views import SANDBOX
from portal.permissions import Permission, require
from portal.web.context import settings
from portal.web.guard import current_scope

blueprint = Blueprint("portal_photos", __name__)

KEPT_SECONDS = 86_400
NO_PHOTO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 112 112" width="112" height="112"><g fill="none"'
    ' stroke="#7f8a83" stroke-width="3"><rect x="30" y="36" width="52" height="40" rx="4"/>'
    '<path d="M30 70l16-16 12 12 8-8 16 16M28 82L84 30"/></g></svg>'
)
# Addresses of this machine that tests fetch from. Nothing but tests may set it, and it counts nowhere else.
TEST_ADDRESSES = "photo_addresses_of_tests"


def _rules() -> Rules:
    config = settings()
    trusted = current_app.extensions.get(TEST_ADDRESSES, frozenset()) if config.testing else frozenset()
    return Rules.of(config, trusted)


@blueprint.get("/photos/portal/<survey_id>/<int:number>")
@require(Permission.VIEW_FILES)
def show(survey_id: str, number: int) -> Response:
    """A photo of a unit of the own areas, by its place in the unit's list; never by an address from the reader."""
    unit = service.unit(session(), survey_id, current_scope())
    urls = [url.strip() for url in unit.image_urls]
    rules = _rules()
    if not 1 <= number <= len(urls) or not portal_photos.is_web_address(urls[number - 1]) or rules.is_off:
        raise NotFoundError(_("This unit has no such photo."))
    variant = photo_cache.THUMB if request.args.get("size") == "thumb" else photo_cache.LARGE
    session().close()  # fetching may take seconds: the connection goes back first
    try:
        data = photo_cache.photo(settings().photos_dir, urls[number - 1], variant, rules)
    except photo_cache.PhotoUnavailable:
        if variant == photo_cache.LARGE:
            raise
        # A list of small pictures says so in its place; the viewer, which asks for the large one, says it in words.
        return _sent(Response(NO_PHOTO, content_type="image/svg+xml"), photo_cache.FAILED_SECONDS)
    return _sent(Response(data, content_type="image/jpeg"), KEPT_SECONDS)


def _sent(response: Response, seconds: int) -> Response:
    response.headers["Content-Disposition"] = "inline"
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = f"private, max-age={seconds}"
    return response
