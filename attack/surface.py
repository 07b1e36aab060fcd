"""Where to attack: every address a role may open, the query keys and forms found on them, and Dash's callbacks.

Taken from the application itself (its URL map and its pages), so that what is new is attacked without being named here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask
from werkzeug.routing import Rule

from attack.target import Target
from benchmarks.server import Server
from portal.permissions import Permission, role_allows
from portal.web.guard import permission_of

# What ends the session that attacks, or makes it somebody else's. All else may be pressed: the database is a copy.
ENDS_THE_SESSION = ("/logout", "/login", "/session", "/me/", "/second-factor", "/welcome", "/reset", "/forgot")
_OWN_SCREEN = ("/preferences", "/lists/columns")
_FILES = ("static", "bootstrap.static", "dash.bundle")


@dataclass(frozen=True)
class Form:
    """A request with parameters: the fields with the values a page proposes."""

    method: str
    path: str
    fields: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None  # JSON, for callbacks
    marked: str = ""  # the path with a * where a part of it is a parameter

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        return self.method, self.path, tuple(sorted(self.fields))


class _Page(HTMLParser):
    """The forms and the links with a query of a page."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._open: tuple[str, str, dict[str, str]] | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = (given.get("method", "get").upper(), given.get("action") or self.path, {})
        elif tag == "a" and given.get("href", "").startswith(("/", "?")):
            href = given["href"]
            self.links.append(self.path + href if href.startswith("?") else href)
        elif self._open is not None and given.get("name") and tag in {"input", "select", "textarea", "button"}:
            self._select = given["name"] if tag == "select" else ""
            if given.get("type") != "file":
                self._open[2].setdefault(given["name"], given.get("value", "1"))
        elif self._open is not None and tag == "option" and self._select and given.get("value"):
            fields = self._open[2]
            fields[self._select] = fields[self._select] if fields[self._select] not in {"1", ""} else given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open is not None:
            method, action, fields = self._open
            self.forms.append(Form(method, urlsplit(action).path or self.path, fields))
            self._open = None


def examples(server: Server, database: str) -> dict[str, list[Any]]:
    """Values for the parameters of rules, out of the demo data."""

    def first(statement: str) -> list[Any]:
        return [row[0] for row in server.execute(statement, database)]

    return {
        "survey_id": first("SELECT survey_id FROM survey_units ORDER BY id LIMIT 1"),
        "psid": first("SELECT psid FROM accounts ORDER BY id LIMIT 1"),
        "batch_id": first("SELECT id FROM import_batches ORDER BY id DESC LIMIT 1"),
        "place_id": first("SELECT id FROM places ORDER BY id LIMIT 1"),
        "staff_id": first("SELECT id FROM staff WHERE username = 'agent'"),
        "session_id": first("SELECT coalesce(max(id), 0) + 1000000 FROM staff_sessions"),
        "location_id": first("SELECT id FROM locations WHERE kind = 'TEHSIL' ORDER BY id LIMIT 1"),
        "area_id": first("SELECT id FROM locations WHERE kind = 'TEHSIL' ORDER BY id LIMIT 1"),
        "move_id": first("SELECT coalesce(max(id), 0) FROM bill_moves"),
        "change_id": first("SELECT coalesce(max(id), 0) FROM setting_changes"),
        "section": ["company", "people"],
        "action": ["deactivate"],
        "digest": ["0" * 32],
        "code": first("SELECT code FROM import_findings ORDER BY id LIMIT 1") or ["PSID_UNREADABLE"],
        "which": ["rejected"],
        "file_format": ["csv"],
        "name": ["bill-register", "payment-register", "league"],
        "path": ["bill-register", "outstanding"],
        "token": ["no-such-token"],
        "build": ["none"],
        "filename": ["portal.css"],
        "number": first("SELECT number FROM tickets ORDER BY id LIMIT 1"),
        "portal_photos.show:number": [1],
        "visit_id": first("SELECT id FROM compliance_visits WHERE review_state = 'RETURNED' ORDER BY id LIMIT 1"),
        "correction_id": first("SELECT id FROM corrections WHERE state = 'PENDING' ORDER BY id LIMIT 1"),
        "file_id": first("SELECT id FROM stored_files ORDER BY id LIMIT 1"),
        "variant": ["thumb"],
        "notification_id": first("SELECT id FROM notifications ORDER BY id LIMIT 1"),
        "category_id": first("SELECT id FROM ticket_categories ORDER BY id LIMIT 1"),
        "run_id": first("SELECT coalesce(max(id), 0) FROM cutover_runs"),
        "kind": ["business_type"],
        "what": ["edit", "add", "move"],
    }


def may_open(app: Flask, rule: Rule, role: str) -> bool:
    permission = permission_of(app, rule.endpoint)
    return permission is not None and (permission is Permission.PUBLIC or role_allows(role.upper(), permission))


def pages(app: Flask, role: str, values: dict[str, list[Any]]) -> tuple[list[tuple[Rule, str]], list[str]]:
    """(rule, path) of every GET rule a role may open, and the rules that no example leads to."""
    found: list[tuple[Rule, str]] = []
    without: list[str] = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in _FILES or "GET" not in (rule.methods or ()) or not may_open(app, rule, role):
            continue
        if rule.rule.startswith(ENDS_THE_SESSION):
            continue
        fitting = {name: values.get(f"{rule.endpoint}:{name}") or values.get(name) for name in rule.arguments}
        if not all(fitting.values()):
            without.append(rule.rule)
            continue
        longest = max((len(some) for some in fitting.values() if some), default=1)
        for turn in range(longest):
            chosen = {name: some[min(turn, len(some) - 1)] for name, some in fitting.items() if some}
            with app.test_request_context():
                built = rule.build(chosen, append_unknown=False)
            if built is not None:
                found.append((rule, built[1]))
    return found, without


def forms_of(target: Target, paths: list[str]) -> list[Form]:
    """The forms, and the queries of links, on the pages that answer."""
    found: dict[tuple[str, str, tuple[str, ...]], Form] = {}
    keys: dict[str, dict[str, str]] = {}
    for path in paths:
        answer = target.get(path)
        if answer.status_code != 200 or "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        page = _Page(path)
        page.feed(answer.text)
        for form in page.forms:
            if not form.path.startswith(ENDS_THE_SESSION):
                found.setdefault(form.key, form)
        for link in page.links:
            parts = urlsplit(link)
            if parts.query and not parts.path.startswith(ENDS_THE_SESSION):
                keys.setdefault(parts.path, {}).update(parse_qsl(parts.query))
    for path, fields in keys.items():
        form = Form("GET", path, fields)
        found.setdefault(form.key, form)
    widest: dict[tuple[str, str], Form] = {}
    for form in found.values():  # of several forms to one kind of address the one with most fields
        place = (form.method, re.sub(r"\d+", "N", form.path))
        if place not in widest or len(form.fields) > len(widest[place].fields):
            widest[place] = form
    # What reads the registers first, what changes one's own screen last.
    return sorted(widest.values(), key=lambda form: (form.path in _OWN_SCREEN, form.method != "GET", form.path))


def callbacks_of(app: Flask, target: Target, query: str) -> list[Form]:
    """One JSON body for each callback of the dashboards the role may use, as a page would post it."""
    found = []
    for slug, dash in app.extensions["dashapps"].items():
        for output, entry in dash.callback_map.items():
            permission = dash.permission_of(output)
            if "callback" not in entry or permission is None or not role_allows(target.role.upper(), permission):
                continue
            proposed = {
                "search": query,
                "pathname": f"/dash/{slug}/" + ("bill-register" if slug == "reports" else ""),
                "getRowsRequest": {"startRow": 0, "endRow": 100, "sortModel": [{"colId": "psid", "sort": "asc"}]},
            }

            def filled(items: list[dict[str, Any]], values: dict[str, Any] = proposed) -> list[dict[str, Any]]:
                return [{**item, "value": values.get(item["property"])} for item in items]

            names = [part.rpartition(".") for part in output.strip(".").split("...")]
            outputs = [{"id": name, "property": prop} for name, _dot, prop in names]
            body = {
                "output": output,
                "outputs": outputs if output.startswith("..") else outputs[0],
                "inputs": filled(entry["inputs"]),
                "state": filled(entry["state"]),
                "changedPropIds": [f"{item['id']}.{item['property']}" for item in entry["inputs"][:1]],
            }
            found.append(Form("POST", f"/dash/{slug}/_dash-update-component", {}, body))
    return found


def in_path(pages_found: list[tuple[Rule, str]]) -> list[Form]:
    """Addresses whose last part is a parameter, marked for the scanner."""
    seen: dict[str, Form] = {}
    for rule, path in pages_found:
        if rule.arguments and rule.rule.endswith(">") and "any(" not in rule.rule:
            seen.setdefault(rule.rule, Form("GET", path, {}, None, f"{path}*"))
    return list(seen.values())


def address(target: Target, form: Form) -> str:
    """The URL of a form sent by GET, or where it is posted to."""
    query = f"?{urlencode(form.fields)}" if form.method == "GET" and form.fields else ""
    return f"{target.url}{form.marked or form.path}{query}"
