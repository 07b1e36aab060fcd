"""Tickets through the browser: who sees what, what one may do, and what happens when it goes wrong."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import update

from portal.db import transaction
from portal.permissions import Role
from portal.staff.models import Staff
from portal.tickets.models import CLOSED, IN_PROGRESS, MERGED, OPEN, RESOLVED, WAITING
from tests.support.people import csrf_token, sign_in
from tests.tickets.world import World, form_of, hidden, make_world


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return make_world(module_app)


# -- Making ----------------------------------------------------------------------------------------------------------
def test_an_agent_opens_a_ticket_for_a_unit_and_finds_it(world: World) -> None:
    browser = world.browser(Role.AGENT)
    page = browser.get(f"/tickets/new?unit={world.inside.survey_id}")
    assert page.status_code == 200
    html = page.get_data(as_text=True)
    assert f'value="{world.inside.survey_id}"' in html
    assert f'value="{world.inside.psid}"' not in html or "Aslam" in html
    answer = world.post(Role.AGENT, "/tickets/new", **form_of(world, survey_id=world.inside.survey_id))
    assert answer.status_code == 303
    number = answer.location.rpartition("/")[2]
    assert re.fullmatch(r"T-\d\d-\d{6}", number)
    shown = browser.get(answer.location).get_data(as_text=True)
    assert "Heap of rubbish" in shown
    ticket = world.ticket(number)
    assert (ticket.status, ticket.location_id, ticket.assigned_role) == (OPEN, world.inside.location_id, "SUPERVISOR")
    assert ticket.due_at is not None
    assert ticket.near_at is not None
    assert ticket.created_at < ticket.near_at < ticket.due_at
    assert world.told(Role.SUPERVISOR, number) == ["ticket.assigned"]
    assert number in browser.get("/tickets/?box=raised").get_data(as_text=True)
    # Another agent of the area sees nothing of it.
    assert world.browser(world.agent2).get(f"/tickets/{number}").status_code == 404
    assert number not in world.browser(world.agent2).get("/tickets/?box=every").get_data(as_text=True)


def test_sent_twice_is_one_ticket(world: World) -> None:
    form = form_of(world, survey_id=world.inside.survey_id)
    first, second = (world.post(Role.AGENT, "/tickets/new", **form) for _ in range(2))
    assert first.location == second.location
    taken = world.post(Role.SUPERVISOR, "/tickets/new", **form)
    assert taken.status_code == 409


def test_sent_many_times_at_once_is_one_ticket(world: World) -> None:
    form = form_of(world, survey_id=world.inside.survey_id)
    browsers = [world.browser(Role.ADMIN), *(sign_in(world.app.test_client(), world.people[Role.ADMIN]) for _ in "123")]
    tokens = [csrf_token(one.get("/me").get_data(as_text=True)) for one in browsers]

    def send(at: int) -> str:
        answer = browsers[at].post("/tickets/new", data={**form, "csrf_token": tokens[at]})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return answer.location

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(send, range(4)))) == 1


@pytest.mark.parametrize(
    "where",
    ["?unit={0.survey_id}", "?account={0.psid}", "?visit=12345", "?payment=99999", "?correction=77", "?unit=abc"],
)
def test_a_new_ticket_about_another_areas_thing_is_not_found(world: World, where: str) -> None:
    assert world.browser(Role.SUPERVISOR).get("/tickets/new" + where.format(world.outside)).status_code == 404


def test_a_form_that_names_another_areas_thing_says_so_and_keeps_what_was_typed(world: World) -> None:
    for field, key in (("survey_id", world.outside.survey_id), ("psid", world.outside.psid)):
        answer = world.post(Role.SUPERVISOR, "/tickets/new", **form_of(world, **{field: key}))
        html = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert "Heap of rubbish" in html
        assert "Zzyzx" not in html
    place = str(world.outside.location_id)
    assert world.post(Role.SUPERVISOR, "/tickets/new", **form_of(world, area=place)).status_code == 422


def test_a_visit_of_another_area_in_a_hidden_field_is_not_found(world: World) -> None:
    assert world.post(Role.SUPERVISOR, "/tickets/new", **form_of(world, visit="4711")).status_code == 404


def test_without_area_and_unit_the_form_asks(world: World) -> None:
    answer = world.post(Role.HEAD, "/tickets/new", **form_of(world, title=" "))
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Say in a few words what it is about." in html


def test_the_areas_go_down_level_by_level(world: World) -> None:
    browser = world.browser(Role.SUPERVISOR)
    listed = browser.get(f"/tickets/areas?parent={world.tree['khushab/khushab']}").get_json()
    assert {one[0] for one in listed} == {world.tree["mc-9"], world.tree["zone"]}
    assert browser.get(f"/tickets/areas?parent={world.tree['bhakkar']}").get_json() == []
    typed = form_of(world, area=str(world.tree["khushab/khushab"]))
    page = world.post(Role.SUPERVISOR, "/tickets/new", pick="1", **typed)
    assert page.status_code == 200
    assert "MC-9 Clocktower" in page.get_data(as_text=True)
    made = world.post(Role.SUPERVISOR, "/tickets/new", **form_of(world, area=str(world.tree["mc-9"])))
    assert made.status_code == 303


def test_wrong_values_to_be_corrected_are_refused_at_their_field(world: World) -> None:
    answer = world.post(
        Role.AGENT, "/tickets/new", **form_of(world, survey_id=world.inside.survey_id, wanted_mobile="12")
    )
    assert answer.status_code == 422
    assert "Not a Pakistani mobile number" in answer.get_data(as_text=True)


def test_open_tickets_of_the_unit_are_said_before_another_is_made(world: World) -> None:
    number = world.make(thing=world.inside)
    html = world.browser(Role.SUPERVISOR).get(f"/tickets/new?unit={world.inside.survey_id}").get_data(as_text=True)
    assert "There are open tickets about this already" in html
    assert number in html


# -- Who sees what ---------------------------------------------------------------------------------------------------
def test_tickets_of_another_area_do_not_exist(world: World) -> None:
    number = world.make(Role.HEAD)
    far = world.browser(world.far)
    assert far.get(f"/tickets/{number}").status_code == 404
    assert number not in far.get("/tickets/?box=every").get_data(as_text=True)
    for what in ("comment", "take", "assign", "do/start", "merge", "decide"):
        assert world.post(world.far, f"/tickets/{number}/{what}", version="1", body="x", to="rHEAD", into="T-26-000001",
                          decision="approve").status_code in {404, 422}, what  # fmt: skip
    assert far.get(f"/tickets/{number}/edit").status_code == 404
    assert world.ticket(number).version == 1


def test_an_agent_sees_what_is_assigned_to_him_and_may_finish_it(world: World) -> None:
    number = world.make()
    assert world.browser(Role.AGENT).get(f"/tickets/{number}").status_code == 404
    agent = world.id_of(Role.AGENT)
    assert world.act(Role.SUPERVISOR, number, "assign", to=f"p{agent}").status_code == 303
    assert world.told(Role.AGENT, number) == ["ticket.assigned"]
    html = world.browser(Role.AGENT).get("/tickets/").get_data(as_text=True)
    assert number in html
    assert world.act(Role.AGENT, number, "do/start").status_code == 303
    assert world.act(Role.AGENT, number, "assign", to="rHEAD").status_code == 403
    assert world.act(Role.AGENT, number, "do/resolve", words="").status_code == 422
    assert world.act(Role.AGENT, number, "do/resolve", words="Picked up.").status_code == 303
    ticket = world.ticket(number)
    assert (ticket.status, ticket.resolution) == (RESOLVED, "Picked up.")
    assert world.told(Role.SUPERVISOR, number)[-1] == "ticket.status"


def test_a_ticket_for_agents_is_taken_by_one(world: World) -> None:
    number = world.make()
    assert world.act(Role.SUPERVISOR, number, "assign", to="rAGENT").status_code == 303
    assert number in world.browser(Role.AGENT).get("/tickets/?box=role").get_data(as_text=True)
    assert world.act(Role.AGENT, number, "take").status_code == 303
    assert world.act(world.agent2, number, "take", version="3").status_code == 404  # it is somebody's now
    assert world.ticket(number).assigned_to == world.id_of(Role.AGENT)


def test_a_ticket_is_given_only_to_people_of_its_area(world: World) -> None:
    number = world.make()
    answer = world.act(Role.SUPERVISOR, number, "assign", to=f"p{world.id_of(world.far)}")
    assert answer.status_code == 422
    assert "does not work in the ticket" in answer.get_data(as_text=True)
    for nonsense in ("", "p", "rKING", "px", "p999999999"):
        assert world.act(Role.SUPERVISOR, number, "assign", to=nonsense).status_code == 422


# -- Moving on -------------------------------------------------------------------------------------------------------
def test_the_way_of_a_ticket(world: World) -> None:
    number = world.make()
    before = world.ticket(number)
    assert world.act(Role.SUPERVISOR, number, "do/start").status_code == 303
    assert world.act(Role.SUPERVISOR, number, "do/wait", words="For the consumer").status_code == 303
    waiting = world.ticket(number)
    assert (waiting.status, waiting.due_at, waiting.clock_from) == (WAITING, None, None)
    assert waiting.clock_minutes <= before.clock_minutes
    assert world.act(Role.SUPERVISOR, number, "do/start").status_code == 303
    assert world.ticket(number).due_at is not None
    assert world.act(Role.SUPERVISOR, number, "do/resolve", words="Done.").status_code == 303
    assert world.act(Role.SUPERVISOR, number, "do/close").status_code == 303
    assert world.ticket(number).status == CLOSED
    assert world.act(Role.SUPERVISOR, number, "do/start").status_code == 409
    assert world.act(Role.SUPERVISOR, number, "do/reopen", words="It is there again").status_code == 303
    again = world.ticket(number)
    assert (again.status, again.reopened, again.resolved_at, again.closed_at) == (OPEN, 1, None, None)
    assert [event for event, _detail in world.events(number)] == [
        "made", "status", "status", "status", "status", "status", "reopened",
    ]  # fmt: skip


def test_two_people_at_once_the_second_sees_what_the_first_did(world: World) -> None:
    number = world.make()
    stale = str(world.ticket(number).version)
    assert world.act(Role.SUPERVISOR, number, "do/start").status_code == 303
    answer = world.act(Role.ADMIN, number, "do/resolve", words="What I did", version=stale)
    assert answer.status_code == 409
    html = answer.get_data(as_text=True)
    assert "Somebody else has changed this ticket meanwhile" in html
    assert "In progress" in html
    assert world.ticket(number).status == IN_PROGRESS


def test_a_double_click_is_no_conflict(world: World) -> None:
    number = world.make()
    version = str(world.ticket(number).version)
    answers = [world.act(Role.SUPERVISOR, number, "do/start", version=version) for _ in range(2)]
    assert [one.status_code for one in answers] == [303, 303]
    assert len([event for event, _ in world.events(number) if event == "status"]) == 1


def test_another_step_of_the_same_person_from_an_old_tab_is_a_conflict_and_keeps_his_words(world: World) -> None:
    number = world.make()
    version = str(world.ticket(number).version)
    assert world.act(Role.SUPERVISOR, number, "do/wait", words="for the truck", version=version).status_code == 303
    assert world.act(Role.SUPERVISOR, number, "do/wait", words="for  the truck ", version=version).status_code == 303
    for step, words in (("do/wait", "for the driver"), ("do/resolve", "It was taken away")):
        answer = world.act(Role.SUPERVISOR, number, step, words=words, version=version)
        assert answer.status_code == 409
        assert words in answer.get_data(as_text=True)
    given = {"to": "rADMIN", "version": str(world.ticket(number).version)}
    assert [world.act(Role.SUPERVISOR, number, "assign", **given).status_code for _ in range(2)] == [303, 303]
    assert world.act(Role.SUPERVISOR, number, "assign", **{**given, "to": "rMANAGER"}).status_code == 409


def test_edit_with_conflict_shows_both_versions(world: World) -> None:
    number = world.make(title="First title")
    page = world.browser(Role.ADMIN).get(f"/tickets/{number}/edit").get_data(as_text=True)
    mine = {**form_of(world, title="My title"), "version": hidden(page)["version"], "area": str(world.tree["mc-9"])}
    theirs = {**mine, "title": "Their title", "priority": "URGENT"}
    assert world.post(Role.SUPERVISOR, f"/tickets/{number}/edit", **theirs).status_code == 303
    conflict = world.post(Role.ADMIN, f"/tickets/{number}/edit", **mine)
    html = conflict.get_data(as_text=True)
    assert conflict.status_code == 409
    assert "Their title" in html
    assert "My title" in html
    assert "Urgent" in html
    again = {**mine, "version": hidden(html)["version"]}
    assert world.post(Role.ADMIN, f"/tickets/{number}/edit", **again).status_code == 303
    assert world.ticket(number).title == "My title"


def test_a_higher_priority_brings_the_deadline_nearer(world: World) -> None:
    number = world.make()
    before = world.ticket(number)
    form = form_of(world, title=before.title, priority="URGENT", version="1", area=str(world.tree["mc-9"]))
    assert world.post(Role.SUPERVISOR, f"/tickets/{number}/edit", **form).status_code == 303
    after = world.ticket(number)
    assert before.due_at is not None
    assert after.due_at is not None
    assert after.due_at < before.due_at
    assert after.clock_minutes == 8 * 60
    assert ("priority", {"from": "MEDIUM", "to": "URGENT"}) in world.events(number)


# -- Comments --------------------------------------------------------------------------------------------------------
def test_comments_tell_whom_they_mention_and_whom_they_concern(world: World) -> None:
    number = world.make(Role.AGENT)
    key = str(uuid.uuid4())
    body = "@admin.k please look, @far.away too, and @nobody.here"
    for _twice in range(2):
        answer = world.act(Role.SUPERVISOR, number, "comment", body=body, client_uuid=key)
        assert answer.status_code == 303
    html = world.browser(Role.SUPERVISOR).get(f"/tickets/{number}").get_data(as_text=True)
    assert html.count("please look") == 1
    assert world.told(Role.ADMIN, number) == ["ticket.mention"]
    assert world.told(Role.AGENT, number) == ["ticket.comment"]
    assert world.told(world.far, number) == []
    assert world.act(Role.AGENT, number, "comment", body="thanks", client_uuid=str(uuid.uuid4())).status_code == 303
    assert world.told(Role.SUPERVISOR, number)[-1] == "ticket.comment"
    assert world.act(Role.AGENT, number, "comment", body="  ", client_uuid=str(uuid.uuid4())).status_code == 422
    taken = world.act(Role.ADMIN, number, "comment", body="mine", client_uuid=key)
    assert taken.status_code == 409


def test_people_are_called_by_their_names(world: World) -> None:
    called = {Role.SUPERVISOR: "Saima <Noor>", Role.ADMIN: "نذیر احمد"}

    def rename(names: dict[Role, str]) -> None:
        with world.app.app_context(), transaction() as session:
            for role, name in names.items():
                session.execute(update(Staff).where(Staff.username == world.people[role]).values(full_name=name))

    number = world.make(Role.AGENT)
    rename(called)
    try:
        body = "@ADMIN.K, please ring 0300 1234567; @nobody.here too. <b>"
        key = str(uuid.uuid4())
        assert world.act(Role.SUPERVISOR, number, "comment", body=body, client_uuid=key).status_code == 303
        html = world.browser(Role.AGENT).get(f"/tickets/{number}").get_data(as_text=True)
        told = world.browser(Role.ADMIN).get("/notifications/").get_data(as_text=True)
    finally:
        rename(dict.fromkeys(called, ""))
    comment = html.partition('<ol class="comments">')[2].partition("</ol>")[0]
    assert "<strong><bdi>Saima &lt;Noor&gt;</bdi></strong>" in comment
    assert f'@<bdi dir="ltr">ADMIN.K</bdi> <span class="muted">(<bdi>{called[Role.ADMIN]}</bdi>)' in comment
    assert "@nobody.here too. &lt;b&gt;" in comment
    assert "1234567" not in comment  # masked as before
    assert world.people[Role.SUPERVISOR] not in comment
    assert "Saima &lt;Noor&gt; mentions you" in told.replace("\u2068", "").replace("\u2069", "")


def test_who_was_not_told_is_said(world: World) -> None:
    number = world.make()
    answer = world.act(Role.SUPERVISOR, number, "comment", body="@far.away hello", client_uuid=str(uuid.uuid4()))
    html = world.browser(Role.SUPERVISOR).get(answer.location).get_data(as_text=True)
    assert "@far.away" in html
    assert "Not told" in html


def test_a_photo_that_is_none_undoes_the_comment_and_says_so(world: World) -> None:
    number = world.make()
    token = csrf_token(world.browser(Role.SUPERVISOR).get("/me").get_data(as_text=True))
    answer = world.browser(Role.SUPERVISOR).post(
        f"/tickets/{number}/comment",
        data={
            "csrf_token": token, "body": "with a photo", "client_uuid": str(uuid.uuid4()),
            "photos": (BytesIO(b"%PDF-1.4 not a photo"), "photo.jpg"),
        },
        content_type="multipart/form-data",
    )  # fmt: skip
    assert answer.status_code == 422
    html = answer.get_data(as_text=True)
    assert "with a photo" in html  # what was typed is kept
    assert 'class="comment-head"' not in html


# -- Merging ---------------------------------------------------------------------------------------------------------
def test_merging_keeps_what_was_said_and_tells_who_raised_it(world: World) -> None:
    survivor = world.make(thing=world.inside, code="DEAD_ANIMAL")
    duplicate = world.make(Role.AGENT, thing=world.inside, code="DEAD_ANIMAL")
    assert survivor in world.browser(Role.SUPERVISOR).get(f"/tickets/{duplicate}").get_data(as_text=True)
    world.act(Role.AGENT, duplicate, "comment", body="Near the well", client_uuid=str(uuid.uuid4()))
    for wrong in (duplicate, "nonsense", "T-99-999999", ""):
        assert world.act(Role.SUPERVISOR, duplicate, "merge", into=wrong).status_code == 422, wrong
    assert world.act(Role.SUPERVISOR, duplicate, "merge", into=survivor).status_code == 303
    merged = world.ticket(duplicate)
    assert (merged.status, merged.merged_into_id) == (MERGED, world.ticket(survivor).id)
    html = world.browser(Role.SUPERVISOR).get(f"/tickets/{survivor}").get_data(as_text=True)
    assert "Near the well" in html
    assert world.told(Role.AGENT, duplicate)[-1] == "ticket.status"
    # The reporter still reads his own, and is led on by its number.
    assert survivor in world.browser(Role.AGENT).get(f"/tickets/{duplicate}").get_data(as_text=True)
    assert world.act(Role.SUPERVISOR, survivor, "merge", into=duplicate).status_code == 409


def test_chains_of_merged_tickets_end_at_the_survivor(world: World) -> None:
    first, second, third = (world.make() for _ in range(3))
    assert world.act(Role.SUPERVISOR, first, "merge", into=second).status_code == 303
    assert world.act(Role.SUPERVISOR, second, "merge", into=third).status_code == 303
    assert world.ticket(first).merged_into_id == world.ticket(third).id


# -- List, bulk, downloads -------------------------------------------------------------------------------------------
def test_filters_stand_in_the_address(world: World) -> None:
    number = world.make(title="Quite unlikely words", priority="URGENT", code="ILLEGAL_DUMPING")
    browser = world.browser(Role.SUPERVISOR)
    for query in (
        "q=unlikely", "priority=URGENT", f"category={world.category('ILLEGAL_DUMPING')}", "status=OPEN", "box=role",
        f"area={world.tree['mc-9']}", "source=STAFF", "sort=due", "who=0",
    ):  # fmt: skip
        assert number in browser.get(f"/tickets/?{query}").get_data(as_text=True), query
    others = ("q=likely+nowhere", "priority=LOW", "status=CLOSED", "box=mine", "box=past")
    for query in (*others, f"area={world.tree['zone']}"):
        assert number not in browser.get(f"/tickets/?{query}").get_data(as_text=True), query
    assert browser.get(f"/tickets/?area={world.outside.location_id}").status_code == 404
    assert browser.get("/tickets/?q=03001234567").status_code == 303  # a mobile number stands in no address
    assert browser.get(f"/tickets/?q={number.lower()}").location.endswith(number)
    assert browser.get("/tickets/?cursor=forged").status_code == 422
    for nonsense in ("box=x", "status=%00", "category=abc", "who=99999999999", "sort=;drop"):
        assert browser.get(f"/tickets/?{nonsense}").status_code in {200, 400}


def test_bulk_shows_before_it_does(world: World) -> None:
    open_one, closed_one = world.make(), world.make()
    for what, said in (("resolve", "Done"), ("close", "")):
        assert world.act(Role.SUPERVISOR, closed_one, f"do/{what}", words=said).status_code == 303
    chosen = [f"{world.ticket(one).id}.{world.ticket(one).version}" for one in (open_one, closed_one)]
    preview = world.post(Role.SUPERVISOR, "/tickets/bulk/preview", do="priority", value="HIGH", ticket=chosen)
    html = preview.get_data(as_text=True)
    assert "stays as it is:" in html
    assert world.ticket(open_one).priority == "MEDIUM"
    payload = re.findall(r'name="payload" value="([^"]+)"', html)[0]
    assert world.post(Role.SUPERVISOR, "/tickets/bulk/apply", payload=payload).status_code == 303
    assert world.ticket(open_one).priority == "HIGH"
    assert world.ticket(closed_one).priority == "MEDIUM"
    assert world.post(Role.SUPERVISOR, "/tickets/bulk/apply", payload=payload + "x").status_code == 303
    # Of another area nothing is chosen; what a preview showed is one person's.
    assert open_one not in world.post(
        world.far, "/tickets/bulk/preview", do="priority", value="LOW", ticket=chosen
    ).get_data(as_text=True)
    world.post(Role.ADMIN, "/tickets/bulk/apply", payload=payload)
    assert world.ticket(open_one).version == 2


def test_bulk_assign_leaves_what_changed_meanwhile(world: World) -> None:
    number = world.make()
    old = f"{world.ticket(number).id}.{world.ticket(number).version}"
    person = f"p{world.id_of(Role.AGENT)}"
    answer = world.post(Role.SUPERVISOR, "/tickets/bulk/preview", do="assign", value=person, ticket=[old])
    html = answer.get_data(as_text=True)
    payload = re.findall(r'name="payload" value="([^"]+)"', html)[0]
    assert world.act(Role.ADMIN, number, "do/start").status_code == 303
    assert world.post(Role.SUPERVISOR, "/tickets/bulk/apply", payload=payload).status_code == 303
    assert world.ticket(number).assigned_to is None


def test_a_download_holds_the_rows_of_the_list(world: World) -> None:
    number = world.make(title="Call 03001234567 please", code="ILLEGAL_DUMPING")
    browser = world.browser(Role.ADMIN)
    answer = browser.get("/tickets.csv?q=call")
    assert answer.status_code == 200
    text = answer.get_data(as_text=True)
    assert number in text
    assert "03001234567" not in text
    assert browser.get("/tickets.xlsx").status_code == 200
    assert world.browser(Role.SUPERVISOR).get("/tickets.csv").status_code == 403
    assert number not in world.browser(Role.ADMIN).get("/tickets.csv?box=mine").get_data(as_text=True)
    assert browser.get(f"/tickets.csv?area={world.outside.location_id}").status_code == 404


# -- Office ----------------------------------------------------------------------------------------------------------
def test_categories_are_kept_by_the_office(world: World) -> None:
    assert world.browser(Role.SUPERVISOR).get("/tickets/office/categories").status_code == 403
    listed = world.browser(Role.ADMIN).get("/tickets/office/categories").get_data(as_text=True)
    assert "Missed collection" in listed
    form = {
        "name": "Street light", "name_ur": "گلی کی بتی", "effect": "NONE", "assigned_role": "SUPERVISOR",
        "position": "5", "is_active": "y", "hours_LOW": "40", "hours_MEDIUM": "24", "hours_HIGH": "8",
        "hours_URGENT": "2",
    }  # fmt: skip
    assert world.post(Role.ADMIN, "/tickets/office/categories/new", **form).status_code == 303
    key = world.category("STREET_LIGHT")
    taken = world.post(Role.ADMIN, "/tickets/office/categories/new", **{**form, "name": "street LIGHT"})
    assert taken.status_code == 409
    number = world.make(code="STREET_LIGHT", priority="URGENT")
    assert world.ticket(number).clock_minutes == 120
    path = f"/tickets/office/categories/{key}"
    assert world.post(Role.ADMIN, path, **{**form, "hours_URGENT": "0"}).status_code == 422
    assert world.post(Role.ADMIN, path, version="9", **form).status_code == 409
    assert world.post(Role.ADMIN, path, version="1", **{**form, "name": "Lamp"}).status_code == 303
    off = {name: value for name, value in form.items() if name != "is_active"}
    assert world.post(Role.ADMIN, f"/tickets/office/categories/{key}", version="2", **off).status_code == 303
    typed = form_of(world, category=str(key), survey_id=world.inside.survey_id)
    refused = world.post(Role.AGENT, "/tickets/new", **typed)
    assert refused.status_code == 422


def test_a_holiday_moves_deadlines_and_back(world: World) -> None:
    number = world.make(priority="LOW")
    before = world.ticket(number).due_at
    assert before is not None
    day = before.astimezone().date().isoformat()
    assert world.post(Role.ADMIN, "/tickets/office/holidays", day=day, name="Eid").status_code == 303
    assert world.post(Role.ADMIN, "/tickets/office/holidays", day=day, name="Eid").status_code == 409
    moved = world.ticket(number).due_at
    assert moved is not None
    assert moved > before
    assert "Eid" in world.browser(Role.ADMIN).get("/tickets/office/holidays").get_data(as_text=True)
    assert world.post(Role.ADMIN, f"/tickets/office/holidays/{day}/remove").status_code == 303
    assert world.ticket(number).due_at == before
    assert world.post(Role.ADMIN, f"/tickets/office/holidays/{day}/remove").status_code == 404
    assert world.post(Role.ADMIN, "/tickets/office/holidays", day="yesterday", name="x").status_code == 422
