"""Select statements over import batches and their rows. No session here.

Who sees a batch: people whose area contains the whole area its uploader wrote in (`area_ids`). So two administrators
of one tehsil see each other's imports, those above them see both, and nobody sees rows of a place outside his area.
Batches of the whole province (`area_ids` NULL: the head office, the command line) are seen by people with the whole
province only.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from portal.imports.findings import FINDINGS
from portal.imports.layouts import COLUMNS
from portal.imports.models import ImportBatch, ImportFinding, ImportRow
from portal.imports.words import FIELDS
from portal.locations.models import Location, LocationClosure
from portal.permissions import AreaScope
from portal.staff.models import Staff
from portal.units.models import SurveyUnit
from portal.web.columns import Column, Kind

Rows = Select[*tuple[Any, ...]]
REJECTED, CHANGED, PENDING, DUPLICATES = ROW_SETS = ("rejected", "changed", "pending", "duplicates")
FINDINGS_AT_ONCE = 50


def visible(scope: AreaScope) -> ColumnElement[bool]:
    """The condition that a reader with this area sees a batch."""
    if scope.is_everywhere:
        return true()
    inside = func.array(
        select(LocationClosure.location_id)
        .where(LocationClosure.ancestor_id.in_(scope.location_ids or (-1,)))
        .scalar_subquery(),
        type_=ARRAY(Integer),
    )
    return and_(func.cardinality(ImportBatch.area_ids) > 0, ImportBatch.area_ids.op("<@")(inside))


def concerning(scope: AreaScope) -> ColumnElement[bool]:
    """The condition that a batch can have written into this area: its uploader's area contains a part of it, or lies
    within it. Says nothing about who may look at the batch (see `visible`)."""
    if scope.is_everywhere:
        return true()
    ids = scope.location_ids or (-1,)
    below = select(LocationClosure.location_id).where(LocationClosure.ancestor_id.in_(ids))
    above = select(LocationClosure.ancestor_id).where(LocationClosure.location_id.in_(ids))
    related = func.array(below.union(above).scalar_subquery(), type_=ARRAY(Integer))
    return or_(ImportBatch.area_ids.is_(None), ImportBatch.area_ids.op("&&")(related))


@dataclass(frozen=True)
class HistoryFilter:
    """What the history is narrowed to. `who`: a staff id, 0 for `system`. Days are Asia/Karachi days, both inside."""

    kind: str | None = None
    status: str | None = None
    who: int | None = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None

    @property
    def is_empty(self) -> bool:
        return self == HistoryFilter()


def history(wanted: HistoryFilter, scope: AreaScope) -> Rows:
    """(ImportBatch, user name, full name) of the batches a reader sees."""
    query = (
        select(ImportBatch, Staff.username, Staff.full_name)
        .outerjoin(Staff, Staff.id == ImportBatch.staff_id)
        .where(visible(scope))
    )
    if wanted.kind:
        query = query.where(ImportBatch.kind == wanted.kind)
    if wanted.status:
        query = query.where(ImportBatch.status == wanted.status)
    if wanted.who is not None:
        query = query.where(ImportBatch.staff_id == wanted.who if wanted.who else ImportBatch.staff_id.is_(None))
    if wanted.first_day:
        query = query.where(ImportBatch.created_at >= cast(wanted.first_day, ImportBatch.created_at.type))
    if wanted.last_day:
        day_after = wanted.last_day + dt.timedelta(days=1)
        query = query.where(ImportBatch.created_at < cast(day_after, ImportBatch.created_at.type))
    return query


def uploaders(scope: AreaScope) -> Rows:
    """(staff id, user name, full name) of those whose imports a reader sees."""
    seen = select(ImportBatch.staff_id).where(visible(scope))
    return select(Staff.id, Staff.username, Staff.full_name).where(Staff.id.in_(seen)).order_by(Staff.username)


def same_file(batch: ImportBatch, scope: AreaScope) -> Rows:
    """Earlier imports of the very same file that the reader sees, the newest first. One that wrote nothing is none."""
    return (
        select(ImportBatch.id, ImportBatch.created_at, Staff.username)
        .outerjoin(Staff, Staff.id == ImportBatch.staff_id)
        .where(
            ImportBatch.file_sha256 == batch.file_sha256,
            ImportBatch.id < batch.id,
            ImportBatch.status == "DONE",
            visible(scope),
        )
        .order_by(ImportBatch.id.desc())
        .limit(3)
    )


def _words(code: Any, part: str) -> ColumnElement[Any]:
    """The sentence or remedy of a finding's code, in the language of the request."""
    return case({name: str(getattr(kind, part)) for name, kind in FINDINGS.items()}, value=code, else_=code)


def findings(batch_id: int, code: str) -> Rows:
    """The rows in which something was found: line, column, value, and the key of the row where it was kept."""
    return (
        select(
            ImportFinding.line_no.label("line_no"),
            ImportFinding.column_name.label("column_name"),
            ImportFinding.value.label("value"),
            ImportRow.entity_key.label("entity_key"),
        )
        .outerjoin(ImportRow, and_(ImportRow.batch_id == batch_id, ImportRow.line_no == ImportFinding.line_no))
        .where(ImportFinding.batch_id == batch_id, ImportFinding.code == code)
    )


def finding_download(batch_id: int, code: str) -> tuple[Rows, list[Column]]:
    """The same with the reason, for a download."""
    rows = findings(batch_id, code).add_columns(
        literal(code).label("code"),
        _words(literal(code), "sentence").label("reason"),
        _words(literal(code), "remedy").label("remedy"),
    )
    columns = [
        Column("line_no", "Line", Kind.NUMBER),
        Column("entity_key", "Key", Kind.IDENTIFIER),
        Column("column_name", "Column"),
        Column("value", "Value"),
        Column("code", "Finding", Kind.CODE, 24),
        Column("reason", "Reason", width=60),
        Column("remedy", "What to do", width=60),
    ]
    return rows.order_by(ImportFinding.line_no, ImportFinding.id), columns


def _reasons(batch_id: int, severity: str) -> Any:
    """For each line the columns, values, codes, reasons and remedies of its findings of one severity."""

    def together(value: Any) -> Any:
        return func.string_agg(value, aggregate_order_by(literal_column("'; '"), ImportFinding.id))

    return (
        select(
            ImportFinding.line_no.label("line_no"),
            together(func.nullif(ImportFinding.column_name, "")).label("column_name"),
            together(func.nullif(ImportFinding.value, "")).label("value"),
            together(ImportFinding.code).label("code"),
            together(_words(ImportFinding.code, "sentence")).label("reason"),
            together(_words(ImportFinding.code, "remedy")).label("remedy"),
        )
        .where(ImportFinding.batch_id == batch_id, ImportFinding.severity == severity)
        .group_by(ImportFinding.line_no)
        .subquery("reasons")
    )


_LINE = Column("line_no", "Line", Kind.NUMBER)
_KEY = Column("entity_key", "Key", Kind.IDENTIFIER)
_WHY = [
    Column("column_name", "Column"),
    Column("value", "Value"),
    Column("code", "Finding", Kind.CODE, 24),
    Column("reason", "Reason", width=60),
    Column("remedy", "What to do", width=60),
]


def row_download(batch: ImportBatch, which: str) -> tuple[Rows, list[Column]]:
    """The rows of one set with their line and reason. Raises KeyError for a set that does not exist."""
    return {
        REJECTED: lambda: _as_the_file_had_them(batch, "REJECTED", "REJECT"),
        DUPLICATES: lambda: _as_the_file_had_them(batch, "DUPLICATE", "DUPLICATE"),
        PENDING: lambda: _pending(batch),
        CHANGED: lambda: _changed(batch),
    }[which]()


def _as_the_file_had_them(batch: ImportBatch, outcome: str, severity: str) -> tuple[Rows, list[Column]]:
    """Rejected and duplicate rows: the reason first, then every cell as the file had it."""
    why = _reasons(batch.id, severity)
    raw = [
        (Column(f"raw_{i}", name, Kind.TEXT, 16), ImportRow.raw[i].astext)
        for i, name in enumerate(COLUMNS.get(batch.kind or "", ()))
    ]
    rows = (
        select(
            ImportRow.line_no.label("line_no"),
            ImportRow.entity_key.label("entity_key"),
            *(why.c[column.key].label(column.key) for column in _WHY),
            *(expression.label(column.key) for column, expression in raw),
        )
        .outerjoin(why, why.c.line_no == ImportRow.line_no)
        .where(ImportRow.batch_id == batch.id, ImportRow.outcome == outcome)
        .order_by(ImportRow.line_no)
    )
    return rows, [_LINE, _KEY, *_WHY, *(column for column, _expression in raw)]


PENDING_CODES = ("PENDING_SURVEY", "UNKNOWN_PSID")


def _pending(batch: ImportBatch) -> tuple[Rows, list[Column]]:
    """Rows that were taken and wait for a partner."""
    code = PENDING_CODES[1] if batch.kind == "paid" else PENDING_CODES[0]
    found = (
        select(ImportFinding.line_no, func.min(ImportFinding.value).label("value"))
        .where(ImportFinding.batch_id == batch.id, ImportFinding.code == code)
        .group_by(ImportFinding.line_no)
        .subquery("found")
    )
    partner = Column("column_name", "Column")
    rows = (
        select(
            ImportRow.line_no.label("line_no"),
            ImportRow.entity_key.label("entity_key"),
            ImportRow.outcome.label("outcome"),
            literal("PSID" if batch.kind == "paid" else "Survey ID", String).label("column_name"),
            found.c.value.label("value"),
            literal(code, String).label("code"),
            _words(literal(code, String), "sentence").label("reason"),
            _words(literal(code, String), "remedy").label("remedy"),
        )
        .outerjoin(found, found.c.line_no == ImportRow.line_no)
        .where(ImportRow.batch_id == batch.id, ImportRow.pending)
        .order_by(ImportRow.line_no)
    )
    return rows, [_LINE, _KEY, Column("outcome", "Outcome", Kind.CODE), partner, *_WHY[1:]]


def _changed(batch: ImportBatch) -> tuple[Rows, list[Column]]:
    """One line for each value that changes: before and after. Places and units by their names."""
    parts = (column("key", String), column("value", JSONB))
    pair = func.jsonb_each(ImportRow.changes).table_valued(*parts, name="pair").render_derived()
    value = pair.c.value

    def shown(position: int) -> ColumnElement[Any]:
        bare = value[position].astext
        number = cast(func.nullif(bare, ""), Integer)
        place = select(Location.name).where(Location.id == number).scalar_subquery()
        unit = select(SurveyUnit.survey_id).where(SurveyUnit.id == number).scalar_subquery()
        return case((pair.c.key == "location_id", place), (pair.c.key == "unit_id", unit), else_=bare)

    rows = (
        select(
            ImportRow.line_no.label("line_no"),
            ImportRow.entity_key.label("entity_key"),
            case({name: str(label) for name, label in FIELDS.items()}, value=pair.c.key, else_=pair.c.key).label(
                "column_name"
            ),
            shown(0).label("before"),
            shown(1).label("after"),
        )
        .select_from(ImportRow)
        .join(pair, true())
        .where(ImportRow.batch_id == batch.id, ImportRow.outcome == "UPDATED")
        .order_by(ImportRow.line_no, pair.c.key)
    )
    columns = [
        _LINE,
        _KEY,
        Column("column_name", "Column", width=22),
        Column("before", "Before"),
        Column("after", "After"),
    ]
    return rows, columns


def names_of(location_ids: list[int]) -> Rows:
    """(id, name) of locations."""
    return select(Location.id, Location.name).where(Location.id.in_(location_ids))


def survey_ids_of(unit_ids: list[int]) -> Rows:
    """(id, survey id) of units."""
    return select(SurveyUnit.id, SurveyUnit.survey_id).where(SurveyUnit.id.in_(unit_ids))
