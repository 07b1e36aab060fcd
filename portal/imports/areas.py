"""The area list: districts, tehsils and areas of the portal.

Unlike the other kinds a few thousand rows, merged in Python.
Each row is one area; its district and tehsil are made or renamed on the way. Nodes that an administrator made by
hand before are recognised by their folded name and get the portal's id. Afterwards the places of all files are
matched again, and their rows follow.

An uploader changes nothing outside his area: a tehsil or district there keeps its name and its place whatever the
file says of it, and a row that would hang something into it is rejected.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.imports.outcome import ImportOptions
from portal.imports.sqltools import changes, make_work, note, run
from portal.locations.models import DISTRICT, FILE, PROVINCE, TEHSIL, UNION_COUNCIL, Location, LocationName
from portal.locations.names import match_key
from portal.locations.service import assign_divisions, rematch_places

KEY = ("area_id",)
KEY_COLUMN = "area_id"


def newest_sql() -> str | None:
    return None


def prepare(session: Session, options: ImportOptions, file_month: dt.date | None) -> None:
    """Nothing to prepare."""


def classify(session: Session, as_of: dt.datetime, inside: str, columns: frozenset[str]) -> None:
    """Decide for every row what it would change: the table `work`. Nothing real is written."""
    everywhere = inside == "true"
    nearest = inside.format(column="coalesce(area.id, tehsil.id, district.id)")
    tehsil, district = inside.format(column="tehsil.id"), inside.format(column="district.id")
    held = "'{0}' = ANY({1}.kept_by_hand)"
    merged = "LEFT JOIN locations {0} ON {0}.id = coalesce(listed_{0}.merged_into_id, listed_{0}.id)"
    make_work(
        session,
        f"""
        WITH found AS (
            SELECT s.*, area.id AS known_id, coalesce(:as_of >= area.as_of, true) AS may_write,
                   NOT coalesce({nearest}, {everywhere}) AS is_foreign,
                   coalesce({district}, {everywhere}) AS owns_district,
                   coalesce({tehsil}, {district}, {everywhere}) AS owns_tehsil,
                   area.id IS NOT NULL AND area.parent_id IS DISTINCT FROM tehsil.id AS area_elsewhere,
                   coalesce({held.format("parent_id", "area")}, false) AS area_stays,
                   tehsil.id IS NOT NULL AND tehsil.parent_id IS DISTINCT FROM district.id
                       AND NOT {held.format("parent_id", "tehsil")} AND listed_tehsil.deleted_at IS NULL
                       AS tehsil_moves,
                   area.id IS NOT NULL AND ((NOT {held.format("name", "area")}
                           AND (area.name, area.match_key) IS DISTINCT FROM (s.name, s.match_key))
                       OR (NOT {held.format("uc_type", "area")} AND area.uc_type IS DISTINCT FROM s.uc_type))
                       AS area_differs,
                   coalesce({held.format("name", "area")} AND area.match_key <> s.match_key
                       OR {held.format("uc_type", "area")} AND area.uc_type IS DISTINCT FROM s.uc_type, false)
                       AS area_kept,
                   tehsil.name IS DISTINCT FROM s.tehsil_name AND listed_tehsil.deleted_at IS NULL
                       AND NOT coalesce({held.format("name", "tehsil")}, false) AS tehsil_differs,
                   district.name IS DISTINCT FROM s.district_name AND listed_district.deleted_at IS NULL
                       AND NOT coalesce({held.format("name", "district")}, false) AS district_differs,
                   coalesce(area.deleted_at, tehsil.deleted_at, district.deleted_at) IS NOT NULL AS is_given_up
            FROM stage s
            LEFT JOIN locations area ON area.kind = 'UNION_COUNCIL' AND area.portal_id = s.area_id
            LEFT JOIN locations listed_tehsil
                ON listed_tehsil.kind = 'TEHSIL' AND listed_tehsil.portal_id = s.tehsil_id
            {merged.format("tehsil")}
            LEFT JOIN locations listed_district
                ON listed_district.kind = 'DISTRICT' AND listed_district.portal_id = s.district_id
            {merged.format("district")}
            WHERE s.state = ''
        ), moving AS (SELECT *, area_elsewhere AND NOT area_stays AS area_moves FROM found)
        SELECT line_no, area_id AS entity_key, known_id IS NULL AS is_new, may_write, owns_tehsil, owns_district,
               is_given_up, area_kept OR (area_elsewhere AND area_stays) AS is_kept,
               known_id IS NOT NULL AND (area_differs OR area_moves OR tehsil_moves
                   OR (tehsil_differs AND owns_tehsil) OR (district_differs AND owns_district)) AS differs,
               is_foreign OR (area_moves AND NOT owns_tehsil)
                   OR (tehsil_moves AND NOT (owns_tehsil AND owns_district)) AS outside
        FROM moving""",
        {
            "REJECTED": "outside",
            "UNCHANGED": "is_given_up",
            "INSERTED": "is_new",
            "UPDATED": "differs AND may_write",
        },
        as_of=as_of,
    )


def find(session: Session) -> None:
    note(
        session,
        "OLDER_FILE",
        "SELECT line_no, '', '' FROM work"
        " WHERE outcome = 'UNCHANGED' AND differs AND NOT may_write AND NOT is_given_up",
    )
    for code, condition in (("CLOSED_BY_HAND", "w.is_given_up"), ("KEPT_BY_HAND", "w.is_kept AND w.may_write")):
        note(
            session,
            code,
            "SELECT w.line_no, 'area_name', s.area_name FROM work w JOIN stage s USING (line_no)"
            f" WHERE {condition} AND w.outcome <> 'REJECTED'",
        )
    note(
        session,
        "AMBIGUOUS_PLACE",
        "SELECT s.line_no, 'area_name', s.area_name FROM work w JOIN stage s USING (line_no)"
        " JOIN (SELECT tehsil_id, match_key, coalesce(uc_type, '') AS uc_type FROM stage WHERE state = ''"
        "       GROUP BY 1, 2, 3 HAVING count(*) > 1) same"
        "   ON same.tehsil_id = s.tehsil_id AND same.match_key = s.match_key AND same.uc_type = coalesce(s.uc_type, '')"
        " WHERE w.outcome <> 'REJECTED'",
    )


def issue_dates(session: Session) -> list[dict[str, object]]:
    return []


def totals(session: Session) -> dict[str, int]:
    return {}


def changes_sql() -> tuple[str, str]:
    """(jsonb of the changes of an UPDATED row, the joins it needs beside `work w` and `stage s`)."""
    pairs = {
        "name": ("a.name", "CASE WHEN 'name' = ANY(a.kept_by_hand) THEN a.name ELSE s.name END"),
        "uc_type": ("a.uc_type", "CASE WHEN 'uc_type' = ANY(a.kept_by_hand) THEN a.uc_type ELSE s.uc_type END"),
        "tehsil": ("t.name", _named_above("w.owns_tehsil", "a", "t", "s.tehsil_name")),
        "district": ("d.name", _named_above("w.owns_district", "t", "d", "s.district_name")),
    }
    joins = (
        "JOIN locations a ON a.kind = 'UNION_COUNCIL' AND a.portal_id = s.area_id"
        " LEFT JOIN locations t ON t.id = a.parent_id LEFT JOIN locations d ON d.id = t.parent_id"
    )
    return changes(pairs), joins


def _named_above(owns: str, below: str, above: str, said: str) -> str:
    """The name of what a location lies in, as the row would have it: not what a person has set, nor where he put it."""
    held = f"'parent_id' = ANY({below}.kept_by_hand) OR 'name' = ANY({above}.kept_by_hand)"
    return f"CASE WHEN {owns} AND NOT coalesce({held}, false) THEN {said} ELSE {above}.name END"


class _Nodes:
    """The nodes of one kind, found by the portal's id or, while they have none, by parent and folded name.

    A district by its name alone: it may stand under its division already.
    """

    def __init__(self, session: Session, kind: str) -> None:
        self.session = session
        self.kind = kind
        nodes = session.scalars(select(Location).where(Location.kind == kind).order_by(Location.id)).all()
        self.by_portal_id = {node.portal_id: node for node in nodes if node.portal_id}
        self.by_id = {node.id: node for node in nodes}
        self.by_name = {
            self._named(node.parent_id, node.match_key): node
            for node in nodes
            if not node.portal_id and node.deleted_at is None
        }

    def _named(self, parent_id: int | None, key: str) -> tuple[int | None, str]:
        return (None if self.kind == DISTRICT else parent_id, key)

    def keep(
        self,
        portal_id: str,
        parent: Location,
        name: str,
        key: str,
        as_of: dt.datetime,
        *,
        uc_type: str | None = None,
        is_own: bool = True,
    ) -> Location:
        """The node, made or brought up to date (unless what is known is newer, or it is not the uploader's own)."""
        node = self.by_portal_id.get(portal_id)
        if node is not None and node.merged_into_id is not None:
            node = self.by_portal_id[portal_id] = self.by_id[node.merged_into_id]
            return node
        if node is not None and not is_own:
            return node
        node = node or self.by_name.pop(self._named(parent.id, key), None)
        if node is None:
            node = Location(parent_id=parent.id, kind=self.kind, name=name, match_key=key)
            self.session.add(node)
            node.as_of = as_of
        if node.as_of is None or as_of >= node.as_of:
            self._write(node, parent, name, key, uc_type)
            node.as_of = as_of
        node.portal_id = portal_id
        self.by_portal_id[portal_id] = node
        return node

    def _write(self, node: Location, parent: Location, name: str, key: str, uc_type: str | None) -> None:
        """Everything but what a person has set; what the file calls it then is a name that files may use."""
        held = node.kept_by_hand or ()
        if "name" not in held:
            node.name, node.match_key = name, key
        elif node.match_key != key and node.id is not None:
            known = {"location_id": node.id, "parent_id": parent.id, "match_key": key}
            if self.session.scalars(select(LocationName).filter_by(**known)).first() is None:
                self.session.add(LocationName(**known, name=name, source=FILE))
        if "uc_type" not in held:
            node.uc_type = uc_type
        # A district that stands under its division stays there.
        if "parent_id" not in held and (self.kind != DISTRICT or node.parent_id is None):
            node.parent_id = parent.id


def apply(session: Session, batch_id: int, as_of: dt.datetime) -> None:
    """Write the tree, then let the places of all files, and their rows, follow."""
    rows = run(
        session,
        "SELECT s.district_id, s.district_name, s.tehsil_id, s.tehsil_name, s.area_id, s.name, s.uc_type, s.match_key,"
        " w.owns_tehsil, w.owns_district"
        " FROM work w JOIN stage s USING (line_no)"
        " WHERE w.outcome <> 'REJECTED' AND NOT w.is_given_up ORDER BY s.line_no",
    ).all()
    root = session.scalars(select(Location).where(Location.kind == PROVINCE)).one()
    districts, tehsils, councils = (_Nodes(session, kind) for kind in (DISTRICT, TEHSIL, UNION_COUNCIL))
    # Children need their parents' ids: one flush a level, not one a row.
    for name in {row.district_id: row for row in rows}.values():
        key = match_key(name.district_name)
        districts.keep(name.district_id, root, name.district_name, key, as_of, is_own=name.owns_district)
    session.flush()
    for name in {row.tehsil_id: row for row in rows}.values():
        parent = districts.by_portal_id[name.district_id]
        key = match_key(name.tehsil_name)
        tehsils.keep(name.tehsil_id, parent, name.tehsil_name, key, as_of, is_own=name.owns_tehsil)
    session.flush()
    for row in rows:
        parent = tehsils.by_portal_id[row.tehsil_id]
        councils.keep(row.area_id, parent, row.name, row.match_key, as_of, uc_type=row.uc_type)
    session.flush()
    assign_divisions(session)
    rematch_places(session)
