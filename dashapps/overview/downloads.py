"""The panels' figures as CSV, exactly as their tables show them."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable
from typing import Any

from flask import Response, abort, request

from dashapps.overview.answers import read_figures
from dashapps.overview.panels import tables
from dashapps.overview.queries import Figures
from dashapps.shared.components import Table
from dashapps.shared.filters import parse
from dashapps.shared.i18n import gettext as _
from portal.web.columns import neutral
from portal.web.masking import masked_address
from portal.web.noting import note_export

ALL = "all"


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str):
        return neutral(value)
    return "" if value is None else value


def _lines(one: Table) -> Iterable[list[Any]]:
    yield [_cell(column.label) for column in one.columns]
    for row in one.rows:
        yield [_cell(value) for value in row]


def _tile_lines(figures: Figures) -> Iterable[list[Any]]:
    period = figures.period
    yield [_("Figure"), _("Value")]
    yield from (
        [_cell(label), _cell(value)]
        for label, value in [
            (_("Area"), figures.area.name),
            (_("Cycle"), f"{period.cycle:%Y-%m}"),
            (_("From"), period.now.first),
            (_("To"), period.now.last),
            (_("Billed"), figures.month.monthly_fee),
            (_("Bills"), figures.month.bills),
            (_("Demand"), figures.month.demand),
            (_("Received"), figures.received_until(period.cycle, period.now.last)),
            (_("Recovery"), figures.recovery(period.cycle, period.now.last)),
            *([(_("Target"), figures.target)] if figures.target is not None else []),
            (_("Collected"), figures.collected),
            (_("Posted"), figures.posted),
            (_("Unmatched"), figures.unmatched),
            (_("Outstanding now"), figures.outstanding),
            (_("Credit"), figures.credit),
            (_("Paying units"), figures.paid_units),
        ]
    )


def download(name: str) -> Response:
    """`/dash/overview/download/<name>.csv`: a panel's table, or all of them one below the other."""
    filters = parse(request.query_string.decode(errors="replace"))
    figures = read_figures(filters)
    made = tables(figures)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if name == ALL:
        writer.writerows(_tile_lines(figures))
        for one in made.values():
            writer.writerows([[], [one.caption], *_lines(one)])
    elif name in made:
        writer.writerows(_lines(made[name]))
    else:
        abort(404)
    lines = out.getvalue().count("\n")
    query = masked_address(request.query_string.decode(errors="replace"))
    note_export("dashboard.export.csv", "dashboard", "overview", {"panel": name, "query": query, "lines": lines})
    file_name = f"overview-{name}-{figures.period.cycle:%Y-%m}.csv"
    response = Response("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response
