"""What is logged: a line for each request without its address, nothing of anybody, no secret, whatever happens."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import transaction
from portal.factory import create_app
from portal.locations.models import Location
from portal.permissions import Role
from portal.web import logs
from portal.web.logs import without_personal_data
from tests.imports.office import Office
from tests.support.people import PASSWORD, add_staff, csrf_token, sign_in
from tests.support.places import small_tree
from tests.support.register import register

LoginAs = Callable[..., FlaskClient]
NAME = "Ghulam Zzyzx Akbar"
MOBILE, CNIC, PSID = "03000000007", "3820100000007", "26770000000000000007"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the portal's own handler writes, down to the last level."""
    written = io.StringIO()
    root = logging.getLogger()
    ours = next(handler for handler in root.handlers if getattr(handler, "is_portal", False))
    assert isinstance(ours, logging.StreamHandler)
    before, level = ours.setStream(written), root.level
    root.setLevel(logging.INFO)
    for name in ("werkzeug", "sqlalchemy.engine"):
        logging.getLogger(name).setLevel(logging.WARNING)
    yield written
    root.setLevel(level)
    ours.setStream(before)


def test_a_working_day_leaves_nothing_of_anybody_in_the_log(
    app: Flask, login_as: LoginAs, log: io.StringIO, tmp_path: Path
) -> None:
    tree = small_tree(app)
    with app.app_context(), transaction() as session:
        here = session.get(Location, tree["mc-9"])
        assert here is not None
        thing = register(session, here, 7, NAME)
    assert (thing.psid) == PSID
    name = add_staff(app, Role.HEAD, username="zzyzxhead")
    nobody = app.test_client()
    token = csrf_token(nobody.get("/login").get_data(as_text=True))
    for username, password in (("zzyzxhead", "Wrong-Secret-1"), (PASSWORD, "zzyzxhead"), (MOBILE, CNIC)):
        nobody.post("/login", data={"csrf_token": token, "username": username, "password": password})
    head = sign_in(app.test_client(), name)
    with head.session_transaction() as cookie:
        session_token = cookie["_user_id"]
    csrf = csrf_token(head.get("/me").get_data(as_text=True))
    for typed in (MOBILE, CNIC, NAME, "0300-0000007", "38201-0000000-7"):
        head.post("/search", data={"csrf_token": csrf, "q": typed})
        head.get("/search", query_string={"q": typed})
        head.get("/units/", query_string={"q": typed})
    for path in (
        f"/units/{thing.survey_id}",
        f"/accounts/{thing.psid}",
        f"/accounts/{MOBILE}",
        f"/nothing/{CNIC}",
        f"/dash/reports/bill-register?q={CNIC}",
        f"/reports/bill-register.csv?q={PSID}",
        f"/reports/payment-register.xlsx?q={MOBILE}",
        f"/imports/{thing.batch_id}",
        f"/login?next=/accounts/{PSID}",
        "/dash/overview/",
    ):
        head.get(path, buffered=True)
    office = Office(app, head)
    office.upload((f"{NAME}.csv", f"PSID,Name\n{PSID},{NAME}\n".encode()))
    office.work()
    head.post("/logout", data={"csrf_token": csrf})
    written = log.getvalue()
    lines = [json.loads(line) for line in written.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 25
    assert {"/units/<survey_id>", "/accounts/<psid>", "/search"} <= {line["rule"] for line in requests}
    assert any(line["staff_id"] for line in requests)
    assert all(re.fullmatch(r"[0-9a-f]{12}", line["request_id"]) for line in requests)
    squeezed = re.sub(r"[\s-]", "", written)
    for secret in (NAME, MOBILE, CNIC, PSID, PASSWORD, "Wrong-Secret-1", session_token, csrf, token, "zzyzx"):
        assert secret.lower() not in written.lower(), secret
        assert re.sub(r"[\s-]", "", secret) not in squeezed, secret


def test_an_error_of_the_database_does_not_quote_the_row(app: Flask, log: io.StringIO) -> None:
    """The statement is real and fails in PostgreSQL; the traceback is logged without what it quoted."""
    from portal.permissions import Permission, require

    tree = small_tree(app)
    with app.app_context(), transaction() as session:
        here = session.get(Location, tree["mc-9"])
        assert here is not None
        register(session, here, 7, NAME)

    @require(Permission.PUBLIC)
    def fails() -> str:
        with transaction() as session:
            session.execute(text(f"UPDATE accounts SET consumer_name = '{NAME}', use = 'NO SUCH USE'"))
        return ""

    failing = create_app(app.extensions["settings"])
    failing.add_url_rule("/fails-in-sql", "fails_in_sql", fails)
    failing.testing = False
    answer = failing.test_client().get("/fails-in-sql")
    assert answer.status_code == 500
    assert "violates" not in answer.get_data(as_text=True)
    written = log.getvalue()
    failure = next(json.loads(line) for line in written.splitlines() if "unexpected error" in line)
    assert "CheckViolation" in failure["exception"]
    assert "DETAIL: [left out]" in failure["exception"]
    assert failure["request_id"] in answer.get_data(as_text=True)
    assert MOBILE not in written and CNIC not in written and PSID not in written
    assert "Failing row contains" not in written


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no row for 26770000000000000001", "no row for [number]"),
        ("CNIC 38201-1234567-1 twice", "CNIC [number] twice"),
        ("call 0300 1234567 or +923001234567", "call [number] or [number]"),
        ("Key (psid)=(2677000000000000) exists", "Key (psid)=([number]) exists"),
        ("x\nDETAIL:  Failing row contains (1, Aslam)\ny", "x\nDETAIL: [left out]\ny"),
        ('x\nCONTEXT:  COPY stage, line 3: "Aslam"', "x\nCONTEXT: [left out]"),
        ("x\nLINE 1: SELECT 'Aslam'\n          ^", "x\nLINE 1: [left out]\n          ^"),
        ("took 1234567 ms at 2025-11-22T10:20:30.123456Z", "took 1234567 ms at 2025-11-22T10:20:30.123456Z"),
        ("hash e3b0c44298fc1c149afb, 12 rows of batch 1234567", "hash e3b0c44298fc1c149afb, 12 rows of batch 1234567"),
        ("1 of 3, port 8215, 99.12345678 %", "1 of 3, port 8215, 99.12345678 %"),
    ],
)
def test_numbers_and_quoted_rows_are_taken_out(said: str, kept: str) -> None:
    assert without_personal_data(None, "", {"event": said, "exception": said}) == {"event": kept, "exception": kept}


def test_a_line_stays_a_line(app: Flask, log: io.StringIO) -> None:
    """Nobody writes a second line into the log (log injection)."""
    forged = 'a\r\n{"event": "request", "status": 200}\x1b[2J\u2028'
    with app.app_context():
        structlog.get_logger("portal.test").warning("said", words=forged)
        logging.getLogger("portal.test").warning("said %s", forged)
    lines = log.getvalue().split("\n")
    assert len([line for line in lines if line]) == 2
    for line in lines[:2]:
        assert "\x1b" not in line and "\r" not in line
        assert json.loads(line)["event"].startswith("said")


def test_passwords_and_keys_do_not_show_when_settings_are_printed(app: Flask) -> None:
    from dataclasses import replace

    secrets = {
        "secret_key": "k" * 40,
        "demo_password": "demo-secret-7",
        "smtp_password": "smtp-secret-7",
        "redis_url": "redis://:redis-secret-7@h",
    }
    shown = repr(replace(app.extensions["settings"], **secrets))
    for secret in secrets.values():
        assert secret not in shown


def test_the_log_is_set_up_without_levels_that_tell_too_much() -> None:
    assert logging.getLogger("sqlalchemy.engine").getEffectiveLevel() >= logging.INFO
    assert not logs._LONG_NUMBER.search("12:34:56.123456")
