"""The rules of who may do what to whom, against a model written independently of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.permissions import Permission, Role, role_allows
from portal.staff.rules import Action, Actor, Area, Person, Reason, common_area, decide, sees, without_nested

A, S, D, M, H = Role.AGENT, Role.SUPERVISOR, Role.ADMIN, Role.MANAGER, Role.HEAD
# Whom each role administers: the whole of the policy about roles, as a table.
BELOW: dict[Role, set[Role]] = {A: set(), S: set(), D: {A, S}, M: {A, S, D}, H: {A, S, D, M, H}}
HARMLESS_TO_ONESELF = {"view", "edit", "sign-out", "unlock"}


@dataclass(frozen=True)
class Tree:
    """Parents by number; 0 is the root."""

    parents: tuple[int, ...]

    def parent(self, node: int) -> int:
        return self.parents[node - 1] % node

    def covers(self, above: int, node: int) -> bool:
        return above == node or (node != 0 and self.covers(above, self.parent(node)))

    def area(self, node: int) -> Area:
        path = [node]
        while path[-1] != 0:
            path.append(self.parent(path[-1]))
        return Area(tuple(reversed(path)))


def is_inside(tree: Tree, nodes: set[int], granted: set[int]) -> bool:
    return all(any(tree.covers(mine, node) for mine in granted) for node in nodes)


def leads(role: Role, nodes: set[int]) -> bool:
    return role is H and 0 in nodes


@dataclass(frozen=True)
class Case:
    """One question to the rules."""

    tree: Tree
    actor_id: int | None
    actor_role: Role
    actor_nodes: frozenset[int]
    action: Action
    target_role: Role
    target_nodes: frozenset[int]
    can_sign_in: bool
    new_role: Role | None
    new_nodes: frozenset[int] | None
    others: int


def model(case: Case) -> bool:
    """Whether it is allowed, said in another way than the rules say it."""
    mine, theirs = set(case.actor_nodes), set(case.target_nodes)
    role_after = case.new_role or case.target_role
    nodes_after = theirs if case.new_nodes is None else set(case.new_nodes)
    if not nodes_after and case.new_nodes is not None:
        return False
    closes = case.action is Action.DEACTIVATE
    was_needed = case.can_sign_in and leads(case.target_role, theirs) and case.others == 0
    if was_needed and (closes or not leads(role_after, nodes_after)):
        return False
    if case.actor_id is None:
        return True
    changes = case.new_nodes is not None or role_after is not case.target_role
    return (
        case.target_role in BELOW[case.actor_role]
        and role_after in BELOW[case.actor_role]
        and bool(theirs)
        and is_inside(case.tree, theirs, mine)
        and (case.new_nodes is None or is_inside(case.tree, set(case.new_nodes), mine))
        and (case.actor_id != 1 or (case.action.value in HARMLESS_TO_ONESELF and not changes))
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    tree = Tree(tuple(draw(st.lists(st.integers(0, 20), min_size=2, max_size=7))))
    nodes = st.frozensets(st.integers(0, len(tree.parents)), max_size=3)
    role = st.sampled_from(list(Role))
    return Case(
        tree,
        draw(st.sampled_from([1, 2, 2, 2, None])),  # 1 is the target himself
        draw(role),
        draw(nodes),
        draw(st.sampled_from([one for one in Action if one is not Action.CREATE])),
        draw(role),
        draw(nodes),
        draw(st.booleans()),
        draw(st.none() | role),
        draw(st.none() | nodes),
        draw(st.integers(0, 2)),
    )


_LINE = Tree((0, 1, 2))
_LAST = Case(_LINE, 2, H, frozenset({0}), Action.DEACTIVATE, H, frozenset({0}), True, None, None, 0)


@settings(max_examples=1500, deadline=None)
@given(case=cases())
@example(case=_LAST)
@example(case=Case(_LINE, None, H, frozenset(), Action.CHANGE_ROLE, H, frozenset({0}), True, M, None, 0))
@example(case=Case(_LINE, 1, H, frozenset({0}), Action.CHANGE_ROLE, H, frozenset({0}), True, M, None, 2))
@example(case=Case(_LINE, 2, D, frozenset({1}), Action.CHANGE_ROLE, A, frozenset({2}), True, D, None, 2))
@example(case=Case(_LINE, 2, M, frozenset({1}), Action.CHANGE_AREAS, A, frozenset({2}), True, None, frozenset({0}), 2))
def test_the_rules_are_those_of_the_model(case: Case) -> None:
    actor = (
        Actor.system() if case.actor_id is None else Actor(case.actor_id, case.actor_role, frozenset(case.actor_nodes))
    )
    target = Person(1, case.target_role, tuple(case.tree.area(n) for n in case.target_nodes), case.can_sign_in)
    areas = None if case.new_nodes is None else [case.tree.area(n) for n in case.new_nodes]
    reason = decide(actor, case.action, target, role=case.new_role, areas=areas, other_heads=case.others)
    assert (reason is None) == model(case), reason
    if case.actor_id is not None and not sees(actor, target):
        assert reason in {Reason.HIDDEN, Reason.NOT_PERMITTED}  # nothing else may be learnt about him


@settings(max_examples=400, deadline=None)
@given(case=cases())
def test_creating_gives_nothing_beyond_what_one_has(case: Case) -> None:
    role, nodes = case.new_role or A, case.new_nodes or frozenset()
    actor = Actor(2, case.actor_role, frozenset(case.actor_nodes))
    reason = decide(actor, Action.CREATE, role=role, areas=[case.tree.area(n) for n in nodes])
    expected = role in BELOW[case.actor_role] and bool(nodes) and is_inside(case.tree, set(nodes), set(actor.area_ids))
    assert (reason is None) == expected, reason


@given(actor=st.sampled_from(list(Role)), target=st.sampled_from(list(Role)))
def test_nobody_makes_somebody_his_own_equal_but_head(actor: Role, target: Role) -> None:
    root = Area((0,))
    me, him = Actor(2, actor, frozenset({0})), Person(1, A, (root,))
    if target is actor and actor is not H:
        assert decide(me, Action.CHANGE_ROLE, him, role=target, other_heads=5) is not None


@pytest.mark.parametrize("role", list(Role))
def test_who_has_the_permission_administers_somebody(role: Role) -> None:
    assert role_allows(role, Permission.MANAGE_STAFF) == bool(BELOW[role])


@settings(max_examples=200, deadline=None)
@given(parents=st.lists(st.integers(0, 20), min_size=1, max_size=8), chosen=st.sets(st.integers(0, 8), min_size=1))
def test_areas_without_nested_ones_cover_the_same(parents: list[int], chosen: set[int]) -> None:
    tree = Tree(tuple(parents))
    nodes = {node for node in chosen if node <= len(parents)} or {0}
    kept = {area.id for area in without_nested([tree.area(node) for node in nodes])}
    everything = range(len(parents) + 1)
    assert {n for n in everything if is_inside(tree, {n}, kept)} == {
        n for n in everything if is_inside(tree, {n}, nodes)
    }
    assert not any(one != other and tree.covers(one, other) for one in kept for other in kept)
    common = common_area([tree.area(node) for node in nodes])
    assert common is not None
    assert all(tree.covers(common, node) for node in nodes)
    deeper = [n for n in everything if n != common and tree.covers(common, n) and all(tree.covers(n, x) for x in nodes)]
    assert deeper == []


def test_the_common_area_of_none_is_none() -> None:
    assert common_area([]) is None
