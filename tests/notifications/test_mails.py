"""Mails over a real mail server: at once, once a day, refused, switched off by their link."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy import text

from portal.db import side_transaction, transaction
from portal.mail.outbox import WAITS
from portal.mail.service import Message
from portal.mail.tasks import queue_mail, send_queued
from portal.notifications import mails, preferences, tasks
from portal.notifications.models import DAILY, NONE, NOW
from portal.permissions import Role
from portal.staff.reset_mail import send_reset_mail
from tests.mail.servers import Inbox, free_port, mail_server
from tests.notifications.world import World, make_world, post, set_staff, tell

HOME = "https://portal.example.org"
ADDRESS = "Sana@example.org"


@pytest.fixture(scope="module")
def built(module_app: Flask) -> World:
    return make_world(module_app)


@pytest.fixture
def world(built: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """With a mail server in the settings, which is away, and nothing told or mailed yet."""
    settings = replace(
        built.app.extensions["settings"], smtp_host="127.0.0.1", smtp_port=free_port(), smtp_security="none",
        smtp_from="portal@example.org", public_url=HOME, digest_hour=8, trusted_hosts=("localhost",),
    )  # fmt: skip
    monkeypatch.setitem(built.app.extensions, "settings", settings)
    with built.app.app_context(), side_transaction() as connection:
        for table in ("notifications", "notification_preferences", "mail_deliveries", "refused_addresses"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("DELETE FROM procrastinate_jobs"))
    set_staff(built.app, me_of(built), email=ADDRESS, full_name="Sana Malik", language="en", is_active=True)
    return built


def me_of(world: World) -> int:
    return world.people[Role.ADMIN, "here"]


@pytest.fixture
def me(world: World) -> int:
    return me_of(world)


@pytest.fixture
def inbox(world: World) -> Iterator[Inbox]:
    with mail_server(port=world.app.extensions["settings"].smtp_port) as running:
        yield running


def waiting(world: World, task: str) -> list[dict[str, Any]]:
    """Arguments of the jobs that wait, the oldest first."""
    with world.app.app_context(), side_transaction() as connection:
        rows = connection.execute(
            text("SELECT id, args FROM procrastinate_jobs WHERE task_name = :task AND status = 'todo' ORDER BY id"),
            {"task": task},
        ).all()
    return [dict(row.args) for row in rows]


def run(world: World, task: str, function: Any) -> int:
    """Run the jobs that wait now, as the worker does. Returns how many."""
    jobs = waiting(world, task)
    with world.app.app_context():
        with side_transaction() as connection:
            connection.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = :task"), {"task": task})
        for job in jobs:
            function(**job)
    return len(jobs)


def run_mails(world: World) -> int:
    return run(world, "notifications.mail", tasks.send_mail)


def parts(mail: EmailMessage) -> tuple[str, str]:
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def stop_path(mail: EmailMessage) -> str:
    header = re.fullmatch(r"<(https://[^>]+)>", str(mail["List-Unsubscribe"]))
    assert header
    assert header[1].startswith(HOME)
    return urlsplit(header[1]).path


def test_a_mail_at_once(world: World, me: int, inbox: Inbox) -> None:
    about = {"entity": "unit", "entity_id": world.here.survey_id, "url": f"/units/{world.here.survey_id}"}
    message = _l("%(who)s reset your password.", who="Ali")
    tell(world.app, [me], "now", "ticket.assigned", message=message, **about)
    tell(world.app, [me], "now", "ticket.assigned", message=message, **about)
    assert run_mails(world) == 1
    (mail,) = inbox.mails
    assert inbox.recipients == [ADDRESS]
    assert mail["Subject"] == "Ali reset your password."
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for body in parts(mail):
        assert "Sana Malik" in body
        assert "Ali reset your password." in body
        assert f"{HOME}/notifications/" in body
        assert stop_path(mail) in body
        # Nothing of the consumer: neither his name nor a number of his.
        for personal in ("Aslam", "0300", "38201"):
            assert personal not in body
    with world.app.app_context(), side_transaction() as connection:
        assert connection.scalar(text("SELECT mailed_at FROM notifications")) is not None


def test_in_the_language_of_the_person(world: World, me: int, inbox: Inbox) -> None:
    set_staff(world.app, me, language="ur")
    tell(world.app, [me], "ur", "security.password", message=_l("%(who)s reset your password.", who="Ali"))
    run_mails(world)
    (mail,) = inbox.mails
    plain, html = parts(mail)
    assert 'dir="rtl"' in html
    assert re.search("[\u0600-\u06ff]{3}", plain)
    for english in ("Open it", "No more mails", "All your choices", "reset your password", "You get this mail"):
        assert english not in plain + html + str(mail["Subject"])


def test_a_job_that_runs_twice_sends_one_mail(world: World, me: int, inbox: Inbox) -> None:
    tell(world.app, [me], "twice")
    (job,) = waiting(world, "notifications.mail")
    with world.app.app_context():
        tasks.send_mail(**job)
        tasks.send_mail(**job)
    assert len(inbox.mails) == 1


def test_it_is_tried_again_while_the_server_is_away(world: World, me: int) -> None:
    tell(world.app, [me], "away")
    for _attempt in WAITS:
        assert run_mails(world) == 1
    with mail_server(port=world.app.extensions["settings"].smtp_port) as running:
        assert run_mails(world) == 1
        assert run_mails(world) == 0
    assert len(running.mails) == 1


@pytest.mark.parametrize(
    "values", [{"email": None}, {"is_active": False}, {"role": "AGENT"}], ids=["no address", "inactive", "other role"]
)
def test_nobody_is_written_to_who_is_not_to_be(world: World, me: int, inbox: Inbox, values: dict[str, Any]) -> None:
    """Also when that came after it was told."""
    tell(world.app, [me], "later", "import.failed")
    with world.app.app_context(), transaction() as session:
        preferences.save(session, me, Role.ADMIN, {"import.failed": (True, NOW)})
    tell(world.app, [me], "at once", "import.failed")
    set_staff(world.app, me, **values)
    try:
        assert run_mails(world) == 1
        with world.app.app_context():
            tomorrow = dt.datetime.now(mails.KARACHI) + dt.timedelta(days=1)
            with transaction() as session:
                assert not mails.queue_digest(session, me, tomorrow)
    finally:
        set_staff(world.app, me, email=ADDRESS, is_active=True, role="ADMIN")
    assert inbox.mails == []
    assert waiting(world, "mail.send") == []


def test_without_the_portals_address_there_are_no_mails(world: World, me: int, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(world.app.extensions["settings"], public_url="")
    monkeypatch.setitem(world.app.extensions, "settings", settings)
    assert tell(world.app, [me], "no address") == 1
    assert waiting(world, "notifications.mail") == []


# --- the daily mail ------------------------------------------------------------------------------------------------


def at(hour: int, day: int = 2) -> dt.datetime:
    return dt.datetime(2026, 3, day, hour, tzinfo=mails.KARACHI)


def told_at(world: World, moment: dt.datetime) -> None:
    """As if everything had been told then."""
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(text("UPDATE notifications SET created_at = :at WHERE mailed_at IS NULL"), {"at": moment})


def digest(world: World, now: dt.datetime) -> int:
    """What the periodic job does at a moment; returns how many mails were sent."""
    with world.app.app_context():
        moment = mails.digest_moment(world.app.extensions["settings"], now)
        if moment is not None:
            with transaction() as session:
                people = mails.people_waiting(session, moment)
            for one in people:
                with transaction() as session:
                    mails.queue_digest(session, one, moment)
                    # The notes of when are those of the test's clock.
                    session.execute(
                        text("UPDATE notifications SET mailed_at = :at WHERE mailed_at > now() - interval '1 minute'"),
                        {"at": now},
                    )
    return run(world, "mail.send", send_queued)


def test_one_mail_a_day_with_what_waited(world: World, me: int, inbox: Inbox) -> None:
    assert digest(world, at(9)) == 0  # none when there is nothing
    tell(world.app, [me], "c1", "ticket.comment", message=_l("%(who)s reset your password.", who="First"))
    tell(world.app, [me], "c2", "places.waiting", message="Second", url="/places/")
    told_at(world, at(7))
    assert digest(world, at(7)) == 0  # before its hour
    assert digest(world, at(8)) == 1
    (mail,) = inbox.mails
    assert mail["Subject"] == "2 notifications of Suthra Portal"
    for body in parts(mail):
        for wanted in ("First reset your password.", "Second", "Tickets", "Imports", "Sana Malik", stop_path(mail)):
            assert wanted in body
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # What comes after the hour waits for the next day; the job runs every ten minutes.
    tell(world.app, [me], "c3", "ticket.comment", message="Third")
    told_at(world, at(10))
    assert digest(world, at(10)) == 0
    assert digest(world, at(23)) == 0
    assert digest(world, at(8, day=3)) == 1
    assert "Third" in parts(inbox.mails[1])[0]
    assert "Second" not in parts(inbox.mails[1])[0]


def test_a_later_hour_on_the_same_day_makes_no_second_mail(
    world: World, me: int, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(world.app, [me], "c1", "ticket.comment", message="First")
    told_at(world, at(7))
    assert digest(world, at(8)) == 1
    tell(world.app, [me], "c2", "ticket.comment", message="Second")
    told_at(world, at(9))
    monkeypatch.setitem(world.app.extensions, "settings", replace(world.app.extensions["settings"], digest_hour=12))
    assert digest(world, at(13)) == 0
    assert digest(world, at(13, day=3)) == 1


def test_what_was_read_or_deleted_is_not_told_again(world: World, me: int, inbox: Inbox) -> None:
    for key in ("read", "deleted"):
        tell(world.app, [me], key, "ticket.comment", message=f"Was {key}")
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(text("UPDATE notifications SET read_at = now() WHERE event_key = 'read'"))
        connection.execute(text("UPDATE notifications SET deleted_at = now() WHERE event_key = 'deleted'"))
    told_at(world, at(7))
    assert digest(world, at(8)) == 0
    assert inbox.mails == []
    tell(world.app, [me], "new", "ticket.comment", message="Is new")
    told_at(world, at(9))
    assert digest(world, at(8, day=3)) == 1
    assert "Was" not in parts(inbox.mails[0])[0]


def test_the_job_itself(world: World, me: int, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(world.app.extensions, "settings", replace(world.app.extensions["settings"], digest_hour=0))
    tell(world.app, [me], "c1", "ticket.comment")
    told_at(world, dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    with world.app.app_context():
        tasks.send_digests()
        tasks.send_digests()
    assert run(world, "mail.send", send_queued) == 1
    assert len(inbox.mails) == 1


# --- refused addresses ---------------------------------------------------------------------------------------------


def refused(world: World) -> list[str]:
    with world.app.app_context(), side_transaction() as connection:
        return list(connection.scalars(text("SELECT address FROM refused_addresses")))


@pytest.mark.parametrize(
    ("said", "is_final"),
    [
        ("550 5.1.1 No such user", True),
        ("550 No such user", True),
        ("553 5.1.3 Bad address", True),
        ("550 5.7.1 You may not send here", False),
        ("552 5.2.2 Mailbox full", False),
        ("450 4.2.1 Later", False),
        ("530 5.7.0 Sign in first", False),
    ],
)
def test_which_refusals_are_about_the_address(world: World, me: int, inbox: Inbox, said: str, is_final: bool) -> None:
    inbox.refuse["RCPT"] = said
    tell(world.app, [me], "bounce")
    run_mails(world)
    assert refused(world) == ([ADDRESS.lower()] if is_final else [])


def test_a_refused_address_gets_no_more_until_it_is_reset(world: World, me: int, inbox: Inbox) -> None:
    inbox.refuse["RCPT"] = "550 5.1.1 No such user"
    tell(world.app, [me], "first")
    tell(world.app, [me], "second")  # was on its way already
    run_mails(world)
    inbox.refuse.clear()
    assert tell(world.app, [me], "third") == 1
    assert run_mails(world) == 0
    with world.app.app_context(), transaction():
        queue_mail(Message(ADDRESS, "Report", "x\n"))
    run(world, "mail.send", send_queued)
    assert inbox.mails == []
    # The person sees it, and so does his administrator; both can reset it.
    mine = world.browser(me)
    assert "Mails to your address are refused" in mine.get("/me").get_data(as_text=True)
    assert "No such user" in mine.get("/me/notifications").get_data(as_text=True)
    admin = world.browser(world.people[Role.HEAD, "everywhere"])
    assert "No such user" in admin.get(f"/staff/{me}").get_data(as_text=True)
    assert post(admin, f"/staff/{me}/address").status_code == 303
    assert refused(world) == []
    assert "No such user" not in admin.get(f"/staff/{me}").get_data(as_text=True)
    assert "let mails go to the address of" in admin.get("/audit/").get_data(as_text=True)
    tell(world.app, [me], "fourth")
    run_mails(world)
    assert [mail["Subject"] for mail in inbox.mails][-1] == "Ticket fourth is yours."
    # The person himself, too.
    inbox.refuse["RCPT"] = "550 5.1.1 No such user"
    tell(world.app, [me], "fifth")
    run_mails(world)
    assert refused(world) == [ADDRESS.lower()]
    assert post(mine, "/me/notifications/address").status_code == 303
    assert refused(world) == []


def test_what_a_person_asks_for_is_tried_all_the_same(world: World, me: int, inbox: Inbox) -> None:
    """And when the server takes it, the address is good again."""
    with world.app.app_context(), side_transaction() as connection:
        connection.execute(text("INSERT INTO refused_addresses (address) VALUES (:one)"), {"one": ADDRESS.lower()})
    with world.app.app_context():
        send_reset_mail(me)
    assert len(inbox.mails) == 1
    assert refused(world) == []


# --- the link in every mail ----------------------------------------------------------------------------------------


def mail_choice(world: World, me: int, name: str) -> str:
    with world.app.app_context(), transaction() as session:
        grouped = preferences.choices(session, me, Role.ADMIN)
        return next(one.mail for group in grouped.values() for one in group if one.name == name)


def test_one_press_without_signing_in_ends_mails_of_that_kind_only(world: World, me: int, inbox: Inbox) -> None:
    tell(world.app, [me], "a", "ticket.assigned")
    run_mails(world)
    path = stop_path(inbox.mails[0])
    anybody = world.app.test_client()
    page = anybody.get(path)  # mail scanners look at links: looking switches nothing off
    assert page.status_code == 200
    assert "A ticket was assigned to you" in page.get_data(as_text=True)
    assert mail_choice(world, me, "ticket.assigned") == NOW
    # As mail programs do it (RFC 8058): no cookie, no token, a body of one field.
    for _twice in range(2):
        assert anybody.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert mail_choice(world, me, "ticket.assigned") == NONE
    assert mail_choice(world, me, "ticket.mention") == NOW
    assert mail_choice(world, me, "ticket.comment") == DAILY
    # In the portal he is told as before, and there is no mail.
    assert tell(world.app, [me], "b", "ticket.assigned") == 1
    assert run_mails(world) == 0
    assert tell(world.app, [me], "c", "ticket.mention") == 1
    assert run_mails(world) == 1
    with world.app.app_context(), side_transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'notifications.unsubscribe'")) == 1


def test_the_link_of_the_daily_mail_ends_the_daily_mail(world: World, me: int, inbox: Inbox) -> None:
    tell(world.app, [me], "c1", "ticket.comment")
    told_at(world, at(7))
    assert digest(world, at(8)) == 1
    assert world.app.test_client().post(stop_path(inbox.mails[0])).status_code == 200
    assert mail_choice(world, me, "ticket.comment") == NONE
    assert mail_choice(world, me, "ticket.assigned") == NOW


def test_a_link_that_is_not_ours(world: World, me: int, inbox: Inbox) -> None:
    tell(world.app, [me], "a")
    run_mails(world)
    path = stop_path(inbox.mails[0])
    anybody = world.app.test_client()
    for wrong in (path[:-3], path + "x", "/notifications/stop/WzEsImRpZ2VzdCJd.x"):
        assert anybody.get(wrong).status_code == 404
        assert anybody.post(wrong).status_code == 404
    assert mail_choice(world, me, "ticket.assigned") == NOW
    # From a page of another site it is refused, like any form.
    assert anybody.post(path, headers={"Origin": "https://evil.example.org"}).status_code == 400
