"""Reports: grids over SQL that scroll through millions of rows. One app for all, a page for each."""

from __future__ import annotations

from flask import abort, redirect, request
from flask_babel import lazy_gettext as _l

from dashapps.reports.answers import view
from dashapps.reports.callbacks import register
from dashapps.reports.page import FIRST_ROWS, first_html, layout
from dashapps.spec import DashSpec, FirstPaint
from portal.permissions import Permission
from portal.reports.catalogue import exists


def first_paint(path: str) -> FirstPaint:
    """The report as it stands now, with its first rows. Raises NotFoundError for an area outside the scope."""
    if not path:
        abort(redirect("/reports/"))
    shown = view(path, request.query_string.decode(errors="replace"), FIRST_ROWS)
    return FirstPaint(title=str(shown.query.report.title), body=first_html(shown))


SPEC = DashSpec(
    slug="reports",
    title=_l("Reports"),
    permission=Permission.VIEW_REPORTS,
    layout=layout,
    register=register,
    first_paint=first_paint,
    has_path=exists,
    libraries=("dash_ag_grid",),
    needs_plotly=False,
    styles=("reports.css",),
    scripts=("reports.js",),
)
