"""Stored files, by the links that pages make (`portal.files.links`)."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import Blueprint, Response, request
from flask.sansio.blueprints import BlueprintSetupState
from flask_babel import gettext as _

from portal.db import session
from portal.errors import NotFoundError
from portal.files import links, service
from portal.files.models import DOCUMENT, StoredFile
from portal.files.store import current_storage
from portal.permissions import Permission, require
from portal.web.context import settings
from portal.web.guard import current_scope
from portal.web.noting import note_export

blueprint = Blueprint("files", __name__)

# Whatever a file holds: opened on its own it may load and run nothing.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@blueprint.record_once
def _for_every_template(state: BlueprintSetupState) -> None:
    state.app.jinja_env.globals.update(
        file_link=links.link, new_uuid=uuid.uuid4, photo_most_mib=lambda: settings().max_photo_mib
    )


@blueprint.get("/files/<int:file_id>/<variant>")
@require(Permission.VIEW_FILES)
def show(file_id: int, variant: str) -> Response:
    """A photo to be shown, or a document to be saved; of the reader's area, by a link that was made for him."""
    lasts = links.seconds_left(request.args.get("s", ""), file_id, variant)
    if not lasts:
        raise NotFoundError(_("This link is over. Open the page again."))
    file = service.find(session(), file_id, current_scope())
    key = file.key if variant == links.LARGE else file.thumb_key
    if key is None:
        raise NotFoundError(_("There is no small version of this file."))
    response = _headed(Response(content_type=file.media_type), file, variant, lasts)
    if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
        response.status_code = 304
        return response
    response.response = current_storage().chunks(key)
    if variant == links.LARGE:
        response.content_length = file.bytes
        if file.kind == DOCUMENT and request.method == "GET":
            note_export("file.download", "file", file.id, service.facts(file), location_id=file.location_id)
    return response


def _headed(response: Response, file: StoredFile, variant: str, lasts: int) -> Response:
    if variant == links.THUMB:
        response.content_type = "image/jpeg"
    kept_by_browser = file.kind != DOCUMENT or variant == links.THUMB
    response.headers["Content-Disposition"] = disposition(file.file_name, attachment=not kept_by_browser)
    response.headers["Content-Security-Policy"] = SANDBOX
    # Of one person, by a link of his; a document is fetched anew each time, so that each download is noted.
    response.headers["Cache-Control"] = (
        f"private, max-age={lasts}, immutable" if kept_by_browser else "private, no-store"
    )
    response.set_etag(f"{file.sha256[:32]}-{variant}")
    return response


def disposition(name: str, *, attachment: bool) -> str:
    """The header that says what to do with a file, with its name in any script."""
    plain = name.encode("ascii", "ignore").decode().replace('"', "").replace("\\", "").strip(" .") or "file"
    return f"{'attachment' if attachment else 'inline'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
