"""What people type into forms, as every view reads it: without the characters that cannot be seen."""

from __future__ import annotations

from typing import IO

import flask
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from portal.text import has_hidden, without_hidden

# A password is what its owner typed, whatever it holds; and a user name with such a character is nobody's.
KEPT = frozenset({"username", "password", "new_password", "repeated"})


class TypedParser(FormDataParser):
    """Reads a form; texts lose what cannot be seen (see `portal.text`). Files are not looked at."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        stream, form, files = super().parse(stream, mimetype, content_length, options)
        pairs = list(form.items(multi=True))
        if any(value and has_hidden(value) for _name, value in pairs):
            form = self.cls((name, value if name in KEPT else without_hidden(value)) for name, value in pairs)
        return stream, form, files


class Request(flask.Request):
    """The request of every view."""

    form_data_parser_class = TypedParser
