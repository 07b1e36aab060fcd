"""Decisions about tickets: what an approval brings into the register, with a linked correction too, and who decides."""

from __future__ import annotations

import datetime as dt
import uuid
from io import BytesIO

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select, text

from portal.corrections.models import Correction
from portal.db import transaction
from portal.errors import InvalidInputError
from portal.files.service import Owner, Upload, store_photo
from portal.permissions import Role
from portal.registers.models import RecordChange
from portal.tickets import service
from portal.tickets.models import OPEN, RESOLVED
from portal.tickets.service import Draft, Links
from tests.tickets.world import WEEK, World, form_of, make_world, unit_of


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return make_world(module_app)


def test_a_data_approval_changes_the_register_at_once(world: World) -> None:
    number = world.make(
        Role.AGENT, "DATA_CORRECTION", thing=world.inside,
        wanted={"consumer_name": "Muhammad Aslam", "mobile": "0300 7654321"},
    )  # fmt: skip
    assert world.act(Role.SUPERVISOR, number, "do/resolve", words="done").status_code == 409  # decided, not resolved
    html = world.browser(Role.SUPERVISOR).get(f"/tickets/{number}").get_data(as_text=True)
    assert "Muhammad Aslam" in html
    assert 'name="unit_version"' in html
    unit_version = str(unit_of(world).version)
    assert world.act(Role.AGENT, number, "decide", decision="approve").status_code == 403
    answer = world.act(Role.SUPERVISOR, number, "decide", decision="approve", unit_version=unit_version)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    unit = unit_of(world)
    assert (unit.consumer_name, unit.mobile) == ("Muhammad Aslam", "03007654321")
    assert {"consumer_name", "mobile"} <= set(unit.kept_by_hand)
    ticket = world.ticket(number)
    assert (ticket.status, ticket.decision, ticket.decided_by) == (RESOLVED, "APPROVED", world.id_of(Role.SUPERVISOR))
    with world.app.app_context(), transaction() as session:
        changes = session.scalars(select(RecordChange).where(RecordChange.source == "TICKET")).all()
        assert {(one.field, one.new) for one in changes} >= {("consumer_name", "Muhammad Aslam")}
        assert all(number in one.reason for one in changes)
    assert "ticket.decided" in world.told(Role.AGENT, number)
    twice = world.act(Role.SUPERVISOR, number, "decide", decision="approve")
    assert twice.status_code == 409


def test_a_unit_changed_meanwhile_is_not_overwritten(world: World) -> None:
    number = world.make(Role.AGENT, "DATA_CORRECTION", thing=world.inside, wanted={"house_type": "Flat"})
    answer = world.act(
        Role.SUPERVISOR, number, "decide", decision="approve", unit_version=str(unit_of(world).version + 5)
    )
    assert answer.status_code == 409
    ticket = world.ticket(number)
    assert (ticket.status, ticket.decision) == (OPEN, "PENDING")


def test_a_linked_correction_is_decided_with_the_ticket(world: World) -> None:
    unit_id = world.unit_id(world.inside)
    keys = []
    for proposer in (Role.SUPERVISOR, Role.AGENT):
        with world.app.app_context(), transaction() as session:
            correction = Correction(
                client_uuid=uuid.uuid4(), unit_id=unit_id, location_id=world.inside.location_id,
                fields={"water_connection": ["", "Yes"]}, proposed_by=world.id_of(proposer),
            )  # fmt: skip
            session.add(correction)
            session.flush()
            keys.append(correction.id)
    own, other = (
        world.post(
            Role.AGENT, "/tickets/new",
            **form_of(world, category=str(world.category("DATA_CORRECTION")), correction=str(key)),
        ).location.rpartition("/")[2]
        for key in keys
    )  # fmt: skip
    assert world.ticket(own).unit_id == unit_id
    assert world.act(Role.SUPERVISOR, own, "decide", decision="approve").status_code == 403
    assert world.ticket(own).decision == "PENDING"
    assert world.act(Role.SUPERVISOR, other, "decide", decision="approve").status_code == 303
    assert unit_of(world).water_connection == "Yes"
    with world.app.app_context(), transaction() as session:
        assert session.get_one(Correction, keys[1]).state == "APPROVED"
        assert session.get_one(Correction, keys[0]).state == "PENDING"


def test_nobody_approves_his_own(world: World) -> None:
    number = world.make(Role.SUPERVISOR, "DATA_CORRECTION", thing=world.inside, wanted={"house_type": "Flat"})
    assert world.act(Role.SUPERVISOR, number, "decide", decision="approve").status_code == 403
    assert "Nobody decides a ticket that he raised" in world.browser(Role.SUPERVISOR).get(
        f"/tickets/{number}"
    ).get_data(as_text=True)
    # Nor what he wrote into somebody else's.
    other = world.make(Role.AGENT, "DATA_CORRECTION", thing=world.inside)
    assert world.act(Role.ADMIN, other, "decide", decision="approve").status_code == 422  # nothing is said to change
    form = form_of(
        world, category=str(world.category("DATA_CORRECTION")), title="Wrong", survey_id=world.inside.survey_id,
        wanted_address="House 7", version=str(world.ticket(other).version),
    )  # fmt: skip
    assert world.post(Role.ADMIN, f"/tickets/{other}/edit", **form).status_code == 303
    assert "approval.waiting" in world.told(Role.SUPERVISOR, other)
    assert world.act(Role.ADMIN, other, "decide", decision="approve").status_code == 403
    assert world.act(Role.SUPERVISOR, other, "decide", decision="approve").status_code == 303
    assert unit_of(world).address == "House 7"


def test_a_billing_approval_records_decision_and_amount_and_changes_no_money(world: World) -> None:
    number = world.make(Role.AGENT, "DUPLICATE_BILL", thing=world.inside, disputed_amount=500)
    assert world.act(Role.SUPERVISOR, number, "decide", decision="approve", amount="500").status_code == 403
    html = world.browser(Role.ADMIN).get(f"/tickets/{number}").get_data(as_text=True)
    assert "No bill and no payment changes yet" in html
    for wrong in ("", "five", "-3", "1e9", "999999999999"):
        refused = world.act(Role.ADMIN, number, "decide", decision="approve", amount=wrong, note="twice")
        assert refused.status_code == 422, wrong
    assert world.act(Role.ADMIN, number, "decide", decision="approve", amount="1,500", note="twice").status_code == 303
    ticket = world.ticket(number)
    assert (ticket.decision, ticket.decision_amount, ticket.disputed_amount) == ("APPROVED", 1500, 500)
    assert ticket.status == RESOLVED
    account = world.browser(Role.ADMIN).get(f"/accounts/{world.inside.psid}").get_data(as_text=True)
    assert "500" in account


def test_a_rejection_needs_a_reason_and_can_be_opened_again(world: World) -> None:
    number = world.make(Role.AGENT, "VACANT_OR_EXEMPT", thing=world.inside)
    assert world.act(Role.ADMIN, number, "decide", decision="reject", note="").status_code == 422
    assert world.act(Role.ADMIN, number, "decide", decision="reject", note="People live there").status_code == 303
    assert world.act(Role.AGENT, number, "do/reopen", words="Nobody does").status_code == 303
    ticket = world.ticket(number)
    assert (ticket.status, ticket.decision, ticket.reopened) == (OPEN, "PENDING", 1)


def decision_part(world: World, who: Role, number: str) -> str:
    html = world.browser(who).get(f"/tickets/{number}").get_data(as_text=True)
    return html.partition('id="decision"')[2].partition("</section>")[0]


def test_a_ticket_that_would_correct_nothing_is_not_approved_and_says_what_is_missing(world: World) -> None:
    def refused(number: str, sentence: str) -> None:
        part = decision_part(world, Role.SUPERVISOR, number)
        assert sentence in part and 'value="approve"' not in part and 'value="reject"' in part
        answer = world.act(Role.SUPERVISOR, number, "decide", decision="approve", note="yes")
        assert answer.status_code == 422 and sentence in answer.get_data(as_text=True)
        assert (world.ticket(number).decision, world.ticket(number).status) == ("PENDING", OPEN)

    code = "DATA_CORRECTION"
    made = world.post(
        Role.AGENT, "/tickets/new",
        **form_of(world, category=str(world.category(code)), survey_id=world.inside.survey_id, title="All wrong"),
    )  # fmt: skip
    number = made.location.rpartition("/")[2]
    assert "Nobody has entered yet what is to be corrected" in world.browser(Role.AGENT).get(
        made.location
    ).get_data(as_text=True)  # fmt: skip
    refused(number, "Nobody has entered yet what is to be corrected, and no correction is linked.")
    refused(world.make(Role.AGENT, code, wanted={"house_type": "Flat"}), "Say first which unit it is about")
    name = unit_of(world).consumer_name or ""
    same = world.make(Role.AGENT, code, thing=world.inside, wanted={"consumer_name": name})
    refused(same, "The register says so already")
    there = world.make(Role.AGENT, code, thing=world.inside, wanted={"consumer_name": f"{name} Khan"})
    assert 'value="approve"' in decision_part(world, Role.SUPERVISOR, there)
    # A category without corrections says nothing of the kind.
    form = form_of(world, category=str(world.category("OTHER")), survey_id=world.inside.survey_id)
    other = world.post(Role.AGENT, "/tickets/new", **form)
    assert "Nobody has entered" not in world.browser(Role.AGENT).get(other.location).get_data(as_text=True)


def test_a_linked_correction_that_corrects_nothing_is_said(world: World) -> None:
    unit_id, location_id = world.unit_id(world.inside), world.inside.location_id
    second = world.unit_id(world.outside)

    def correction(state: str = "PENDING", unit: int = unit_id, **fields: list[str]) -> int:
        with world.app.app_context(), transaction() as session:
            made = Correction(
                client_uuid=uuid.uuid4(), unit_id=unit, location_id=location_id, fields=fields, state=state,
                proposed_by=world.id_of(Role.AGENT), note="see the photo",
                decided_by=None if state == "PENDING" else world.id_of(Role.ADMIN),
                decided_at=None if state == "PENDING" else dt.datetime.now(dt.UTC),
            )  # fmt: skip
            session.add(made)
            session.flush()
            return made.id

    def make(key: int) -> str:
        links = Links(unit_id=unit_id, correction_id=key)
        draft = Draft(world.category("DATA_CORRECTION"), "MEDIUM", "Linked", "", location_id, links=links)
        with world.app.app_context(), world.app.test_request_context(), transaction() as session:
            return service.create(session, world.actor(Role.AGENT), WEEK, uuid.uuid4(), draft).number

    with pytest.raises(InvalidInputError, match="decided on its own already"):
        make(correction("APPROVED", house_type=["", "Flat"]))
    with pytest.raises(InvalidInputError, match="about another unit"):
        make(correction(unit=second, house_type=["", "Flat"]))
    assert "holds a note only" in decision_part(world, Role.SUPERVISOR, make(correction()))
    decided = correction(house_type=["", "Portion"])
    number = make(decided)
    assert 'value="approve"' in decision_part(world, Role.SUPERVISOR, number)
    with world.app.app_context(), transaction() as session:
        found = session.get_one(Correction, decided)
        found.state, found.decided_by, found.decided_at = "REJECTED", world.id_of(Role.ADMIN), dt.datetime.now(dt.UTC)
    assert "has been decided on its own already" in decision_part(world, Role.SUPERVISOR, number)
    assert world.act(Role.SUPERVISOR, number, "decide", decision="approve", note="yes").status_code == 422


def with_correction(world: World, code: str, fields: dict[str, list[str]], *, photos: int = 1) -> tuple[str, int]:
    """A ticket of the supervisor, linked to a correction of the agent with photos; number and id."""
    with world.app.app_context(), world.app.test_request_context(), transaction() as session:
        correction = Correction(
            client_uuid=uuid.uuid4(), unit_id=world.unit_id(world.inside), location_id=world.inside.location_id,
            fields=fields, proposed_by=world.id_of(Role.AGENT),
        )  # fmt: skip
        session.add(correction)
        session.flush()
        for _photo in range(photos):
            out = BytesIO()
            Image.new("RGB", (60, 40), "#0c7850").save(out, "JPEG")
            out.seek(0)
            store_photo(
                session, Owner(correction_id=correction.id), Upload(out, "door.jpg"), client_uuid=uuid.uuid4(),
                location_id=world.inside.location_id, staff_id=None,
            )  # fmt: skip
        key = correction.id
    form = form_of(world, category=str(world.category(code)), correction=str(key))
    return world.post(Role.SUPERVISOR, "/tickets/new", **form).location.rpartition("/")[2], key


def correction_after(world: World, key: int) -> tuple[str, list[tuple[int | None, int | None]], list[str], list[str]]:
    """(state, (unit, correction) of its photos, what its proposer was told, audit lines about it)."""
    with world.app.app_context(), transaction() as session:
        state = session.get_one(Correction, key).state
        photos = session.execute(
            text(
                "SELECT unit_id, correction_id FROM stored_files WHERE correction_id = :key"
                " OR (unit_id = :unit AND kind = 'PHOTO' AND correction_id IS NULL) ORDER BY id"
            ), {"key": key, "unit": world.unit_id(world.inside)},
        )  # fmt: skip
        lines = session.scalars(
            text("SELECT action FROM audit_log WHERE entity = 'correction' AND entity_id = :key"), {"key": str(key)}
        )
        return state, [tuple(row) for row in photos], world.told(Role.AGENT, str(key)), list(lines)


@pytest.mark.parametrize("by_ticket", [True, False])
def test_a_correction_arrives_the_same_by_its_ticket_and_by_its_own_page(world: World, by_ticket: bool) -> None:
    number, key = with_correction(world, "DATA_CORRECTION", {"house_type": ["", f"House {by_ticket}"]}, photos=2)
    before = len(correction_after(world, key)[1]) - 2
    page = world.browser(Role.ADMIN).get(f"/tickets/{number}").get_data(as_text=True)
    assert "Photos of the correction" in page
    if by_ticket:
        answer = world.act(Role.ADMIN, number, "decide", decision="approve", unit_version=str(unit_of(world).version))
    else:
        version = str(unit_of(world).version)
        answer = world.post(Role.ADMIN, f"/corrections/{key}/decide", do="approve", unit_version=version)
    assert answer.status_code == 303
    assert unit_of(world).house_type == f"House {by_ticket}"
    state, photos, told, lines = correction_after(world, key)
    assert state == "APPROVED"
    assert photos == [(world.unit_id(world.inside), None)] * (before + 2)
    assert told == ["correction.decided"]
    assert lines == ["correction.approve"]


def test_a_correction_of_nothing_but_photos_is_approved_with_its_ticket(world: World) -> None:
    number, key = with_correction(world, "DATA_CORRECTION", {})
    assert "Nobody has entered" not in world.browser(Role.ADMIN).get(f"/tickets/{number}").get_data(as_text=True)
    assert world.act(Role.ADMIN, number, "decide", decision="approve").status_code == 303
    state, photos, _told, _lines = correction_after(world, key)
    assert state == "APPROVED"
    assert all(correction_id is None for _unit, correction_id in photos)


def test_the_values_of_the_ticket_go_over_those_of_its_correction(world: World) -> None:
    number, key = with_correction(world, "DATA_CORRECTION", {"house_type": ["", "Flat"], "address": ["", "House 8"]})
    form = form_of(
        world, category=str(world.category("DATA_CORRECTION")), survey_id=world.inside.survey_id, correction=str(key),
        wanted_address="House 9", version=str(world.ticket(number).version),
    )  # fmt: skip
    assert world.post(Role.SUPERVISOR, f"/tickets/{number}/edit", **form).status_code == 303
    assert world.act(Role.ADMIN, number, "decide", decision="approve").status_code == 303
    assert (unit_of(world).house_type, unit_of(world).address) == ("Flat", "House 9")
    assert correction_after(world, key)[0] == "APPROVED"


def test_a_rejected_ticket_rejects_its_correction_and_a_billing_one_leaves_it(world: World) -> None:
    number, key = with_correction(world, "DATA_CORRECTION", {"house_type": ["", "Hut"]})
    assert world.act(Role.ADMIN, number, "decide", decision="reject", note="It is a house.").status_code == 303
    state, photos, told, lines = correction_after(world, key)
    assert (state, told, lines) == ("REJECTED", ["correction.decided"], ["correction.reject"])
    assert (None, key) in photos
    # No register is changed by a decision about a bill: its correction goes on waiting for its own.
    for choice in ({"decision": "approve", "amount": "0"}, {"decision": "reject", "note": "The bill is right."}):
        number, key = with_correction(world, "DUPLICATE_BILL", {"house_type": ["", "Hut"]})
        assert world.act(Role.ADMIN, number, "decide", **choice).status_code == 303
        assert correction_after(world, key)[0] == "PENDING"
