"""Who is to be told of something that happened somewhere."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.locations.models import Location, LocationClosure
from portal.permissions import PROVINCE_WIDE, Permission, Role, role_allows
from portal.staff.models import Staff, StaffArea


def people_of(
    session: Session, location_id: int | None, roles: Iterable[Role | str], permission: Permission | None = None
) -> list[int]:
    """Ids of the active staff of these roles whose area covers a location, lowest first.

    `permission`: only who has it. Without a location (what concerns everybody, or what no place is known of) it is
    who covers the whole province.
    """
    wanted = {Role(role) for role in roles}
    if permission is not None:
        wanted = {role for role in wanted if role_allows(role, permission)}
    if not wanted:
        return []
    is_province_wide = location_id is None or permission in PROVINCE_WIDE
    return list(session.scalars(_covering(None if is_province_wide else location_id, wanted)))


def _covering(location_id: int | None, roles: set[Role]) -> Select[int]:
    covering: Select[int]
    if location_id is None:
        covering = select(Location.id).where(Location.parent_id.is_(None))
    else:
        covering = select(LocationClosure.ancestor_id).where(LocationClosure.location_id == location_id)
    areas = select(StaffArea.staff_id).where(StaffArea.location_id.in_(covering))
    return (
        select(Staff.id)
        .where(Staff.is_active, Staff.role.in_(sorted(map(str, roles))), Staff.id.in_(areas))
        .order_by(Staff.id)
    )
