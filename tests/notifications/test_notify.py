"""Who is told, of what, once."""

from __future__ import annotations

import itertools
import threading

import pytest
from flask import Flask
from flask_babel import lazy_gettext as _l
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from portal.db import side_transaction, transaction
from portal.extensions import Base
from portal.locations.models import LocationClosure
from portal.notifications import places, preferences
from portal.notifications.models import DAILY, MAIL_CHOICES, NONE, NOTIFICATION_KINDS, Notification
from portal.notifications.recipients import people_of
from portal.notifications.service import notify
from portal.notifications.types import GROUPS, TYPES
from portal.permissions import Permission, Role, role_allows
from portal.staff.models import Staff, StaffArea
from portal.web.messages import in_every_language
from tests.notifications.world import World, make_world, set_staff, tell, told

keys = map("event-{}".format, itertools.count(1))


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return make_world(module_app)


def test_types_make_sense() -> None:
    for name, one in TYPES.items():
        assert one.group in GROUPS, name
        assert one.kind in NOTIFICATION_KINDS, name
        assert one.mail in MAIL_CHOICES, name
        assert one.in_app or not one.is_required, name


def test_the_things_that_lie_somewhere_have_their_tables(module_app: Flask) -> None:
    for name, columns in places.TABLES.values():
        table = Base.metadata.tables[name]
        assert "location_id" in table.c
        assert set(columns) <= set(table.c.keys())


def test_people_of_a_place(world: World) -> None:
    with world.app.app_context(), side_transaction() as connection:
        from sqlalchemy.orm import Session

        session = Session(connection)
        here = people_of(session, world.here.location_id, list(Role))
        assert set(here) == {one for (_role, area), one in world.people.items() if area in {"here", "everywhere"}}
        supervisors = people_of(session, world.here.location_id, [Role.SUPERVISOR, "AGENT"], Permission.REVIEW_VISITS)
        assert set(supervisors) == {world.people[Role.SUPERVISOR, area] for area in ("here", "everywhere")}
        assert people_of(session, None, [Role.HEAD]) == [world.people[Role.HEAD, "everywhere"]]
        # What concerns everybody takes the whole province, wherever it happened.
        settings_people = people_of(session, world.here.location_id, list(Role), Permission.MANAGE_SETTINGS)
        assert settings_people == [world.people[Role.HEAD, "everywhere"]]
        assert people_of(session, world.here.location_id, []) == []


THINGS = ("nothing", "unit here", "unit there", "account here", "account there", "place there", "unknown unit")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    type_name=st.sampled_from(sorted(TYPES)),
    thing=st.sampled_from(THINGS),
    wanted=st.sets(st.sampled_from([(role, area) for role in Role for area in ("here", "there", "everywhere")])),
    inactive=st.booleans(),
)
def test_nobody_is_told_of_what_he_may_not_see(
    world: World, type_name: str, thing: str, wanted: set[tuple[Role, str]], inactive: bool
) -> None:
    """And everybody who may see it is, whatever the type, the thing and the people."""
    key = next(keys)
    what, _, where = thing.partition(" ")
    owner = world.here if where == "here" else world.there
    about = {
        "unit": {"entity": "unit", "entity_id": owner.survey_id},
        "account": {"entity": "account", "entity_id": owner.psid},
        "place": {"location_id": owner.location_id},
        "unknown": {"entity": "unit", "entity_id": "9999999"},
    }.get(what, {})
    away = world.people[Role.AGENT, "here"]
    set_staff(world.app, away, is_active=not inactive)
    try:
        number = tell(world.app, [world.people[one] for one in wanted], key, type_name, **about)
    finally:
        set_staff(world.app, away, is_active=True)
    lies = where if what in {"unit", "account", "place"} else ""
    permission = TYPES[type_name].permission
    expected = {
        world.people[role, area]
        for role, area in wanted
        if (permission is None or role_allows(role, permission))
        and (not lies or area in {lies, "everywhere"})
        and not (inactive and world.people[role, area] == away)
    }
    assert told(world.app, key) == expected
    assert number == len(expected)


def test_who_lost_the_area_or_the_role_sees_it_no_more(world: World) -> None:
    me = world.people[Role.SUPERVISOR, "here"]
    browser = world.browser(me)
    with world.app.app_context(), transaction() as session:
        session.execute(delete(Notification))
    about = {"entity": "unit", "entity_id": world.here.survey_id}
    tell(world.app, [me], "seen-1", "visit.review", message=_l("Review what lies here"), **about)
    assert "Review what lies here" in browser.get("/notifications/").get_data(as_text=True)
    with world.app.app_context(), transaction() as session:
        one = session.scalars(select(Notification.id).where(Notification.event_key == "seen-1")).one()
        there = world.places["bhakkar"]
        session.execute(delete(StaffArea).where(StaffArea.staff_id == me))
        session.add(StaffArea(staff_id=me, location_id=there))
    try:
        assert "Review what lies here" not in browser.get("/notifications/").get_data(as_text=True)
        assert browser.get("/notifications/count").json == {"unread": 0}
        assert browser.get(f"/notifications/{one}").status_code == 404
    finally:
        with world.app.app_context(), transaction() as session:
            session.execute(delete(StaffArea).where(StaffArea.staff_id == me))
            session.add(StaffArea(staff_id=me, location_id=world.places["khushab/khushab"]))
    assert browser.get("/notifications/count").json == {"unread": 1}
    set_staff(world.app, me, role="AGENT")  # who reviews nothing
    assert browser.get("/notifications/count").json == {"unread": 0}
    set_staff(world.app, me, role="SUPERVISOR")
    assert browser.get("/notifications/count").json == {"unread": 1}


def test_the_closure_and_the_condition_agree(world: World) -> None:
    """The place of the tests lies below one area and not below the other."""
    with world.app.app_context(), side_transaction() as connection:
        above = set(
            connection.scalars(
                select(LocationClosure.ancestor_id).where(LocationClosure.location_id == world.here.location_id)
            )
        )
    assert world.places["khushab/khushab"] in above
    assert world.places["bhakkar"] not in above


def test_eight_writers_of_one_event_tell_it_once(world: World) -> None:
    me, other = world.people[Role.MANAGER, "here"], world.people[Role.ADMIN, "here"]
    start, results, errors = threading.Barrier(8), [], []

    def write(order: bool) -> None:
        try:
            start.wait(20)
            # The order in which people are named must not matter either: no two writers may wait for each other.
            results.append(tell(world.app, [me, other] if order else [other, me], "raced"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(bool(number % 2),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(results) == [0] * 7 + [2]
    assert told(world.app, "raced") == {me, other}


def test_what_fails_tells_nobody(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.app.app_context(), transaction() as session:
        assert notify(session, "ticket.assigned", [world.people[Role.ADMIN, "here"]], "x", event_key="failed") == 1
        raise ZeroDivisionError
    assert told(world.app, "failed") == set()


def test_the_text_is_kept_in_every_language_and_names_no_number(world: World) -> None:
    me = world.people[Role.ADMIN, "here"]
    message = _l("You changed your password. Was it not you? Tell your administrator.")
    tell(world.app, [me], "words", message=message)
    tell(world.app, [me], "numbers", message="Call 0300-1234567 about 38201-1234567-1, PSID 26770000000000000001")
    with world.app.app_context(), side_transaction() as connection:
        stored = dict(
            connection.execute(
                select(Notification.event_key, Notification.message).where(
                    Notification.event_key.in_(["words", "numbers"])
                )
            ).all()
        )
        assert stored["words"] == in_every_language(message)
    assert set(stored["words"]) == {"en", "ur"}
    assert "1234567" not in stored["numbers"]["en"]
    assert "26770000000000000001" in stored["numbers"]["en"]


def test_choices_are_followed(world: World) -> None:
    me = world.people[Role.HEAD, "here"]
    with world.app.app_context(), transaction() as session:
        assert preferences.save(session, me, Role.HEAD, {
            "ticket.comment": (False, NONE), "ticket.status": (False, DAILY), "security.password": (False, NONE),
            "no.such": (True, NONE), "ticket.mention": (True, "SOMETIMES"),
        }) == 3  # fmt: skip
    assert tell(world.app, [me], "chosen-1", "ticket.comment") == 0
    # Without a mail server there is no mail, so what shall not stand in the portal either is not told at all.
    assert tell(world.app, [me], "chosen-2", "ticket.status") == 0
    assert tell(world.app, [me], "chosen-3", "security.password") == 1
    with world.app.app_context(), transaction() as session:
        preferences.back_to_default(session, me)
    assert tell(world.app, [me], "chosen-4", "ticket.comment") == 1


def test_old_ones_are_deleted_at_night(world: World) -> None:
    from portal.notifications import inbox

    me = world.people[Role.AGENT, "there"]
    tell(world.app, [me], "old")
    tell(world.app, [me], "young")
    with world.app.app_context(), transaction() as session:
        session.execute(
            text("UPDATE notifications SET created_at = now() - interval '181 days' WHERE event_key = 'old'")
        )
        assert inbox.prune(session, 180) == 1
    assert told(world.app, "old") == set()
    assert told(world.app, "young") == {me}


def test_nobody_but_staff_is_asked_for(world: World) -> None:
    with world.app.app_context(), side_transaction() as connection:
        highest = connection.execute(select(Staff.id).order_by(Staff.id.desc()).limit(1)).scalar_one()
    assert tell(world.app, [highest + 1000], "nobody") == 0
    assert tell(world.app, [], "nobody") == 0
