"""One file from its rows to the register, or to a preview: the same steps, the same decisions.

read and parse into staging > as-of > duplicates > places > classify every row > (stop here for a preview) > write,
recompute what depends on it, keep the outcome of the rows. Everything in the caller's transaction: all or nothing.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from portal.billing.cycles import add_months, cycle_of
from portal.errors import ConflictError, InvalidInputError
from portal.imports import areas, biller, paid, survey
from portal.imports.absent import fill_absent_columns
from portal.imports.by_hand import keep_what_people_set
from portal.imports.names_and_dates import date_in_file_name, month_in_file_name
from portal.imports.outcome import Counts, ImportOptions, Outcome, Progress, no_progress
from portal.imports.raw_rows import RawRows
from portal.imports.readers import Table, open_table
from portal.imports.samples import samples
from portal.imports.sqltools import begin_scope, note, run
from portal.imports.staging import Stager, keep_new_places, mark_duplicates
from portal.locations.service import assign_divisions, load_tree
from portal.permissions import AreaScope

KARACHI = ZoneInfo("Asia/Karachi")
KIND_MODULES: dict[str, ModuleType] = {"areas": areas, "survey": survey, "biller": biller, "paid": paid}
FINDING_SAMPLES = 5
MANY_ROWS = 10_000
# Tables that a first large file fills; of the wide ones only what is joined on: the words to search take long.
_JOINED = {
    "accounts": " (id, psid, survey_id, unit_id, location_id)",
    "survey_units": " (id, survey_id, location_id)",
}
_FILLED = {
    "survey": ("survey_units",),
    "biller": ("accounts", "bill_keys", "account_balances", "unit_states", "unit_cycles"),
    "paid": ("payments",),
}
_TEMPORARY = (
    "stage", "stage_raw", "doubled", "stage_findings", "stage_places", "stage_months", "stage_held", "stage_by_hand",
    "scope_locations", "work",
)  # fmt: skip


class PreviewChangedError(ConflictError):
    """Somebody changed the register between preview and commit; carries the new outcome."""

    code = "preview_changed"

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(_l("The counts have changed since the preview. Nothing was written; check the new preview."))
        self.outcome = outcome


def run_import(
    session: Session,
    path: Path,
    *,
    file_name: str,
    scope: AreaScope,
    today: dt.date,
    now: dt.datetime,
    kind: str | None = None,
    options: ImportOptions | None = None,
    batch_id: int | None = None,
    promised: dict[str, Any] | None = None,
    preview_of: int | None = None,
    cycle_start_day: int = 16,
    max_bytes: int | None = None,
    progress: Progress = no_progress,
) -> Outcome:
    """Import a file for a batch, or only look at it when `batch_id` is None (nothing real is written then).

    `scope` is where the uploader may write; `promised` the preview that was confirmed; `preview_of` the batch for which
    the outcome of the rows is kept although nothing is written, for the downloads of its preview. Raises
    RefusedFileError (the file is not what it claims, nothing is written), InvalidInputError (options),
    PreviewChangedError (the counts are no longer those of the preview; nothing is written).
    """
    options = options or ImportOptions()
    _check_options(options, today, cycle_start_day, now)
    for name in _TEMPORARY:
        run(session, f"DROP TABLE IF EXISTS pg_temp.{name}")
    # Whole files are joined with whole registers: in memory, not by sorting on disk.
    run(session, "SET LOCAL work_mem = '128MB'")
    limits = {} if max_bytes is None else {"max_bytes": max_bytes}
    with open_table(path, file_name, kind, **limits) as table, RawRows() as raw_rows:
        stager = Stager(session, table, raw_rows, today, cycle_start_day, progress)
        stager.load()
        module = KIND_MODULES[table.kind]
        as_of, as_of_source = _as_of(session, module, file_name, options, now, today)
        progress("checking", 0, stager.rows)
        mark_duplicates(session, table.kind, module.KEY)
        raw_rows.keep_wanted(session)
        fill_absent_columns(session, table.kind, table.present_columns)
        if table.kind != "areas":
            stager.load_places(load_tree(session))
        inside = begin_scope(session, scope)
        keep_what_people_set(session, table.kind, as_of, inside)
        module.prepare(session, options, _file_month(file_name, today, cycle_start_day))
        module.classify(session, as_of, inside, _columns(table))
        _find_in_file(session, table, options)
        _find_in_name(session, table.kind, file_name, today, cycle_start_day)
        _find_common(session, table.kind, module)
        outcome = _outcome(session, module, table, stager, file_name, as_of, as_of_source)
    kept_for = batch_id if batch_id is not None else preview_of
    if kept_for is not None:
        progress("keeping", 0, stager.rows)
        _keep_rows(session, module, kept_for)
    if promised is not None and not outcome.agrees_with(promised):
        raise PreviewChangedError(outcome)
    if batch_id is not None:
        progress("writing", 0, stager.rows)
        if table.kind != "areas":
            keep_new_places(session)
        module.apply(session, batch_id, as_of)
        if stager.rows >= MANY_ROWS:
            _note_filled_tables(session, table.kind, stager.rows)
        if table.kind in {"biller", "paid"}:
            _keep_divisions(session)
        progress("writing", stager.rows, stager.rows)
    return outcome


def _columns(table: Table) -> frozenset[str]:
    """The staging columns the file has a source for; of paid lists only the long form names a district."""
    names = {"district", "wmc", "bill_pdf", "portal_status"} if table.form != "short" else set()
    return frozenset(names)


def _check_options(options: ImportOptions, today: dt.date, cycle_start_day: int, now: dt.datetime) -> None:
    last = add_months(cycle_of(today, cycle_start_day), 1)
    for month in filter(None, [options.month, *options.issued.values()]):
        if month > last:
            raise InvalidInputError(
                _l(
                    "The billing month %(month)s lies in the future; the latest that can be billed is %(last)s."
                    " Nothing was imported.",
                    month=f"{month:%Y-%m}",
                    last=f"{last:%Y-%m}",
                )
            )
    if options.as_of is not None and options.as_of.tzinfo is None:
        raise ValueError("as_of needs a time zone")
    # A file from the future would shut out every real one until then.
    if options.as_of is not None and max(options.as_of.date(), options.as_of.astimezone(KARACHI).date()) > max(
        today, now.astimezone(KARACHI).date()
    ):
        raise InvalidInputError(
            _l(
                "The as-of time %(as_of)s lies in the future. Nothing was imported."
                " It is the time at which the file was downloaded from the portal.",
                as_of=f"{options.as_of.astimezone(KARACHI):%Y-%m-%d %H:%M}",
            )
        )


def _file_month(file_name: str, today: dt.date, cycle_start_day: int) -> dt.date | None:
    """The month in the file's name, unless it lies in the future (then it says nothing of billing)."""
    month = month_in_file_name(file_name)
    return month if month is not None and month <= add_months(cycle_of(today, cycle_start_day), 1) else None


def _as_of(
    session: Session, module: ModuleType, file_name: str, options: ImportOptions, now: dt.datetime, today: dt.date
) -> tuple[dt.datetime, str]:
    """The option, else a full date in the file's name (not a coming one), else the newest time inside, else now."""
    if options.as_of is not None:
        return options.as_of, "OPTION"
    named = date_in_file_name(file_name)
    if named is not None and named <= today:
        return dt.datetime.combine(named, dt.time(), KARACHI), "FILE_NAME"
    newest_sql = module.newest_sql()
    newest = run(session, newest_sql).scalar_one() if newest_sql else None
    if newest is not None:
        return newest.astimezone(KARACHI), "INSIDE"
    return now.astimezone(KARACHI), "NOW"


def _find_in_file(session: Session, table: Table, options: ImportOptions) -> None:
    """Findings about the file as a whole, on line 0."""
    for finding in table.notes:
        run(
            session,
            "INSERT INTO stage_findings VALUES (0, :severity, :code, :column, :value)",
            severity=finding.severity,
            code=finding.code,
            column=finding.column,
            value=finding.value,
        )
    if options.issued and table.kind == "biller":
        note(
            session,
            "ISSUED_NOT_IN_FILE",
            "SELECT 0, 'Last Bill Date &Time', d::text FROM unnest(cast(:days AS date[])) AS d"
            " WHERE d NOT IN (SELECT issued_on FROM stage_months)",
            days=sorted(options.issued),
        )


def _find_in_name(session: Session, kind: str, file_name: str, today: dt.date, cycle_start_day: int) -> None:
    """Say when a date or month in the file's name was passed over because it lies in the future."""
    named, month = date_in_file_name(file_name), month_in_file_name(file_name)
    late_month = kind == "biller" and month is not None and _file_month(file_name, today, cycle_start_day) is None
    if (named is not None and named > today) or late_month:
        note(session, "NAME_IN_FUTURE", "SELECT 0, '', cast(:name AS text)", name=file_name)


def _find_common(session: Session, kind: str, module: ModuleType) -> None:
    """Findings that all kinds share: the area, and the place."""
    if kind != "areas":
        note(
            session,
            "OUTSIDE_AREA",
            "SELECT w.line_no, 'UC', concat_ws(', ', nullif(pl.name, ''), nullif(pl.tehsil, ''))"
            " FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no) WHERE w.outside",
            severity="REJECT",
        )
        for code, condition in (
            ("UNKNOWN_PLACE", "pl.place_state = 'OPEN'"),
            ("NO_UNION_COUNCIL", "pl.place_state = 'NONE'"),
            ("AMBIGUOUS_PLACE", "pl.ambiguous"),
        ):
            note(
                session,
                code,
                "SELECT w.line_no, 'UC', concat_ws(', ', nullif(pl.name, ''), nullif(pl.tehsil, ''),"
                " nullif(pl.district, ''))"
                " FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)"
                f" WHERE {condition} AND w.outcome <> 'REJECTED'",
            )
        if kind in {"biller", "paid"}:
            _find_divisions(session)
    else:
        outside = "SELECT line_no, 'area_id', entity_key FROM work WHERE outside"
        note(session, "OUTSIDE_AREA", outside, severity="REJECT")
    module.find(session)


def _find_divisions(session: Session) -> None:
    """Districts of the file that it, or it and the files before it, put into several divisions; the first one holds.

    Once for each district, on line 0: it may be every row.
    """
    note(
        session,
        "DISTRICT_IN_TWO_DIVISIONS",
        """
        SELECT 0, 'Division', min(district) || ': ' || string_agg(division, ', ' ORDER BY division_key)
        FROM (
            SELECT district_key, division_key, min(btrim(district)) AS district, min(btrim(division)) AS division
            FROM (
                SELECT district_key, division_key, district, division FROM places
                UNION ALL
                SELECT district_key, division_key, district, division FROM stage_places WHERE place_no IN (
                    SELECT s.place_no FROM stage s JOIN work w USING (line_no) WHERE w.outcome <> 'REJECTED')
            ) named
            WHERE division_key <> '' AND district_key IN (
                SELECT district_key FROM stage_places WHERE division_key <> '' AND place_no IN (
                    SELECT s.place_no FROM stage s JOIN work w USING (line_no) WHERE w.outcome <> 'REJECTED'))
            GROUP BY district_key, division_key
        ) each
        WHERE district_key <> '' GROUP BY district_key HAVING count(*) > 1""",
    )


def _outcome(
    session: Session,
    module: ModuleType,
    table: Table,
    stager: Stager,
    file_name: str,
    as_of: dt.datetime,
    as_of_source: str,
) -> Outcome:
    decided = {
        row.outcome: row
        for row in run(
            session, "SELECT outcome, count(*) AS n, count(*) FILTER (WHERE pending) AS pending FROM work GROUP BY 1"
        )
    }
    staged = {row.state: row.n for row in run(session, "SELECT state, count(*) AS n FROM stage GROUP BY 1")}

    def count(name: str) -> int:
        return int(decided[name].n) if name in decided else 0

    counts = Counts(
        rows=stager.rows,
        inserted=count("INSERTED"),
        updated=count("UPDATED"),
        unchanged=count("UNCHANGED"),
        duplicates=int(staged.get("DUPLICATE", 0)),
        rejected=int(staged.get("REJECTED", 0)) + count("REJECTED"),
        pending=sum(int(row.pending) for name, row in decided.items() if name != "REJECTED"),
    )
    return Outcome(
        kind=table.kind,
        file=file_name,
        counts=counts,
        totals=module.totals(session),
        as_of=as_of,
        as_of_source=as_of_source,
        issue_dates=module.issue_dates(session),
        findings=_findings(session),
        samples=samples(session, table.kind, module),
        open_places=_open_places(session, table.kind),
        file_facts={
            "form": table.form,
            "encoding": table.encoding,
            "sheet": table.sheet,
            "format": table.file_format,
            "columns": len(table.present_columns),
            "ignored_columns": list(table.ignored_columns),
        },
    )


def _findings(session: Session) -> list[dict[str, Any]]:
    rows = run(
        session,
        f"""
        SELECT code, min(severity) AS severity, count(DISTINCT line_no) AS rows,
               (array_agg(jsonb_build_object('line_no', line_no, 'column', column_name, 'value', value)
                   ORDER BY line_no))[1:{FINDING_SAMPLES}] AS samples
        FROM stage_findings GROUP BY code ORDER BY min(severity) = 'NOTE', count(*) DESC, code""",
    )
    return [{"code": r.code, "severity": r.severity, "rows": r.rows, "samples": r.samples} for r in rows]


def _open_places(session: Session, kind: str) -> list[dict[str, Any]]:
    if kind == "areas":
        return []
    rows = run(
        session,
        """
        SELECT pl.name, pl.tehsil, pl.district, count(*) AS rows
        FROM work w JOIN stage s USING (line_no) JOIN stage_places pl USING (place_no)
        WHERE pl.place_state = 'OPEN' AND w.outcome <> 'REJECTED' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 50""",
    )
    return [dict(row._mapping) for row in rows]


def _keep_rows(session: Session, module: ModuleType, batch_id: int) -> None:
    """Keep what the downloads and timelines need, before the changes are overwritten by being applied.

    Of rows rejected for their area only the key is kept: the batch is shown to people who may not see other areas.

    Replaces what an earlier preview of the batch has kept.
    """
    for table in ("import_rows", "import_findings"):
        run(session, f"DELETE FROM {table} WHERE batch_id = :batch", batch=batch_id)
    changes, joins = module.changes_sql()
    run(
        session,
        f"""
        INSERT INTO import_rows (batch_id, line_no, outcome, pending, entity_key, changes)
        SELECT :batch, w.line_no, w.outcome, w.pending, w.entity_key, {changes}
        FROM work w JOIN stage s USING (line_no) {joins} WHERE w.outcome = 'UPDATED'""",
        batch=batch_id,
    )
    run(
        session,
        """
        INSERT INTO import_rows (batch_id, line_no, outcome, pending, entity_key)
        SELECT :batch, line_no, outcome, true, entity_key FROM work
        WHERE pending AND outcome IN ('INSERTED', 'UNCHANGED')""",
        batch=batch_id,
    )
    run(
        session,
        f"""
        INSERT INTO import_rows (batch_id, line_no, outcome, pending, entity_key, raw)
        SELECT :batch, s.line_no, CASE WHEN s.state = 'DUPLICATE' THEN 'DUPLICATE' ELSE 'REJECTED' END, false,
               s."{module.KEY_COLUMN}", r.raw
        FROM stage s LEFT JOIN work w USING (line_no) LEFT JOIN stage_raw r USING (line_no)
        WHERE s.state <> '' OR w.outcome = 'REJECTED'""",
        batch=batch_id,
    )
    run(
        session,
        """
        INSERT INTO import_findings (batch_id, line_no, severity, code, column_name, value)
        SELECT :batch, line_no, severity, code, column_name, value FROM stage_findings ORDER BY line_no""",
        batch=batch_id,
    )


def _keep_divisions(session: Session) -> None:
    """Divisions are named by biller and paid lists only; the tree is changed just when one is new."""
    unsettled = run(
        session,
        """
        SELECT EXISTS (
            SELECT FROM (SELECT DISTINCT division_key, district_key FROM stage_places WHERE division_key <> '') p
            JOIN locations d ON d.kind = 'DISTRICT' AND d.match_key = p.district_key
            LEFT JOIN locations division ON division.id = d.parent_id AND division.kind = 'DIVISION'
            WHERE division.match_key IS DISTINCT FROM p.division_key)""",
    ).scalar_one()
    if unsettled:
        assign_divisions(session)


def _note_filled_tables(session: Session, kind: str, rows: int) -> None:
    """Statistics of tables that were empty or small before: the next file comes before autovacuum does."""
    for name in _FILLED.get(kind, ()):
        known = run(session, "SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)", name=name).scalar_one()
        if known < rows:
            run(session, f"ANALYZE {name}{_JOINED.get(name, '')}")
