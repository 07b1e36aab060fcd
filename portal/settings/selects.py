"""Queries of settings and their history, and the target of an area. No session, no side effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, ScalarSelect, Select, case, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on

from portal.locations.models import DISTRICT, TEHSIL, Location, LocationClosure
from portal.settings.models import Setting, SettingChange
from portal.settings.targets import Targets

Rows = Select[*tuple[Any, ...]]

IMAGE = "logo_image:"  # and the digest: the rows that hold images


def version() -> ScalarSelect[Any]:
    """The version of all settings: NULL until one is changed. To be read along with other queries."""
    return select(func.max(SettingChange.id)).scalar_subquery()


def overrides() -> Rows:
    """Rows (version, name, value) of every setting that is not at its default; one row at least."""
    values = select(Setting.name, Setting.value).where(~Setting.name.startswith(IMAGE)).subquery("values")
    now = select(func.max(SettingChange.id).label("version")).subquery("now")
    return select(now.c.version, values.c.name, values.c.value).select_from(now.outerjoin(values, literal(True)))


def image(digest: str) -> Rows:
    """The stored logo with this digest."""
    return select(Setting.value).where(Setting.name == IMAGE + digest)


def first_changes_since(seen: int) -> Rows:
    """The first change of each setting after a version: its `before` is what held then."""
    return (
        select(SettingChange)
        .ext(distinct_on(SettingChange.name))
        .where(SettingChange.id > seen)
        .order_by(SettingChange.name, SettingChange.id)
    )


def last_change(name: str) -> Rows:
    """The newest change of a setting."""
    return select(SettingChange).where(SettingChange.name == name).order_by(SettingChange.id.desc()).limit(1)


def history(names: Sequence[str] | None = None) -> Rows:
    """Changes, of some settings or of all, without order."""
    query = select(SettingChange)
    return query if names is None else query.where(SettingChange.name.in_(names))


def target_areas() -> Rows:
    """Rows (id, kind, name, name_ur, parent, parent_ur) of districts and tehsils, which may have a target."""
    above = Location.__table__.alias("above")
    return (
        select(
            Location.id,
            Location.kind,
            Location.name,
            Location.name_ur,
            above.c.name.label("parent"),
            above.c.name_ur.label("parent_ur"),
        )
        .outerjoin(above, above.c.id == Location.parent_id)
        .where(Location.kind.in_((DISTRICT, TEHSIL)), Location.deleted_at.is_(None))
        .order_by(Location.kind, Location.name, above.c.name, Location.id)
    )


def target_percent(location: Any, targets: Targets) -> Any:
    """The target of a location (a column of rows, or an id) in percent, NULL without one.

    That of the nearest area above it that has one, else the default.
    """
    default = literal(targets.default, Integer)
    if not targets.by_area:
        return default
    areas = dict(targets.by_area)
    own = (
        select(case(areas, value=LocationClosure.ancestor_id))
        .where(LocationClosure.location_id == location, LocationClosure.ancestor_id.in_(list(areas)))
        .order_by(LocationClosure.depth)
        .limit(1)
    )
    if not isinstance(location, int):
        own = own.correlate(location.table)
    return func.coalesce(own.scalar_subquery(), default)
