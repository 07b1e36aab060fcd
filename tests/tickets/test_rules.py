"""Who may do what to a ticket: the table of transitions, and the questions about it."""

from __future__ import annotations

import dataclasses
import itertools
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.permissions import AreaScope, Role
from portal.tickets import numbers, rules
from portal.tickets.models import (
    BILLING,
    CATEGORY_EFFECTS,
    CLOSED,
    DATA,
    DECISIONS,
    IN_PROGRESS,
    MERGED,
    NONE,
    OPEN,
    PENDING,
    RESOLVED,
    TICKET_STATUSES,
    WAITING,
)
from portal.tickets.rules import Actor, Standing, Step

ME, OTHER = 1, 2


def actor(role: Role, staff_id: int = ME) -> Actor:
    return Actor(staff_id, "me", role, AreaScope.everywhere())


def ticket(status: str = OPEN, **values: object) -> Standing:
    base = Standing(status, NONE, None, None, "SUPERVISOR", OTHER)
    return dataclasses.replace(base, **values)  # type: ignore[arg-type]


def test_the_table_names_every_status_and_leads_to_known_ones() -> None:
    assert set(rules.TRANSITIONS) == set(TICKET_STATUSES)
    assert {to for steps in rules.TRANSITIONS.values() for to in steps.values()} <= set(TICKET_STATUSES)
    assert rules.TRANSITIONS[MERGED] == {}  # the end
    # Whatever was begun can be brought to an end, and opened again.
    reachable = {OPEN}
    for _round in TICKET_STATUSES:
        reachable |= {to for status in reachable for to in rules.TRANSITIONS[status].values()}
    assert reachable == set(TICKET_STATUSES)
    assert all(Step.REOPEN in rules.TRANSITIONS[status] for status in (RESOLVED, CLOSED))


@given(
    st.sampled_from(list(Role)), st.sampled_from(TICKET_STATUSES), st.sampled_from(CATEGORY_EFFECTS),
    st.sampled_from([None, *DECISIONS]), st.sampled_from([None, ME, OTHER]), st.sampled_from([None, ME, OTHER]),
)  # fmt: skip
def test_steps_are_those_of_the_table(
    role: Role, status: str, effect: str, decision: str | None, assigned: int | None, reporter: int | None
) -> None:
    standing = ticket(status, effect=effect, decision=decision, assigned_to=assigned, reported_by=reporter)
    found = rules.steps(actor(role), standing)
    assert set(found) <= set(rules.TRANSITIONS[status])
    if decision == PENDING:
        assert Step.RESOLVE not in found
    if role is Role.AGENT:
        assert not {Step.CLOSE, Step.MERGE} & set(found)
        if assigned != ME:
            assert set(found) <= ({Step.REOPEN} if reporter == ME else set())


@pytest.mark.parametrize(
    ("effect", "roles"),
    [
        (NONE, set()),
        (DATA, {Role.SUPERVISOR, Role.ADMIN, Role.MANAGER, Role.HEAD}),
        (BILLING, {Role.ADMIN, Role.MANAGER, Role.HEAD}),
    ],
)
def test_who_decides(effect: str, roles: set[Role]) -> None:
    standing = ticket(effect=effect, decision=PENDING)
    assert {role for role in Role if rules.may_decide(actor(role), standing)} == roles


def test_nobody_decides_his_own() -> None:
    for own in ({"reported_by": ME}, {"wanted_by": ME}):
        assert not rules.may_decide(actor(Role.HEAD), ticket(effect=DATA, decision=PENDING, **own))
    assert rules.may_decide(actor(Role.HEAD), ticket(effect=DATA, decision=PENDING, wanted_by=OTHER))
    assert not rules.may_decide(Actor.system(), ticket(effect=DATA, decision=PENDING))


def test_decided_or_finished_is_not_decided_again() -> None:
    for status, decision in itertools.product(TICKET_STATUSES, [None, *DECISIONS]):
        may = rules.may_decide(actor(Role.HEAD), ticket(status, effect=BILLING, decision=decision))
        assert may == (status in {OPEN, IN_PROGRESS, WAITING} and decision == PENDING)


def test_an_agent_takes_what_is_for_agents() -> None:
    assert not rules.may_take(actor(Role.AGENT), ticket())
    assert rules.may_take(actor(Role.AGENT), ticket(assigned_role="AGENT"))
    assert not rules.may_take(actor(Role.AGENT), ticket(assigned_role="AGENT", assigned_to=OTHER))
    assert rules.may_take(actor(Role.SUPERVISOR), ticket(assigned_role="ADMIN"))
    assert not rules.may_take(actor(Role.SUPERVISOR), ticket(RESOLVED))


def test_roles_above() -> None:
    assert rules.roles_above("ADMIN") == (Role.MANAGER, Role.HEAD)
    assert rules.roles_above("HEAD") == ()


# -- Numbers and codes -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "typed", ["T-26-000123", " t-26-000123 ", "T26000123", "26-000123", "t 26 000123", "T-۲۶-۰۰۰۱۲۳"]
)
def test_a_number_as_people_type_it(typed: str) -> None:
    assert numbers.read_number(typed) == "T-26-000123"


@pytest.mark.parametrize(
    "typed", ["", "T-26", "123", "T-26-00012", "X-26-000123", "T-26-0001234567890", "T-26-000123'"]
)
def test_what_is_no_number(typed: str) -> None:
    assert numbers.read_number(typed) is None


@given(st.uuids(), st.uuids())
def test_codes(one: uuid.UUID, other: uuid.UUID) -> None:
    code = numbers.code_of(one, "k" * 32)
    assert code == numbers.code_of(one, "k" * 32)
    assert len(code) == numbers.CODE_LENGTH
    assert set(code) <= set(numbers.CODE_ALPHABET)
    stored = numbers.hash_code(code)
    assert numbers.matches(numbers.read_code(f"{code[:4]}-{code[4:].lower()} "), stored)
    assert not numbers.matches(code, None)
    assert not numbers.matches("", None)
    assert (one == other) or not numbers.matches(numbers.code_of(other, "k" * 32), stored)
    assert code != numbers.code_of(one, "j" * 32)
