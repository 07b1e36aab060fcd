"""The public complaint form: what gets in, what comes out, and how often."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update
from werkzeug.test import TestResponse

from portal.audit.models import AuditEntry
from portal.db import transaction
from portal.extensions import limiter
from portal.permissions import Role
from portal.tickets import public, public_views
from portal.tickets.models import PublicAttempt, Ticket
from portal.web.format import KARACHI
from tests.support.people import csrf_token
from tests.tickets.world import World, hidden, make_world

WORDS = "Nobody has collected the rubbish for a week."


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return make_world(module_app)


@pytest.fixture(autouse=True)
def _nobody_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without attempts; a form may be sent at once (but where that is what is tested)."""
    monkeypatch.setattr(public_views, "LEAST_SECONDS", 0)
    with world.app.app_context(), transaction() as session:
        session.execute(delete(PublicAttempt))
        limiter.reset()


def opened(world: World, browser: FlaskClient) -> dict[str, str]:
    """The form as it is shown, filled in."""
    html = browser.get("/complaint/").get_data(as_text=True)
    return {
        "csrf_token": csrf_token(html), "mark": hidden(html)["mark"], "description": WORDS,
        "category": str(world.category("MISSED_COLLECTION")), "area": str(world.tree["khushab"]),
    }  # fmt: skip


def send(world: World, browser: FlaskClient | None = None, **values: Any) -> TestResponse:
    browser = browser or world.app.test_client()
    return browser.post("/complaint/", data={**opened(world, browser), **values})


def number_and_code(answer: TestResponse) -> tuple[str, str]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found = re.findall(r'class="complaint-number num" dir="ltr">([^<]+)<', answer.get_data(as_text=True))
    assert len(found) == 2
    return found[0], found[1]


def ask(world: World, number: str, code: str) -> TestResponse:
    browser = world.app.test_client()
    token = csrf_token(browser.get("/complaint/status").get_data(as_text=True))
    return browser.post("/complaint/status", data={"csrf_token": token, "number": number, "code": code})


def test_from_the_form_to_the_office_and_back_to_the_status(world: World) -> None:
    number, code = number_and_code(send(world, name="Bashir", mobile="0300 1112223", place_text="Near the mosque"))
    ticket = world.ticket(number)
    assert (ticket.source, ticket.location_id, ticket.reported_by) == ("PUBLIC", world.tree["khushab"], None)
    assert (ticket.reporter_mobile, ticket.place_text) == ("03001112223", "Near the mosque")
    assert ticket.public_code_hash is not None
    assert code.replace("-", "") not in ticket.public_code_hash
    # A district's complaint is nobody's who covers only a tehsil; the head of the world covers that tehsil, too.
    assert ask(world, number, code).status_code == 200
    status = ask(world, number.lower(), code.lower().replace("-", " ")).get_data(as_text=True)
    assert "Received." in status
    for personal in ("Bashir", "03001112223", "Near the mosque", WORDS, "Khushab"):
        assert personal not in status


def test_a_complaint_with_a_known_number_hangs_on_its_unit_and_nobody_is_told_so(world: World) -> None:
    answers = {
        reference: send(world, reference=reference)
        for reference in (world.inside.survey_id, world.inside.psid, "7654321", "26770000000000009999", "drop table")
    }
    tickets = {reference: world.ticket(number_and_code(answer)[0]) for reference, answer in answers.items()}
    assert tickets[world.inside.survey_id].unit_id == tickets[world.inside.psid].unit_id is not None
    assert tickets[world.inside.survey_id].location_id == world.inside.location_id
    assert tickets["7654321"].unit_id is None
    assert tickets["7654321"].reference_text == "7654321"
    said = set()
    for answer in answers.values():
        main = answer.get_data(as_text=True).partition("<main")[2].partition("</main>")[0]
        assert "Aslam" not in main
        said.add(re.sub(r"T-\d\d-\d+|\b[A-Z0-9]{4}-[A-Z0-9]{4}\b|Received: [^<]+", "#", main))
    assert len(said) == 1  # but for number, code and time
    mobile = world.ticket(number_and_code(send(world, reference=world.inside.survey_id, mobile="03001234567"))[0])
    page = world.browser(Role.SUPERVISOR).get(f"/tickets/{mobile.number}").get_data(as_text=True)
    assert "03001234567" in page  # who works it may call
    assert WORDS in page


def test_sent_twice_it_is_one_complaint_with_the_same_code(world: World) -> None:
    browser = world.app.test_client()
    form = opened(world, browser)
    first, second = (number_and_code(browser.post("/complaint/", data=form)) for _ in range(2))
    assert first == second


def test_only_number_and_code_together_open_the_status(world: World) -> None:
    number, code = number_and_code(send(world))
    other, other_code = number_and_code(send(world))
    for tried in ((number, other_code), (other, code), (number, ""), ("T-26-999999", code), ("nonsense", code)):
        assert ask(world, *tried).status_code in {404, 422}
    staff = world.make()  # a ticket of the staff has no code
    assert ask(world, staff, "AAAA-AAAA").status_code == 404
    wrong = [ask(world, tried, code).get_data(as_text=True) for tried in (other, "T-26-999999")]
    assert ["There is no complaint with this number and code" in html for html in wrong] == [True, True]


def test_what_is_missing_is_said_and_what_was_typed_is_kept(world: World) -> None:
    for values, said in (
        ({"description": "short"}, "Say in a few words what happened."),
        ({"category": ""}, "Choose what it is about."),
        ({"mobile": "12"}, "This is no mobile number."),
        ({"area": "", "place_text": ""}, "Choose your district, or write where it is."),
    ):
        answer = send(world, **values)
        html = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert said in html
        assert values.get("description", WORDS) in html
    free = world.ticket(number_and_code(send(world, area="", place_text="Chak 63, Khushab"))[0])
    assert free.location_id == world.tree["punjab"]


def test_machines_are_not_served(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def count() -> int:
        with world.app.app_context(), transaction() as session:
            return session.scalar(select(func.count()).select_from(Ticket)) or 0

    before = count()
    assert send(world, website="http://spam.example").status_code == 422
    assert send(world, mark="forged").status_code == 422
    browser = world.app.test_client()
    assert browser.post("/complaint/", data={"description": WORDS}).status_code in {302, 303, 400}
    monkeypatch.setattr(public_views, "LEAST_SECONDS", 3)
    assert send(world).status_code == 422
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 2 * 24 * 3600)
    assert count() == before


def test_so_many_complaints_from_one_address_and_no_more(world: World) -> None:
    with world.app.app_context(), transaction() as session:
        session.add_all(PublicAttempt(kind="FILE", address="127.0.0.1") for _ in range(public.FILE_PER_HOUR - 1))
    assert send(world).status_code == 200
    refused = send(world)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3600"
    assert WORDS in refused.get_data(as_text=True)
    with world.app.app_context(), transaction() as session:  # an hour later
        session.execute(update(PublicAttempt).values(at=func.now() - func.make_interval(0, 0, 0, 0, 1, 1)))
    assert send(world).status_code == 200


def test_a_code_cannot_be_guessed(world: World) -> None:
    number, code = number_and_code(send(world))
    for _try in range(public.KEY_FAILURES_PER_HOUR):
        assert ask(world, number, "AAAA-AAAA").status_code == 404
    assert ask(world, number, code).status_code == 429
    other, other_code = number_and_code(send(world))
    assert ask(world, other, other_code).status_code == 200
    # Whoever knows the code may look as often as he likes.
    for _look in range(public.KEY_FAILURES_PER_HOUR + 2):
        assert ask(world, other, other_code).status_code == 200


def test_the_status_tells_what_happened_and_no_more(world: World) -> None:
    number, code = number_and_code(send(world, area=str(world.tree["khushab"]), reference=world.inside.survey_id))
    world.act(Role.SUPERVISOR, number, "comment", body="The driver Rashid was ill", client_uuid="")
    for step, words in (("start", ""), ("wait", "For the second truck"), ("resolve", "Rashid fetched it")):
        assert world.act(Role.SUPERVISOR, number, f"do/{step}", words=words).status_code == 303
    html = ask(world, number, code).get_data(as_text=True)
    assert "Resolved. If it is not" in html
    assert "Somebody is working on it." in html
    for inner in ("Rashid", "truck", "supervisor.k", "Aslam", world.inside.survey_id):
        assert inner not in html


def test_the_lists_of_areas_are_public_names_only(world: World) -> None:
    browser = world.app.test_client()
    html = browser.get("/complaint/").get_data(as_text=True)
    assert "Khushab" in html
    assert "Bhakkar" in html
    below = browser.get(f"/complaint/areas?parent={world.tree['khushab']}").get_json()
    assert [world.tree["khushab/khushab"], "Khushab"] in below
    assert browser.get("/complaint/areas?parent=x").get_json() == []
    form = opened(world, browser)
    picked = browser.post("/complaint/", data={**form, "pick": "1", "description": "half a sen"}).get_data(as_text=True)
    assert "half a sen" in picked
    assert "Noorpur Thal" in picked


def test_attempts_are_forgotten(world: World) -> None:
    from portal.tickets.tasks import forget_attempts

    with world.app.app_context(), transaction() as session:
        old = func.now() - func.make_interval(0, 0, 0, public.ATTEMPT_DAYS + 1)
        session.add_all([PublicAttempt(kind="ASK", address="a", at=old), PublicAttempt(kind="ASK", address="b")])
    with world.app.app_context():
        forget_attempts()
    with world.app.app_context(), transaction() as session:
        assert session.scalars(select(PublicAttempt.address)).all() == ["b"]


def test_urdu_and_the_helpline(world: World) -> None:
    browser = world.app.test_client()
    assert 'href="tel:1139"' in browser.get("/complaint/").get_data(as_text=True)
    token = csrf_token(browser.get("/complaint/").get_data(as_text=True))
    browser.post("/preferences", data={"csrf_token": token, "language": "ur", "next": "/complaint/"})
    html = browser.get("/complaint/").get_data(as_text=True)
    assert 'dir="rtl"' in html
    assert "کوڑا نہیں اٹھایا گیا" in html


def test_the_complainant_reads_what_the_office_marks_for_him_and_nothing_else(world: World) -> None:
    number, code = number_and_code(send(world, reference=world.inside.survey_id))
    page = f"/tickets/{number}"
    assert 'name="audience" value="internal" checked' in world.browser(Role.ADMIN).get(page).get_data(as_text=True)
    said = "The truck comes on Monday."
    world.act(Role.ADMIN, number, "comment", body="Rashid is ill again")
    sent = world.act(Role.ADMIN, number, "comment", body=said, audience="public")
    assert sent.status_code == 303
    html = ask(world, number, code).get_data(as_text=True)
    assert said in html
    assert "Answers of Suthra Portal" in html
    assert f"{world.ticket(number).created_at.astimezone(KARACHI):%H:%M}"[:3] in html
    for inner in ("Rashid", world.people[Role.ADMIN], "admin"):
        assert inner not in html.split("<main", 1)[1]
    shown = world.browser(Role.SUPERVISOR).get(page).get_data(as_text=True)
    assert shown.count("The complainant reads this") == 1
    # Taken back, it is gone from the page, and stays with the ticket.
    [comment_id] = re.findall(r"/comments/(\d+)/internal", world.browser(Role.ADMIN).get(page).get_data(as_text=True))
    assert world.act(Role.SUPERVISOR, number, f"comments/{comment_id}/internal").status_code == 403
    assert world.act(Role.ADMIN, number, f"comments/{comment_id}/internal").status_code == 303
    assert said not in ask(world, number, code).get_data(as_text=True)
    assert said in world.browser(Role.ADMIN).get(page).get_data(as_text=True)
    with world.app.app_context(), transaction() as session:
        lines = session.execute(
            select(AuditEntry.action, AuditEntry.after["public"].astext)
            .where(AuditEntry.entity_id == number, AuditEntry.action.like("ticket.comment%"))
            .order_by(AuditEntry.id)
        ).all()
    assert [event for event, _ in world.events(number) if event.startswith("comment")] == [
        "comment_public", "comment_internal",
    ]  # fmt: skip
    history = world.browser(Role.ADMIN).get(page).get_data(as_text=True)
    assert "A comment was taken off the status page" in history
    assert "Somebody of the public" in history
    assert [tuple(line) for line in lines] == [
        ("ticket.comment", "false"), ("ticket.comment", "true"), ("ticket.comment_internal", "false"),
    ]  # fmt: skip


def test_only_the_office_writes_to_a_complainant_and_names_nobody(world: World) -> None:
    number, code = number_and_code(send(world, reference=world.inside.survey_id))
    for who in (Role.AGENT, Role.SUPERVISOR):
        if who is Role.SUPERVISOR:
            form = world.browser(who).get(f"/tickets/{number}").get_data(as_text=True)
            assert 'name="audience"' not in form
            assert "Internal: the complainant does not see it." in form
        refused = world.act(who, number, "comment", body="We come on Monday.", audience="public")
        assert refused.status_code in {403, 404}
    for body in (
        "", "Call 0300 1112223", "Call ۰۳۰۰۱۱۱۲۲۲۳", "@supervisor.k goes there", "Call +92 (300) 1112223",
        "0300.1112223", "0 3 0 0 1 1 1 2 2 2 3", "0300 111 2223", "35202 1234567 1", "PSID 11110001000000000225",
    ):  # fmt: skip
        answer = world.act(Role.MANAGER, number, "comment", body=body, audience="public")
        assert answer.status_code == 422
        html = answer.get_data(as_text=True)
        assert body in html  # nothing typed is lost, nor who was to read it
        assert 'name="audience" value="public" checked' in html
    assert "Answers of" not in ask(world, number, code).get_data(as_text=True)
    for body in ("Rs 12,500 until 27-11-2026 28-11-2026", "Office: 042-35761999, ticket T-26-000021"):
        assert world.act(Role.MANAGER, number, "comment", body=body, audience="public").status_code == 303
    # A ticket that no complainant looks at has nobody to write to.
    inner = world.make(Role.SUPERVISOR)
    assert 'name="audience"' not in world.browser(Role.ADMIN).get(f"/tickets/{inner}").get_data(as_text=True)
    assert world.act(Role.ADMIN, inner, "comment", body="Hello", audience="public").status_code == 403


def test_a_comment_of_another_ticket_is_not_taken_back_here(world: World) -> None:
    number, code = number_and_code(send(world, reference=world.inside.survey_id))
    other, _code = number_and_code(send(world, reference=world.inside.survey_id))
    world.act(Role.ADMIN, number, "comment", body="On Monday then.", audience="public")
    page = world.browser(Role.ADMIN).get(f"/tickets/{number}").get_data(as_text=True)
    [comment_id] = re.findall(r"/comments/(\d+)/internal", page)
    assert world.act(Role.ADMIN, other, f"comments/{comment_id}/internal").status_code == 404
    assert "On Monday then." in ask(world, number, code).get_data(as_text=True)
