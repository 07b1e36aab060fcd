"""The report page as slots: empty for Dash's layout, filled for the first paint. One tree for both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dash_ag_grid as dag
from dash import dcc, html
from dash.development.base_component import Component
from flask_login import current_user

from dashapps.reports import ids
from dashapps.reports.answers import View
from dashapps.reports.cells import badge_field, column_defs, record_path, row_dicts
from dashapps.shared import components as ui
from dashapps.shared.components import attrs
from dashapps.shared.i18n import gettext as _
from dashapps.shared.i18n import ngettext
from portal.billing.cycles import cycle_bounds
from portal.permissions import Permission
from portal.reports.filters import Control, Filter
from portal.reports.people import MOST_OFFERED
from portal.reports.reader import BLOCK, Totals
from portal.reports.report import Query
from portal.reports.sorting import explanation
from portal.web import format as fmt
from portal.web.columns import Kind
from portal.web.context import settings
from portal.web.filters import language
from portal.web.i18n import RIGHT_TO_LEFT

FIRST_ROWS = 30
_OPTIONS = {
    # The grid's bridge remembers one request at a time: a second one meanwhile would lose the first.
    "maxConcurrentDatasourceRequests": 1,
    "cacheBlockSize": BLOCK,
    "maxBlocksInCache": 30,
    "blockLoadDebounceMillis": 120,
    "infiniteInitialRowCount": 1,
    "rowHeight": 40,
    "headerHeight": 42,
    "rowBuffer": 20,
    "suppressCellFocus": False,
    "enableCellTextSelection": True,
    "ensureDomOrder": True,
    "suppressDragLeaveHidesColumns": True,
    "suppressMultiSort": True,
    "tooltipShowDelay": 300,
    "animateRows": False,
}


def layout() -> Component:
    """The empty page. Reads nothing."""
    return page({})


def page(slots: Mapping[str, Any], grid: Component | None = None) -> Component:
    """The page with its slots filled; `grid` stands in for the grid in the first HTML."""

    def slot(name: str, **props: Any) -> Component:
        return html.Div(slots.get(name), id=name, **props)

    return html.Div(
        [
            dcc.Location(id=ids.URL, refresh=False),
            dcc.Store(id=ids.TITLE),
            dcc.Store(id=ids.ENDS),
            dcc.Store(id=ids.COUNT),
            dcc.Store(id=ids.VIEW),
            dcc.Store(id=ids.THEME),
            slot(ids.HEAD, className="page-top"),
            slot(ids.FILTERS, className="report-filters"),
            slot(ids.TOTALS, className="report-totals"),
            slot(ids.NOTE, className="report-note"),
            html.Section(
                grid or _grid(), className="panel report-panel", **attrs({"aria-label": _("Rows of the report")})
            ),
        ],
        className="dash-page report-page",
    )


def _grid() -> Component:
    grid: Component = dag.AgGrid(
        id=ids.GRID,
        className="report-grid",
        rowModelType="infinite",
        columnDefs=[],
        defaultColDef={"resizable": True, "sortable": False, "sortingOrder": ["desc", "asc", None]},
        dashGridOptions={**_OPTIONS, "enableRtl": language() in RIGHT_TO_LEFT},
        style={"height": "100%", "width": "100%"},
    )
    return grid


def first_html(view: View) -> Component:
    """The whole page with its first rows as a plain table, for the first HTML."""
    slots = {
        ids.HEAD: head(view),
        ids.FILTERS: filter_bar(view),
        ids.TOTALS: totals_bar(view.query, view.totals, is_final=view.has_all_totals),
    }
    rows = view.block.rows if view.block else []
    if not rows:
        slots[ids.NOTE] = empty(view.query)
    return page(slots, _plain_table(view, rows))


def _plain_table(view: View, rows: list[list[Any]]) -> Component:
    query = view.query
    defs = column_defs(query, view.every_order)
    badge = badge_field(query.report.source(query).fields)

    def cell(at: int, row: dict[str, str]) -> Component:
        one = defs[at]
        text = row[one["field"]]
        inner: Any = html.Bdi(text)
        if text and one.get("cellRenderer") == "ReportLink":
            inner = html.A(text, href=record_path(one["field"]) + text, className="report-link")
        elif text and at == badge:
            inner = html.Span(text, className=f"badge-status is-{row['_code'].lower()}")
        return html.Td(inner, className=one.get("cellClass"))

    heads = [
        html.Th(
            one["headerName"],
            scope="col",
            className=one.get("cellClass"),
            title=one.get("headerTooltip"),
            style={"width": f"{one['width']}px"},
        )
        for one in defs
    ]
    body = [html.Tr([cell(at, row) for at in range(len(defs))]) for row in row_dicts(query, rows)]
    table = html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody(body)],
        className="data-table report-first",
        style={"width": f"{sum(one['width'] for one in defs)}px"},
    )
    return html.Div(table, className="report-first-box", tabIndex="0")


def head(view: View) -> list[Component]:
    """Where you are, what it is, and what one can do with it."""
    query = view.query
    steps: list[tuple[str, str | None]] = []
    if len(view.area.tops) > 1 and view.area.path:
        steps.append((_("All my areas"), view.address(area=None)))
    steps += [(node.name, view.address(area=node.id) if node.is_open else None) for node in view.area.path]
    crumbs = ui.crumbs(steps or [(_("All my areas") if view.area.tops else _("No area"), None)])
    # A page of its own, not another state of this one: an ordinary link.
    crumbs.children.children.insert(0, html.Li(html.A(_("Reports"), href="/reports/")))
    actions: list[Any] = []
    if current_user.can(Permission.EXPORT):
        for kind, label in (("csv", "CSV"), ("xlsx", "Excel")):
            actions.append(
                html.A(
                    [ui.icon("download"), label],
                    href=f"/reports/{view.name}.{kind}{view.address()}",
                    className="chip",
                    download="",
                    title=_("Download exactly these rows"),
                    **attrs({"data-download": ""}),
                )
            )
    actions.append(
        html.Button(
            _("Share link"), type="button", className="btn btn-primary", **attrs({"data-share": _("Link copied")})
        )
    )
    return [
        crumbs,
        html.Div(
            [html.H1(str(query.report.title)), html.Div(actions, className="page-actions")], className="page-head"
        ),
        html.P(str(query.report.purpose), className="muted report-purpose"),
        *([] if view.every_order else [html.P(explanation(), className="muted report-purpose")]),
    ]


def filter_bar(view: View) -> Component:
    """The filters as menus of links; every state is an address."""
    makers = {
        Control.AREA: _area_menu,
        Control.MONTH: _month_menu,
        Control.DAYS: _days_menu,
        Control.CHOICE: _choice_menu,
        Control.PERSON: _person_menu,
        Control.TEXT: _search,
    }
    chips = [makers[one.control](view, one) for one in view.query.report.filters]
    if view.query.values:
        chips.append(html.A(_("Clear"), href="?", className="text-link report-clear", **attrs({"data-nav": ""})))
    return html.Div(chips, className="report-chips dash-filters", role="group", **attrs({"aria-label": _("Filters")}))


def _menu(label: str, shown: str, items: list[Any], is_set: bool) -> Component:
    arrow = html.Span(className="chip-arrow", **attrs({"aria-hidden": "true"}))
    made = ui.menu([label, " ", html.Strong(shown), arrow], items, "")
    made.className = f"{made.className} is-set" if is_set else made.className  # type: ignore[attr-defined]
    return made


def _area_menu(view: View, one: Filter) -> Component:
    area, chosen = view.area, view.query.values.get("area")
    items: list[Any] = []
    if chosen:
        items.append(ui.menu_link(_("All my areas"), view.address(area=None)))
        above = [node for node in area.path[:-1] if node.is_open]
        items += [ui.menu_link(f"‹ {node.name}", view.address(area=node.id)) for node in above]
        items.append(ui.menu_link(area.name, view.address(area=chosen.id), is_current=True))
    if area.part_names:
        items.append(html.Div(area.parts_title, className="menu-head"))
    names = sorted(area.part_names.items(), key=lambda item: _natural(item[1]))
    items += [ui.menu_link(name, view.address(area=part_id)) for part_id, name in names]
    return _menu(str(one.label), chosen.name if chosen else _("All"), items, bool(chosen))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """UC-2 before UC-10."""
    parts: list[tuple[int, int, str]] = []
    digits = ""
    for char in f"{name.casefold()}\0":
        if char.isdecimal():
            digits += char
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, char))
    return parts


def _month_menu(view: View, one: Filter) -> Component:
    key = one.keys[0]
    value = view.query.values.get(one.name)
    first, last = value if isinstance(value, tuple) else (value, value)
    others = dict.fromkeys((name for name in one.keys if name != key), None)
    months = sorted({*view.months, *([first] if first and first == last else [])}, reverse=True)
    items = [ui.menu_link(_("All months"), view.address(**{key: None, **others}), is_current=value is None)]
    items += [
        ui.menu_link(
            ui.short_month(month, year=True),
            view.address(**{key: f"{month:%Y-%m}", **others}),
            is_current=first == last == month,
        )
        for month in months
    ]
    shown = _("All")
    if first and first == last:
        shown = ui.short_month(first, year=True)
    elif first or last:
        ends = [ui.short_month(month, year=True) if month else "…" for month in (first, last)]
        shown = " – ".join(ends)
    return _menu(str(one.label), shown, items, value is not None)


def _days_menu(view: View, one: Filter) -> Component:
    value = view.query.values.get(one.name)
    first, last = value if isinstance(value, tuple) else (None, value)
    today = dt.datetime.now(fmt.KARACHI).date()
    cleared = dict.fromkeys(("cycle", "from_", "to") if "cycle" in one.keys else ("to",), None)
    items = [ui.menu_link(_("All days"), view.address(**cleared), is_current=value is None)]
    if "cycle" in one.keys:
        items += [
            ui.menu_link(
                _("Cycle %(month)s", month=ui.short_month(month, year=True)),
                view.address(**{**cleared, "cycle": f"{month:%Y-%m}"}),
                is_current=value == cycle_bounds(month, settings().cycle_start_day),
            )
            for month in view.months[:6]
        ]
    form = html.Div(
        className="range-form",
        **attrs({"data-range-form": "", "data-from": str(first or last or today), "data-to": str(last or today)}),
    )
    if value is None:
        shown = _("All days")
    elif first and last:
        shown = ui.days(first, last)
    else:
        shown = _("up to %(day)s", day=ui.short_day(last, True)) if last else f"{ui.short_day(first, True)} –"
    return _menu(str(one.label), shown, [*items, form], value is not None)


def _choice_menu(view: View, one: Filter) -> Component:
    key = one.keys[0]
    value = view.query.values.get(one.name)
    codes = value if isinstance(value, tuple) else (value,) if value else ()
    items = [ui.menu_link(str(one.any_label), view.address(**{key: None}), is_current=not codes)]
    items += [
        ui.menu_link(str(label), view.address(**{key: code}), is_current=code in codes)
        for code, label in one.choices.items()
    ]
    shown = ", ".join(str(one.choices.get(code, code)) for code in codes) or str(one.any_label)
    return _menu(str(one.label), shown, items, bool(codes))


def _person_menu(view: View, one: Filter) -> Component:
    """Who was at work in the area; whoever is chosen stands among them. Too many: a smaller area first."""
    key, chosen = one.keys[0], view.query.values.get(one.name)
    items = [ui.menu_link(str(one.any_label), view.address(**{key: None}), is_current=chosen is None)]
    offered = view.people[:MOST_OFFERED]
    if chosen is not None and chosen not in offered:
        offered = (chosen, *offered)
    items += [ui.menu_link(who.name, view.address(**{key: who.id}), is_current=chosen == who) for who in offered]
    if len(view.people) > MOST_OFFERED:
        items.append(html.Div(_("There are more. Choose a smaller area."), className="menu-head"))
    return _menu(str(one.label), chosen.name if chosen else str(one.any_label), items, chosen is not None)


def _search(view: View, one: Filter) -> Component:
    """A field for words. Made by the script (a form needs its own behaviour); its address works without."""
    given = {"data-search": str(one.label), "data-value": view.query.values.get("q", ""), "data-button": _("Find")}
    return html.Div(className="report-search", **attrs(given))


def totals_bar(query: Query, totals: Totals | None, is_final: bool = True) -> list[Component]:
    """Number of rows and sums over all of them. What is not known yet is a dash that the second request fills."""
    source = query.report.source(query)
    sums = totals.sums if totals else {}
    count = totals.rows if totals else None
    about = totals is not None and not totals.is_exact
    rows = fmt.number(count) if count is not None else "…"
    label = ngettext("row", "rows", count or 0)
    parts = [_total("rows", label, count, _("about %(number)s", number=rows) if about else rows, not about)]
    for total in source.totals:
        value = sums.get(total.key)
        shown = "…" if not is_final else "–"
        if value is not None:
            shown = _shown_total(total.kind, value)
        parts.append(_total(total.key, str(total.label), value, shown, True))
    sentences = "; ".join(query.sentences(language()))
    return [
        html.Div(parts, className="report-figures"),
        html.P(
            sentences[:1].upper() + sentences[1:] or _("All rows of your areas."), className="report-sentence muted"
        ),
    ]


def _shown_total(kind: Kind, value: Any) -> str:
    if kind is Kind.RATIO:
        return fmt.percent(value)
    return fmt.rupees(value) if kind is Kind.MONEY else fmt.number(value)


def _total(key: str, label: str, value: float | None, shown: str, is_exact: bool) -> Component:
    given = {"data-total": key, "data-value": ui.data_value(value) if is_exact else ""}
    return html.Div(
        [html.Strong(shown, className="num"), html.Span(label, className="muted")],
        className="report-figure",
        **attrs(given),
    )


def empty(query: Query) -> Component:
    """Why there is nothing, and what to do next."""
    return ui.empty(_("No rows"), str(query.report.empty_hint))


def note(message: Component | None) -> list[Component | None]:
    """What stands above the grid after its rows have come; also the sign for dash.js that the page is complete."""
    return [html.Span(hidden=True, **attrs({"data-ready": ""})), message]
