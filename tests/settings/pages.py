"""HEAD at the settings page, through HTTP as a browser does it."""

from __future__ import annotations

import html
import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from portal.config import Settings
from portal.db import side_transaction
from portal.web.context import settings
from tests.support.people import csrf_token

_INPUT = re.compile(r"<input\b[^>]*>")
_SELECT = re.compile(r'<select\b[^>]*\bname="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)


def _attribute(tag: str, name: str) -> str | None:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else None


class Desk:
    """A browser on the settings pages."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def page(self, path: str = "general") -> str:
        answer = self.client.get(f"/settings/{path}")
        assert answer.status_code == 200, answer.status_code
        return answer.get_data(as_text=True)

    def fields(self, section: str) -> dict[str, Any]:
        """What a browser would send of the section's form as it stands."""
        return form_fields(self.page(section), f"/settings/{section}")

    def save(self, section: str, fields: dict[str, Any] | None = None, **changes: Any) -> TestResponse:
        """Send the form with some fields changed (None takes a field away)."""
        sent = {**(fields if fields is not None else self.fields(section)), **changes}
        return self.client.post(
            f"/settings/{section}", data={name: value for name, value in sent.items() if value is not None}
        )

    def post(self, path: str, **data: Any) -> TestResponse:
        token = csrf_token(self.page())
        return self.client.post(path, data={"csrf_token": token, **data})


def form_fields(page: str, action: str) -> dict[str, Any]:
    """Names and values of the form that posts to `action`."""
    form = next(
        part.split("</form>")[0] for part in page.split("<form ")[1:] if f'action="{action}"' in part.split(">")[0]
    )
    found: dict[str, Any] = {}
    for tag in _INPUT.findall(form):
        name, value = _attribute(tag, "name"), _attribute(tag, "value") or ""
        if name is None or (_attribute(tag, "type") == "checkbox" and " checked" not in tag):
            continue
        if _attribute(tag, "type") == "checkbox":
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    for name, options in _SELECT.findall(form):
        chosen = re.search(r"<option\b[^>]*\bselected\b[^>]*>", options) or re.search(r"<option\b[^>]*>", options)
        found[name] = _attribute(chosen[0], "value") or "" if chosen else ""
    return found


def in_force(app: Flask) -> Settings:
    """The settings as any process finds them that looks now."""
    with app.app_context():
        app.extensions["settings_provider"].forget()
        return settings()


def scalar(app: Flask, statement: str, **values: Any) -> Any:
    with app.app_context(), side_transaction() as connection:
        return connection.scalar(text(statement), values)
