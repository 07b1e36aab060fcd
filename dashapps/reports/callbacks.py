"""Three requests: the page for an address, its totals, and blocks of rows as the grid scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Input, Output, State, no_update

from dashapps.reports import ids, page
from dashapps.reports.answers import all_totals, block, known_ends, report_name, row_number, signature, view
from dashapps.reports.cells import column_defs, row_dicts
from dashapps.shared import components as ui
from portal.errors import InvalidInputError
from portal.permissions import Permission

if TYPE_CHECKING:
    from dashapps.mount import PortalDash

ENDS_KEPT = 60


def register(app: PortalDash) -> None:
    """Bind the callbacks to the app."""

    @app.callback(
        Output(ids.HEAD, "children"),
        Output(ids.FILTERS, "children"),
        Output(ids.GRID, "columnDefs"),
        Output(ids.TITLE, "data"),
        Output(ids.VIEW, "data"),
        Input(ids.URL, "pathname"),
        Input(ids.URL, "search"),
        permission=Permission.VIEW_REPORTS,
    )
    def show(pathname: str | None, search: str | None) -> tuple[Any, ...]:
        """Head, filters and columns of an address; the grid then asks for its rows."""
        shown = view(report_name(pathname), search)
        return (
            page.head(shown),
            page.filter_bar(shown),
            column_defs(shown.query, shown.every_order),
            str(shown.query.report.title),
            f"{pathname}{search}",
        )

    @app.callback(
        Output(ids.TOTALS, "children"),
        Output(ids.COUNT, "data"),
        Input(ids.URL, "pathname"),
        Input(ids.URL, "search"),
        permission=Permission.VIEW_REPORTS,
    )
    def sum_up(pathname: str | None, search: str | None) -> tuple[Any, ...]:
        """Count and totals, which may take longer than the rows."""
        query, totals = all_totals(report_name(pathname), search)
        return page.totals_bar(query, totals), {"rows": totals.rows if totals.is_exact else None}

    @app.callback(
        Output(ids.GRID, "getRowsResponse"),
        Output(ids.ENDS, "data"),
        Output(ids.NOTE, "children"),
        Input(ids.GRID, "getRowsRequest"),
        State(ids.URL, "pathname"),
        State(ids.URL, "search"),
        State(ids.ENDS, "data"),
        permission=Permission.VIEW_REPORTS,
    )
    def rows(
        request: dict[str, Any] | None, pathname: str | None, search: str | None, ends: dict[str, Any] | None
    ) -> tuple[Any, ...]:
        """One block of rows."""
        if not isinstance(request, dict):
            return no_update, no_update, no_update
        try:
            query, found, start = block(report_name(pathname), search, request, ends)
        except InvalidInputError as error:
            # The grid must get an answer, or it waits for ever: what is there so far is all.
            return (
                {"rowData": [], "rowCount": row_number(request.get("startRow"))},
                no_update,
                page.note(ui.empty(str(error))),
            )
        shown = row_dicts(query, found.rows)
        at_end = start + len(shown)
        answer = {"rowData": shown, "rowCount": None if found.cursor else at_end}
        of = signature(query)
        known = known_ends(query, ends)
        if found.cursor:
            known[at_end] = found.cursor
        kept = sorted(known.items())[-ENDS_KEPT:]
        return (
            answer,
            {"of": of, "at": {str(at): keys for at, keys in kept}},
            page.note(page.empty(query) if at_end == 0 else None),
        )

    # In the browser: a new address empties the grid's cache, a known count sets its scroll bar.
    app.in_browser(
        ClientsideFunction("reports", "changed"), Output(ids.VIEW, "modified_timestamp"), Input(ids.VIEW, "data")
    )
    app.in_browser(
        ClientsideFunction("reports", "counted"), Output(ids.COUNT, "modified_timestamp"), Input(ids.COUNT, "data")
    )
    app.in_browser(
        ClientsideFunction("reports", "sorted"),
        Output(ids.THEME, "modified_timestamp"),
        Input(ids.GRID, "getRowsRequest"),
    )
    app.in_browser(
        ClientsideFunction("portal", "title"), Output(ids.TITLE, "modified_timestamp"), Input(ids.TITLE, "data")
    )
