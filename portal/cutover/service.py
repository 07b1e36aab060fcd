"""Taking over the old system's tables: all of it in one transaction, repeatable without effect."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.cutover import bills, notices, people, places, staging, tickets, units, visits
from portal.cutover.models import CutoverRow
from portal.cutover.outcome import TableOutcome
from portal.cutover.reading import rows_of, table_of
from portal.cutover.tables import PAYMENTS, TABLES
from portal.errors import RefusedFileError
from portal.imports.models import ImportBatch
from portal.imports.outcome import Counts, ImportOptions
from portal.imports.service import Actor, ImportSettings, import_file, lock_imports
from portal.imports.sqltools import run

Tell = Callable[[str], None]


def nobody(_table: str) -> None:
    """The progress of those who do not look."""


def exports_in(folder: Path) -> dict[str, Path]:
    """The exports in a folder, by table. Raises RefusedFileError: none there, one table twice, a strange CSV."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.csv")):
        add_export(found, path, path.name)
    if not found:
        raise RefusedFileError(_l("There is no CSV file in %(folder)s. Nothing was taken over.", folder=folder.name))
    return found


def add_export(found: dict[str, Path], path: Path, name: str) -> None:
    """Add a file to the tables found. Raises RefusedFileError when it is none, or its table is there already."""
    table = table_of(path)
    if table.name in found:
        raise RefusedFileError(
            _l("%(file)s is a second export of %(table)s. Nothing was taken over.", file=name, table=table.name)
        )
    found[table.name] = path


def take_over(
    session: Session,
    files: Mapping[str, Path],
    *,
    actor: Actor,
    settings: ImportSettings,
    today: dt.date,
    run_id: int | None = None,
    tell: Tell = nobody,
) -> list[TableOutcome]:
    """Take the tables over, in the order in which they refer to each other. The caller commits (or, to look only, rolls
    back). With a `run_id` the rows to be looked at are kept for it. Raises RefusedFileError; nothing is written then.
    """
    lock_imports(session)
    if "bills" in files:
        bills.prepare(session, files["bills"], today, settings.cycle_start_day)
    staging.begin(session)
    outcomes: list[TableOutcome] = []
    for table in TABLES:
        path = files.get(table.name)
        if path is None:
            continue
        tell(table.name)
        if table.name == "unique_locations":
            outcomes.append(places.take(session, path, path.name))
        elif table.name == "survey_units":
            outcomes.append(_take_units(session, path, actor, settings, today))
        elif table.name == "bills":
            start = settings.cycle_start_day
            outcomes.append(bills.take(session, path, path.name, files.get("survey_units"), today, start))
            tell(PAYMENTS)
            outcomes.append(_take_payments(session, path.name, actor, settings, today))
        elif table.name == "staff":
            outcomes.append(people.take(session, path, path.name, actor))
        elif table.name == "tickets":
            outcomes.append(tickets.take(session, path, path.name))
        elif table.name == "compliance_visits":
            outcomes.append(visits.take(session, path, path.name))
        else:
            outcomes.append(notices.take(session, path, path.name))
    if run_id is not None:
        _keep_rows(session, run_id)
    record(
        session,
        "cutover.run",
        "cutover",
        run_id or "",
        actor=actor.name,
        staff_id=actor.staff_id,
        address=actor.address,
        after={outcome.kind: outcome.counts.as_json() for outcome in outcomes},
    )
    session.flush()
    return outcomes


def _take_units(session: Session, path: Path, actor: Actor, settings: ImportSettings, today: dt.date) -> TableOutcome:
    if next(rows_of(path), None) is None:
        return TableOutcome("survey_units", path.name, Counts())
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        target = Path(folder) / "survey_units.csv"
        units.write_survey_master(path, target)
        return _through_importer(session, "survey", "survey_units", path.name, target, actor, settings, today)


def _take_payments(session: Session, file: str, actor: Actor, settings: ImportSettings, today: dt.date) -> TableOutcome:
    with tempfile.TemporaryDirectory(dir=_work_dir(settings)) as folder:
        target = Path(folder) / "payments.csv"
        if bills.write_paid_list(session, target) == 0:
            return TableOutcome(PAYMENTS, file, Counts())
        return _through_importer(session, "paid", PAYMENTS, file, target, actor, settings, today)


def _work_dir(settings: ImportSettings) -> Path:
    settings.uploads_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.uploads_dir


def _through_importer(
    session: Session,
    kind: str,
    table: str,
    file: str,
    path: Path,
    actor: Actor,
    settings: ImportSettings,
    today: dt.date,
) -> TableOutcome:
    """Rows written in a form of the portal's go the way of its files, as of a time before all of them."""
    options = ImportOptions(as_of=units.BEFORE_ALL_FILES)
    outcome = import_file(
        session, path, kind=kind, options=options, settings=settings, actor=actor, file_name=file, today=today
    )
    batch_id = session.scalar(select(func.max(ImportBatch.id)))
    return TableOutcome.of_import(table, file, outcome, batch_id)


def _keep_rows(session: Session, run_id: int) -> None:
    run(session, f"DELETE FROM {CutoverRow.__tablename__} WHERE run_id = :run", run=run_id)
    run(
        session,
        """
        INSERT INTO cutover_rows (run_id, table_name, line_no, outcome, code, row_key, detail)
        SELECT :run, o.table_name, o.line_no, o.outcome, n.code, o.row_key, n.detail
        FROM old_outcomes o JOIN old_notes n USING (table_name, line_no)
        ORDER BY o.table_name, o.line_no, n.code""",
        run=run_id,
    )
