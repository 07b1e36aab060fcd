"""Files of a form: what was sent under a field, each with the uuid that makes it the same file when sent again.

for upload, client_uuid in uploads_of("photos"):
    store_photo(session, owner, upload, client_uuid=client_uuid, ...)
"""

from __future__ import annotations

import hashlib
import uuid

from flask import request
from flask_babel import gettext as _

from portal.errors import InvalidInputError
from portal.files.service import Upload

MOST_AT_ONCE = 20


def uuid_of(text: str | None) -> uuid.UUID | None:
    """The uuid that a form carries, if it is one."""
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


def uploads_of(name: str) -> list[tuple[Upload, uuid.UUID]]:
    """What was chosen in the file field `name`, with a uuid each; nothing chosen gives nothing.

    The page's script sends a uuid for each file as `<name>_uuid`; without it there is the form's one. A file's own is
    made of that and its content: the same form sent again has the same ones, a form with another photo has not.
    """
    files = [file for file in request.files.getlist(name) if file.filename]
    if len(files) > MOST_AT_ONCE:
        raise InvalidInputError(_("At most %(count)s files at once.", count=MOST_AT_ONCE))
    given = [uuid_of(text) for text in request.form.getlist(f"{name}_uuid")]
    found = []
    for at, file in enumerate(files):
        base = (given[at] if len(given) == len(files) else next(iter(given), None)) or uuid.uuid4()
        digest = hashlib.file_digest(file.stream, "sha256").hexdigest()  # type: ignore[arg-type]
        file.stream.seek(0)
        found.append((Upload(file.stream, file.filename or ""), uuid.uuid5(base, digest)))
    return found
