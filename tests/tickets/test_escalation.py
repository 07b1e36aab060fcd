"""Who is told when the time runs out: each step once, upwards past roles that have nobody."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask

from portal.db import transaction
from portal.permissions import Role
from portal.tickets import escalation, service
from portal.tickets.models import Ticket
from portal.tickets.worktime import WorkCalendar
from tests.support.people import add_staff
from tests.tickets.world import World, make_world, soon

ALWAYS = WorkCalendar(frozenset(range(7)), 0, 24 * 60)


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return make_world(module_app)


def run(world: World, moment: dt.datetime) -> int:
    with world.app.app_context(), world.app.test_request_context(), transaction() as session:
        return escalation.escalate(session, ALWAYS, moment)


def steps(world: World, number: str) -> list[tuple[int, list[str]]]:
    return [(detail["step"], detail["told"]) for event, detail in world.events(number) if event == "escalated"]


def finish_everything(world: World) -> None:
    with world.app.app_context(), transaction() as session:
        for ticket in session.query(Ticket):
            ticket.status, ticket.decision = "CLOSED", None


def test_each_step_once_with_whom_it_concerns(world: World) -> None:
    finish_everything(world)
    number = world.make(priority="URGENT", calendar=ALWAYS)  # eight hours; three quarters are six
    assigned = f"p{world.id_of(Role.AGENT)}"
    assert world.act(Role.SUPERVISOR, number, "assign", to=assigned).status_code == 303
    version = world.ticket(number).version
    assert run(world, soon(60)) == 0
    assert [run(world, soon(6 * 60 + 5)) for _twice in range(2)] == [1, 0]
    assert steps(world, number) == [(1, ["agent.k"])]
    assert [run(world, soon(8 * 60 + 5)) for _twice in range(2)] == [1, 0]
    assert steps(world, number)[-1] == (2, ["admin.k", "agent.k", "supervisor.k"])
    assert [run(world, soon(33 * 60)) for _twice in range(2)] == [1, 0]  # a day of this calendar later
    assert steps(world, number)[-1] == (3, ["manager.k"])
    assert world.ticket(number).escalation == 3
    assert world.told(Role.MANAGER, number) == ["ticket.escalated"]
    # A form that somebody has open stays good.
    assert world.ticket(number).version == version


def test_a_ticket_of_nobody_reaches_its_role_and_past_a_role_that_has_nobody(world: World) -> None:
    finish_everything(world)
    number = world.make(priority="URGENT", calendar=ALWAYS)
    run(world, soon(6 * 60 + 5))
    assert steps(world, number) == [(1, ["supervisor.k"])]
    # In Bhakkar there is a supervisor and no office; a head of the whole province answers.
    head = add_staff(world.app, Role.HEAD, None, username="head.punjab")
    far = world.make("far.away", priority="URGENT", calendar=ALWAYS, thing=world.outside)
    run(world, soon(9 * 60))
    assert steps(world, far)[-1] == (2, ["far.away", head])


def test_waiting_and_finished_tickets_are_left_alone(world: World) -> None:
    finish_everything(world)
    waits, done = world.make(calendar=ALWAYS), world.make(calendar=ALWAYS)
    assert world.act(Role.SUPERVISOR, waits, "do/wait", words="For the consumer").status_code == 303
    assert world.act(Role.SUPERVISOR, done, "do/resolve", words="Done").status_code == 303
    assert run(world, soon(60 * 24 * 60)) == 0


def test_another_deadline_is_told_anew(world: World) -> None:
    finish_everything(world)
    number = world.make(priority="URGENT", calendar=ALWAYS)
    run(world, soon(9 * 60))
    assert world.act(Role.SUPERVISOR, number, "do/resolve", words="Done").status_code == 303
    assert world.act(Role.SUPERVISOR, number, "do/reopen", words="It is not").status_code == 303
    assert world.ticket(number).escalation == 0
    run(world, soon(20 * 24 * 60))
    assert [step for step, _told in steps(world, number)] == [2, 3]


def test_late_at_once_takes_the_last_step_only(world: World) -> None:
    finish_everything(world)
    number = world.make(priority="URGENT", calendar=ALWAYS)
    assert run(world, soon(3 * 24 * 60)) == 1
    assert [step for step, _told in steps(world, number)] == [3]


def test_the_job_runs(world: World) -> None:
    """With the clock of now and the working hours in force."""
    from portal.tickets.tasks import escalate

    finish_everything(world)
    number = world.make(priority="URGENT", calendar=ALWAYS)
    with world.app.app_context(), transaction() as session:
        ticket = session.query(Ticket).filter_by(number=number).one()
        ticket.near_at = ticket.due_at = service.now() - dt.timedelta(minutes=1)
    for _twice in range(2):
        with world.app.app_context():
            escalate()
    assert [step for step, _told in steps(world, number)] == [2]
