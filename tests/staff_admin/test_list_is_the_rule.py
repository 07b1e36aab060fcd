"""The query of the list and the rules agree on whom an administrator sees, over random trees, roles and areas."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.locations.models import DISTRICT, TEHSIL, UNION_COUNCIL, Location
from portal.permissions import AreaScope, Role
from portal.staff import people
from portal.staff.authority import person_of
from portal.staff.models import Staff, StaffArea
from portal.staff.rules import Actor, grantable_roles, sees
from tests.support.places import add_place

KINDS = (DISTRICT, TEHSIL, UNION_COUNCIL)
node = st.integers(0, 6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    parents=st.lists(st.integers(0, 20), min_size=6, max_size=6),
    everybody=st.lists(st.tuples(st.sampled_from(list(Role)), st.sets(node, max_size=3)), min_size=1, max_size=6),
    actor_role=st.sampled_from(list(Role)),
    actor_nodes=st.sets(node, max_size=3),
)
def test_the_list_shows_whom_the_rules_let_see(
    db_session: Session,
    parents: list[int],
    everybody: list[tuple[Role, set[int]]],
    actor_role: Role,
    actor_nodes: set[int],
) -> None:
    with db_session.begin_nested() as savepoint:
        root = db_session.scalars(select(Location).where(Location.parent_id.is_(None))).one()
        nodes = [root]
        for number, parent in enumerate(parents, 1):
            nodes.append(add_place(db_session, f"node {number}", KINDS[number % 3], nodes[parent % number]))
        made = []
        for number, (role, granted) in enumerate(everybody):
            staff = Staff(username=f"person{number}", password_hash="x", role=str(role), full_name="P")
            staff.areas = [StaffArea(location_id=nodes[one].id) for one in granted]
            db_session.add(staff)
            made.append(staff)
        db_session.flush()
        area_ids = frozenset(nodes[one].id for one in actor_nodes)
        actor = Actor(10**9, actor_role, area_ids)
        # As the sign-in makes it: a grant of the root is everywhere.
        scope = AreaScope.everywhere() if 0 in actor_nodes else AreaScope.of(list(area_ids))
        listed = set(db_session.scalars(select(Staff.id).where(people.administered(scope, grantable_roles(actor))))) & {
            staff.id for staff in made
        }
        assert listed == {staff.id for staff in made if sees(actor, person_of(db_session, staff))}
        savepoint.rollback()
    db_session.expunge_all()
