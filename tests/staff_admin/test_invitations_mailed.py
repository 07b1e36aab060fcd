"""Invitations by mail: made by the job that sends them, tried again, given up with a line that says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from portal.db import session, side_transaction
from portal.permissions import Role
from portal.staff.invitations import send_invitation
from portal.staff.models import StaffToken
from tests.mail.servers import Inbox, mail_server
from tests.staff_admin.office import LINK, Browser, Office
from tests.support.ports import free_port


@pytest.fixture
def head(office: Office, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A head in an office that has a mail server in its settings."""
    config = replace(
        office.app.extensions["settings"], smtp_host="127.0.0.1", smtp_port=free_port(), smtp_security="none",
        smtp_from="portal@example.org", public_url="https://portal.example.org",
    )  # fmt: skip
    monkeypatch.setitem(office.app.extensions, "settings", config)
    return office.signed_in(office.id_of("standing.head"))


@pytest.fixture
def inbox(office: Office, head: Browser) -> Iterator[Inbox]:
    with mail_server(port=office.app.extensions["settings"].smtp_port) as running:
        yield running


def jobs(office: Office) -> list[dict[str, Any]]:
    """The arguments of the waiting invitations, which are taken out of the queue."""
    with office.app.app_context(), side_transaction() as connection:
        rows = connection.execute(
            text("DELETE FROM procrastinate_jobs WHERE task_name = 'staff.invite' RETURNING id, args")
        ).all()
    return [row.args for row in sorted(rows)]


def create(office: Office, head: Browser, **changes: Any) -> int:
    form = {
        "username": "sana.malik", "full_name": "Sana Malik", "role": "AGENT", "email": "sana@example.org",
        "area": [office.tree["mc-9"]], "how": "mail", **changes,
    }  # fmt: skip
    assert head.post("/staff/new", form).status_code == 303
    return office.id_of("sana.malik")


def test_the_mail_holds_a_link_that_works_and_the_queue_none(office: Office, head: Browser, inbox: Inbox) -> None:
    staff_id = create(office, head)
    (job,) = jobs(office)
    assert LINK.search(str(job)) is None
    assert set(job) == {"staff_id", "created_by", "email", "key"}
    with office.app.app_context():
        assert session().scalars(select(StaffToken)).all() == []  # the job makes it
        send_invitation(**job)
        send_invitation(**job)  # run twice: mailed once
    (mail,) = inbox.mails
    assert inbox.recipients == ["sana@example.org"]
    body = mail.get_body(("plain",))
    assert body is not None
    found = LINK.search(body.get_content())
    assert found
    assert found[0].startswith("https://portal.example.org/welcome/")
    assert "sana.malik" in body.get_content()
    assert "Invited; the link works until" in head.html(f"/staff/{staff_id}")


def test_what_has_changed_meanwhile_stops_the_mail(office: Office, head: Browser, inbox: Inbox) -> None:
    staff_id = create(office, head)
    (job,) = jobs(office)
    assert head.act(staff_id, "deactivate").status_code == 303
    with office.app.app_context():
        send_invitation(**job)
    assert head.act(staff_id, "reactivate").status_code == 303
    assert head.edit(staff_id, email="other@example.org").status_code == 303
    with office.app.app_context():
        send_invitation(**job)
    assert inbox.mails == []


def test_a_server_that_refuses_is_told_in_the_history(office: Office, head: Browser, inbox: Inbox) -> None:
    staff_id = create(office, head)
    (job,) = jobs(office)
    inbox.refuse["RCPT"] = "550 no such mailbox"
    with office.app.app_context():
        send_invitation(**job)
    assert jobs(office) == []
    assert office.audit(staff_id, "staff.invite_failed")
    assert "Invitation not mailed" in head.html(f"/staff/{staff_id}")


def test_a_server_that_is_away_is_tried_again(office: Office, head: Browser) -> None:
    create(office, head)
    (job,) = jobs(office)
    with office.app.app_context():
        send_invitation(**job)
    (again,) = jobs(office)
    assert again["attempt"] == 2
    assert again["key"] == job["key"]


def test_a_link_can_be_shown_instead(office: Office, head: Browser) -> None:
    staff_id = create(office, head)
    jobs(office)
    shown = head.post(f"/staff/{staff_id}/invite", {"how": "link"}).get_data(as_text=True)
    found = LINK.search(shown)
    assert found
    assert found[0].startswith("https://portal.example.org/welcome/")
    assert head.post(f"/staff/{staff_id}/invite").status_code == 303
    assert len(jobs(office)) == 1
    nobody = office.app.test_client().get(f"/welcome/{found[1]}").get_data(as_text=True)
    assert 'name="new_password"' not in nobody  # the mail's link is the one that counts


def test_only_administrators_are_asked_for_one(office: Office, head: Browser) -> None:
    agent = office.browser(Role.AGENT, "mc-9")
    staff_id = create(office, head)
    assert agent.post(f"/staff/{staff_id}/invite").status_code == 403
