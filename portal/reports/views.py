"""The catalogue of reports, and their downloads. The reports themselves are shown by the Dash app `reports`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from portal.db import read_snapshot
from portal.errors import ForbiddenError
from portal.permissions import Permission, require
from portal.reports.catalogue import REPORTS, find_report
from portal.reports.links import PAGE
from portal.reports.reader import Totals, exact_totals, newest_month, open_query, quick_totals
from portal.reports.report import Query, Report, all_rows
from portal.web import i18n
from portal.web.columns import Column, Kind
from portal.web.context import settings
from portal.web.copying import Snapshot, open_snapshot
from portal.web.downloads import csv_response, xlsx_response
from portal.web.format import KARACHI
from portal.web.guard import current_scope
from portal.web.masking import mask_text, masked_address, personal_sight
from portal.web.noting import ExportNote, begin_export
from portal.web.xlsx import Fact

blueprint = Blueprint("reports", __name__, url_prefix="/reports")


@blueprint.get("/")
@require(Permission.VIEW_REPORTS)
def catalogue() -> ResponseReturnValue:
    """All reports the reader may open, found by words of their title and purpose."""
    wanted = " ".join(request.args.get("q", "").split())[:60]
    shown = [report for report in REPORTS if current_user.can(report.permission) and _matches(report, wanted)]
    groups: dict[str, list[Report]] = {}
    for report in shown:
        groups.setdefault(str(report.group), []).append(report)
    with read_snapshot() as connection:
        month = newest_month(connection, current_scope())
    start = {"cycle": f"{month:%Y-%m}"} if month else {}
    return render_template(
        "reports/catalogue.html", groups=groups, wanted=wanted, page=PAGE, start=start, permission=Permission
    )


def _matches(report: Report, wanted: str) -> bool:
    text = f"{report.title} {report.purpose} {report.name}".casefold()
    return all(word in text for word in wanted.casefold().split())


@blueprint.get("/<name>.csv")
@require(Permission.EXPORT)
def download_csv(name: str) -> ResponseReturnValue:
    """The rows of the report with this query string, as CSV."""
    return _download(name, "csv", _as_csv)


@blueprint.get("/<name>.xlsx")
@require(Permission.EXPORT)
def download_xlsx(name: str) -> ResponseReturnValue:
    """The rows of the report with this query string, as a workbook."""
    return _download(name, "xlsx", _as_workbook)


Writer = Callable[[Query, Totals, Snapshot, str, ExportNote], Response]


def _download(name: str, kind: str, write: Writer) -> Response:
    """Count in a snapshot, note the beginning in the audit log, stream from the same snapshot."""
    report = find_report(name)
    if not current_user.can(report.permission):
        raise ForbiddenError(_("Your role does not allow this."))
    snapshot = open_snapshot()
    try:
        query = open_query(
            snapshot.connection,
            report,
            first_values(request.args),
            current_scope(),
            cycle_start_day=settings().cycle_start_day,
            sight=personal_sight(current_user),
            language=i18n.language(),
        )
        # CSV states nothing but rows: their number is enough, and rollups know it at once.
        counted = quick_totals(snapshot.connection, query) if kind == "csv" else None
        totals = counted or exact_totals(snapshot.connection, query)
        note = begin_export(
            f"report.export.{kind}",
            "report",
            report.name,
            {
                "query": masked_address(query.query_string),
                "filters": [mask_text(sentence, False) for sentence in query.sentences()],
                "rows": totals.rows,
            },
            location_id=query.values["area"].id if "area" in query.values else None,
        )
        today = dt.datetime.now(KARACHI).date()
        return write(query, totals, snapshot, f"{report.name}-{today}.{kind}", note)
    except BaseException as error:
        snapshot.close(error)
        raise


def first_values(args: MultiDict[str, str]) -> dict[str, str]:
    """One value for each key of a query string: the first."""
    return {key: args[key] for key in args}


def columns_of(query: Query) -> list[Column]:
    """The report's columns, in order."""
    return [one.column for one in query.report.source(query).fields]


def _as_csv(query: Query, totals: Totals, snapshot: Snapshot, filename: str, note: ExportNote) -> Response:
    return csv_response(
        all_rows(query), columns_of(query), filename, snapshot=snapshot, expected_rows=totals.rows, note=note
    )


def _as_workbook(query: Query, totals: Totals, snapshot: Snapshot, filename: str, note: ExportNote) -> Response:
    language = i18n.language()
    return xlsx_response(
        all_rows(query),
        columns_of(query),
        filename,
        title=str(query.report.title),
        facts=_facts(query, totals, language),
        sheet_names=(_("Summary"), _("Rows")),
        right_to_left=language in i18n.RIGHT_TO_LEFT,
        snapshot=snapshot,
        expected_rows=totals.rows,
        note=note,
    )


def _facts(query: Query, totals: Totals, language: str) -> list[Fact]:
    """What sheet one states: filters in words, row count, control totals, whose areas, who and when."""
    areas = ", ".join(current_user.area_names) or _("No area")
    sentences = query.sentences(language) or [_("none: every row")]
    known: list[Any] = list(query.report.source(query).totals)
    return [
        Fact(_("What it shows"), str(query.report.purpose)),
        *(Fact(_("Filter") if at == 0 else "", text) for at, text in enumerate(sentences)),
        Fact(_("Areas of the reader"), areas),
        Fact(_("Rows"), totals.rows, Kind.NUMBER),
        *(Fact(str(total.label), totals.sums.get(total.key), total.kind) for total in known),
        Fact(_("Made by"), f"{current_user.full_name} ({current_user.username})"),
        Fact(_("Made at (Asia/Karachi)"), dt.datetime.now(KARACHI), Kind.DATETIME),
        Fact(_("Amounts"), _("whole rupees")),
    ]
