"""Where you are, what is asked, and the filters: each a link, so that every state is a URL."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from dashapps.overview.queries import Figures
from dashapps.shared import components as ui
from dashapps.shared.components import attrs
from dashapps.shared.filters import LAST_YEAR, PREVIOUS, Filters
from dashapps.shared.i18n import gettext as _
from portal.billing.cycles import add_months
from portal.units.models import COMMERCIAL, DOMESTIC
from portal.web import format as fmt

MONTHS_IN_MENU = 13


def question(figures: Figures) -> str:
    """The heading: the question that the page answers."""
    period = figures.period
    name = ui.long_month(period.cycle, year=period.cycle.year != period.clock.today.year)
    if period.last < period.clock.today:
        return _("How did %(month)s go?", month=name)
    return _("How is %(month)s going?", month=name)


def breadcrumbs(figures: Figures, filters: Filters, has_several: bool) -> Component:
    """From the province down to the area shown; what lies above the reader's own areas is no link."""
    steps: list[tuple[str, str | None]] = []
    if has_several:
        steps.append((_("All my areas"), filters.query(area=None) or "?"))
    for node in figures.area.path:
        steps.append((node.name, filters.query(area=node.id) if node.is_open else None))
    return ui.crumbs(steps or [(_("No area"), None)])


def _cycle_menu(figures: Figures, filters: Filters) -> Component:
    period = figures.period
    months = sorted({*figures.months, period.cycle}, reverse=True)[:MONTHS_IN_MENU]
    items = [
        ui.menu_link(
            ui.short_month(month, year=True),
            filters.query(cycle=month, start=None, end=None),
            is_current=month == period.cycle,
            hint=fmt.number(figures.months[month].bills) if month in figures.months else None,
        )
        for month in months
    ]
    head = html.Div(
        [html.Strong(_("Billing month")), html.Small(_("bills"), className="muted")], className="menu-head is-row"
    )
    shown = html.Strong(ui.short_month(period.cycle, year=True))
    summary = [_("Cycle"), " ", shown, " · ", _("day %(day)s", day=period.day), _arrow()]
    return ui.menu(summary, [head, *items], "")


def _range_menu(figures: Figures, filters: Filters) -> Component:
    period = figures.period
    whole = _("The whole cycle") if period.last < period.clock.today else _("The cycle so far")
    ready: list[tuple[str, dt.date, dt.date]] = [
        (whole, period.first, min(period.last, max(period.first, period.clock.today))),
        (_("The last 7 days"), period.clock.today - dt.timedelta(days=6), period.clock.today),
        (_("The last 30 days"), period.clock.today - dt.timedelta(days=29), period.clock.today),
    ]
    items = [
        ui.menu_link(
            label,
            filters.query(start=None, end=None) if index == 0 else filters.query(start=first, end=last),
            is_current=period.is_default_range if index == 0 else (filters.start, filters.end) == (first, last),
        )
        for index, (label, first, last) in enumerate(ready)
    ]
    # The form's inputs come from a template in dash.html: Dash has no date input of the browser's own.
    form = html.Div(
        className="range-form",
        **attrs({"data-range-form": "", "data-from": str(period.now.first), "data-to": str(period.now.last)}),
    )
    summary = [html.Strong(ui.days(period.now.first, period.now.last)), _arrow()]
    return ui.menu(summary, [*items, form], _("Days: %(days)s", days=ui.days(period.now.first, period.now.last)))


def use_name(use: str | None) -> str:
    return {DOMESTIC: _("Domestic"), COMMERCIAL: _("Commercial")}.get(use or "", _("Unknown use"))


def _use_menu(filters: Filters) -> Component:
    choices = [(_("All"), None), (use_name(DOMESTIC), DOMESTIC), (use_name(COMMERCIAL), COMMERCIAL)]
    items = [
        ui.menu_link(label, filters.query(use=use) or "?", is_current=filters.use == use) for label, use in choices
    ]
    shown = use_name(filters.use) if filters.use else _("All")
    return ui.menu([_("Use"), " ", html.Strong(shown), _arrow()], items, "")


def _compare_menu(figures: Figures, filters: Filters) -> Component:
    cycle = figures.period.cycle
    before, year_ago = (
        ui.short_month(add_months(cycle, -1), year=True),
        ui.short_month(add_months(cycle, -12), year=True),
    )
    choices = [
        (_("The cycle before (%(month)s), same day", month=before), PREVIOUS),
        (_("The same cycle last year (%(month)s), same day", month=year_ago), LAST_YEAR),
    ]
    items = [
        ui.menu_link(label, filters.query(compare=value) or "?", is_current=filters.compare == value)
        for label, value in choices
    ]
    shown = _("%(month)s, same day", month=compared_name(figures))
    return ui.menu([_("Compare"), " ", html.Strong(shown), _arrow()], items, "")


def compared_name(figures: Figures) -> str:
    """The cycle compared with: `Oct`, or `Nov 2024` when it is of another year."""
    period = figures.period
    return ui.short_month(period.compared, year=period.compared.year != period.cycle.year)


def compared_days(figures: Figures) -> str:
    """The days compared with: `Oct` for the same days of that cycle, else the days themselves."""
    period = figures.period
    return compared_name(figures) if period.is_within_cycle else ui.days(period.then.first, period.then.last)


def _arrow() -> Component:
    return html.Span(className="chip-arrow", **attrs({"aria-hidden": "true"}))


def notes(filters: Filters) -> Component | None:
    """Says which parts of the link could not be read; the page shows the default for them."""
    if not filters.bad:
        return None
    names = {"cycle": _("cycle"), "from": _("from"), "to": _("to"), "use": _("use"), "compare": _("compare")}
    listed = ", ".join(names[key] for key in dict.fromkeys(filters.bad))
    text = _("Part of the link could not be read and was left out: %(names)s.", names=listed)
    note: Component = dbc.Alert(text, color="warning", class_name="dash-note", fade=False)
    return note


def head(figures: Figures, filters: Filters, has_several: bool, may_export: bool) -> list[Component | None]:
    """Breadcrumbs, heading, filters and actions."""
    actions: list[Any] = [
        _cycle_menu(figures, filters),
        _range_menu(figures, filters),
        _use_menu(filters),
        _compare_menu(figures, filters),
    ]
    if may_export:
        actions.append(
            html.A(
                ui.icon("download"),
                href=download_path("all", filters),
                className="chip is-icon",
                title=_("Download all figures (CSV)"),
                download="",
                **attrs({"aria-label": _("Download all figures (CSV)")}),
            )
        )
    actions += [
        html.Button(
            ui.icon("print"),
            type="button",
            className="chip is-icon",
            title=_("Print"),
            **attrs({"data-print": "", "aria-label": _("Print")}),
        ),
        html.Button(
            _("Share link"), type="button", className="btn btn-primary", **attrs({"data-share": _("Link copied")})
        ),
    ]
    return [
        breadcrumbs(figures, filters, has_several),
        html.Div(
            [html.H1(question(figures)), html.Div(actions, className="page-actions dash-filters")],
            className="page-head",
        ),
        notes(filters),
    ]


def download_path(name: str, filters: Filters) -> str:
    """Where a panel's figures are downloaded."""
    return f"/dash/overview/download/{name}.csv{filters.query()}"
