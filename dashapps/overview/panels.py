"""The panels below the tiles, each with its table of exact figures."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapps.overview.figures import by_bar, channel_colours, channel_name, curves, money_unit
from dashapps.overview.head import compared_days, compared_name, download_path, use_name
from dashapps.overview.queries import Figures, Mover, Part
from dashapps.overview.tiles import tiles_table
from dashapps.shared import components as ui
from dashapps.shared.charts import ticks
from dashapps.shared.components import Column, Table, attrs
from dashapps.shared.filters import Filters
from dashapps.shared.i18n import gettext as _
from dashapps.shared.i18n import ngettext
from portal.web import format as fmt

LEAGUE_SHOWN = 7
MOVERS_SHOWN = 6


def as_of(figures: Figures) -> str:
    """Until when the data behind the figures goes."""
    from portal.web.filters import language

    if figures.stamp.as_of is None:
        return _("Nothing imported yet")
    return _("As of %(time)s", time=fmt.localtime(figures.stamp.as_of, language()))


def no_bills(figures: Figures) -> Component:
    """Why a panel is empty, and what to do."""
    month = ui.short_month(figures.period.cycle, year=True)
    return ui.empty(
        _("No bills of %(month)s in this area.", month=month),
        _("Choose another cycle or a wider area, or import the biller list of this month."),
    )


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


# -- Recovery ------------------------------------------------------------------------------------------------------
def recovery_table(figures: Figures) -> Table:
    lines = curves(figures)
    names = [ui.short_month(month, year=True) for month, _points in lines]
    columns = [Column(_("Day of the cycle"))]
    for name in names:
        columns += [Column(_("%(month)s, received", month=name)), Column(_("%(month)s, recovery", month=name))]
    rows = []
    for day in range(1, max((len(points) for _month, points in lines), default=0) + 1):
        row: list[Any] = [day]
        for _month, points in lines:
            row += [points[day - 1][1], points[day - 1][2]] if day <= len(points) else [None, None]
        rows.append(tuple(row))
    return Table("recovery", _("Recovery by day of the cycle"), tuple(columns), tuple(rows))


def recovery_head(figures: Figures) -> list[Component]:
    parts = ui.panel_head(
        _("Recovery of the cycle's demand, by day"),
        _("Share of the amount asked for that has come in, against the last three cycles"),
    )
    return parts if curves(figures) else [*parts, no_bills(figures)]


# -- League --------------------------------------------------------------------------------------------------------
def league_table(figures: Figures) -> Table:
    then = compared_name(figures)
    rows = tuple(
        (
            part.name,
            part.bills,
            part.demand,
            part.received,
            share(part.received, part.demand),
            share(part.received_then, part.demand_then),
        )
        for part in figures.parts
    )
    columns = (
        Column(_("Area"), is_figure=False),
        Column(_("Bills")),
        Column(_("Demand")),
        Column(_("Received")),
        Column(_("Recovery")),
        Column(_("Recovery in %(month)s, same day", month=then)),
    )
    return Table("league", figures.area.parts_title, columns, rows)


def _league_row(part: Part, filters: Filters, best: float) -> Component:
    now, then = share(part.received, part.demand), share(part.received_then, part.demand_then)
    name: Any = html.Bdi(part.name)
    if part.area_id is not None:
        name = html.A(name, href=filters.query(area=part.area_id), **attrs({"data-nav": ""}))
    change: Any = ""
    if now is not None and then is not None:
        difference = round((now - then) * 100, 1) + 0.0
        tone = "up" if difference > 0 else "down" if difference < 0 else ""
        change = html.Strong(fmt.points(now - then).removesuffix("\u00a0pt"), className=f"num {tone}".strip())
    return html.Tr(
        [
            html.Td(name, className="league-name"),
            html.Td(fmt.number(part.demand), className="num league-demand"),
            html.Td(fmt.number(part.received), className="num league-received"),
            html.Td(ui.bar(now / best if now and best else 0.0), className="league-bar"),
            html.Td(fmt.percent(now), className="num"),
            html.Td(change, className="num"),
        ]
    )


def league(figures: Figures, filters: Filters, may_export: bool) -> list[Component]:
    then = compared_name(figures)
    head = ui.panel_head(
        figures.area.parts_title,
        _("Recovery, and its change in points on %(month)s, same day", month=then),
    )
    if not figures.area.part_names:
        body = ui.empty(
            _("%(area)s has no areas below it.", area=figures.area.name),
            _("Go back up with the path above the heading."),
        )
        return [*head, body]
    if not figures.parts:
        return [*head, no_bills(figures)]
    best = max((part.received / part.demand for part in figures.parts if part.demand), default=0.0)
    rows = [_league_row(part, filters, best) for part in figures.parts]
    labels = [_("Area"), _("Demand"), _("Received"), _("Recovery"), "", ""]
    hidden = [None, None, None, None, _("Recovery, percent"), _("Change in points")]
    heads = [
        html.Th(
            label or html.Span(spoken, className="visually-hidden"),
            scope="col",
            className=f"num {extra}".strip() if index else None,
        )
        for index, (label, spoken, extra) in enumerate(
            zip(labels, hidden, ["", "league-demand", "league-received", "league-bar", "", ""], strict=True)
        )
    ]
    grid = html.Table(
        [
            html.Caption(figures.area.parts_title, className="visually-hidden"),
            html.Thead(html.Tr(heads)),
            html.Tbody(rows[:LEAGUE_SHOWN]),
            *(
                [html.Tbody(rows[LEAGUE_SHOWN:], className="league-more", hidden=True)]
                if len(rows) > LEAGUE_SHOWN
                else []
            ),
        ],
        className="data-table league",
    )
    more = None
    if len(rows) > LEAGUE_SHOWN:
        text = ngettext("All %(num)d area", "All %(num)d areas", len(rows))
        more = html.Button(
            text, type="button", className="text-button", **attrs({"data-show-more": "", "aria-expanded": "false"})
        )
    path = download_path("league", filters) if may_export else None
    return [*head, grid, ui.panel_foot(as_of(figures), league_table(figures), path, extra=more)]


# -- Collected by day and channel -----------------------------------------------------------------------------------
def daily_table(figures: Figures) -> Table:
    days, amounts = by_bar(figures)
    columns = (Column(_("Day"), is_figure=False), *(Column(channel_name(name)) for name in amounts), Column(_("Total")))
    rows = tuple(
        (
            day,
            *(of_day.get(day, 0) for of_day in amounts.values()),
            sum(of_day.get(day, 0) for of_day in amounts.values()),
        )
        for day in days
    )
    return Table("daily", _("Collected by day and channel, Rs"), columns, rows if amounts else ())


def daily_head(figures: Figures) -> list[Component]:
    days, amounts = by_bar(figures)
    sums = [sum(of_day.get(day, 0) for of_day in amounts.values()) for day in days]
    unit = money_unit(ticks(max(sums, default=0), 3)[-1])[1]
    weekly = len(days) > 1 and (days[1] - days[0]).days == 7
    sub = _("%(unit)s, by week of the paid date", unit=unit) if weekly else _("%(unit)s, by paid date", unit=unit)
    head = ui.panel_head(_("Collected by day and channel"), sub)
    if not amounts:
        span = figures.period.now
        text = _("Nothing was paid in %(days)s.", days=ui.days(span.first, span.last))
        return [*head, ui.empty(text, _("Choose other days, or import the paid list that covers them."))]
    colours = channel_colours(list(amounts))
    legend = [
        html.Li([html.Span(className="legend-mark", style={"background": colours[name]}), html.Bdi(channel_name(name))])
        for name in amounts
    ]
    return [*head, html.Ul(legend, className="legend")]


# -- What changed most ----------------------------------------------------------------------------------------------
SIZE_NAMES = ("M0_5", "M5_10", "M10_20", "M20_40", "M40_PLUS", "SMALL", "MEDIUM", "LARGE")


def size_name(band: str) -> str:
    names = {
        "M0_5": _("0–5 marla"),
        "M5_10": _("5–10 marla"),
        "M10_20": _("10–20 marla"),
        "M20_40": _("20–40 marla"),
        "M40_PLUS": _("above 40 marla"),
        "SMALL": _("small"),
        "MEDIUM": _("medium"),
        "LARGE": _("large"),
    }
    return names.get(band, "")


def category(mover: Mover) -> str:
    return f"{use_name(mover.use)} {size_name(mover.size_band)}".strip()


def ranked_movers(figures: Figures) -> list[Mover]:
    changed = [mover for mover in figures.movers if mover.amount != mover.amount_then]
    return sorted(changed, key=lambda m: (-abs(m.amount - m.amount_then), m.name, m.use, m.size_band))


def movers_table(figures: Figures) -> Table:
    columns = (
        Column(_("Category"), is_figure=False),
        Column(_("Area"), is_figure=False),
        Column(_("Collected")),
        Column(_("Collected, %(days)s", days=compared_days(figures))),
        Column(_("Change")),
    )
    rows = tuple(
        (category(m), m.name, m.amount, m.amount_then, m.amount - m.amount_then) for m in ranked_movers(figures)
    )
    return Table("movers", _("What changed most"), columns, rows)


def movers(figures: Figures, filters: Filters, may_export: bool) -> list[Component]:
    title = _("What changed most")
    if not figures.collected_then:
        span = figures.period.then
        text = _("Nothing to compare with: no payment in %(days)s.", days=ui.days(span.first, span.last))
        return [
            *ui.panel_head(title),
            ui.empty(text, _("Import the paid list of that cycle, or compare with another.")),
        ]
    change = figures.collected - figures.collected_then
    sub = _(
        "Parts of the change of Rs %(amount)s on %(days)s",
        amount=fmt.signed_number(change),
        days=compared_days(figures),
    )
    ranked = ranked_movers(figures)
    if not ranked:
        return [*ui.panel_head(title, sub), ui.empty(_("Nothing changed."))]
    largest = abs(ranked[0].amount - ranked[0].amount_then)
    rows = []
    for mover in ranked[:MOVERS_SHOWN]:
        difference = mover.amount - mover.amount_then
        is_up = difference > 0
        width = f"{abs(difference) / largest * 50:.1f}%"
        name = category(mover)
        label: Any = [f"{name}, ", html.Bdi(mover.name)] if figures.area.part_names else name
        fill = html.Div(className=f"mover-fill {'is-up' if is_up else 'is-down'}", style={"inlineSize": width})
        rows.append(
            html.Li(
                [
                    html.Span(label, className="mover-name"),
                    html.Span(fill, className="mover-bar", **attrs({"aria-hidden": "true"})),
                    html.Strong(
                        fmt.signed_short(difference),
                        className=f"num {'up' if is_up else 'down'}",
                        title=_(
                            "Rs %(now)s, before Rs %(then)s",
                            now=fmt.number(mover.amount),
                            then=fmt.number(mover.amount_then),
                        ),
                    ),
                ]
            )
        )
    path = download_path("movers", filters) if may_export else None
    return [
        *ui.panel_head(title, sub),
        html.Ol(rows, className="movers"),
        ui.panel_foot(as_of(figures), movers_table(figures), path),
    ]


# -- Funnel ---------------------------------------------------------------------------------------------------------
def funnel_steps(figures: Figures) -> list[tuple[str, str, int]]:
    return [
        ("surveyed", _("Surveyed"), figures.surveyed),
        ("listed", _("Listed"), figures.listed),
        ("billed_units", _("Billed"), figures.billed_units),
        # Whoever paid had the bill, whether or not its delivery was noted: so the steps only fall.
        ("reached_units", _("Delivered or paid"), figures.reached_units),
        ("paid_units", _("Paid"), figures.paid_units),
    ]


def funnel_table(figures: Figures) -> Table:
    steps = funnel_steps(figures)
    before = [figures.surveyed, *(count for _metric, _label, count in steps)]
    rows = tuple(
        (label, count, share(count, before[index]), share(count, figures.surveyed))
        for index, (_metric, label, count) in enumerate(steps)
    )
    columns = (
        Column(_("Step"), is_figure=False),
        Column(_("Units")),
        Column(_("Of the step before")),
        Column(_("Of the surveyed")),
    )
    return Table("funnel", _("From survey to payment"), columns, rows)


def funnel(figures: Figures, filters: Filters, may_export: bool) -> list[Component]:
    head = ui.panel_head(_("From survey to payment"), _("Units, and what is lost at each step"))
    steps = funnel_steps(figures)
    top = max(count for _metric, _label, count in steps)
    if not top and not figures.pending:
        hint = _("Import the survey list of this area, or choose a wider one.")
        return [*head, ui.empty(_("No units in this area yet."), hint)]
    rows = []
    for index, (metric, label, count) in enumerate(steps):
        lost = steps[index - 1][2] - count if index else 0
        rows.append(
            html.Li(
                [
                    html.Span(label, className="funnel-name"),
                    ui.bar(count / top if top else 0.0, f"is-step-{index + 1}"),
                    html.Span(
                        fmt.number(count),
                        className="num",
                        title=_("%(count)s fewer than the step before", count=fmt.number(lost)) if index else None,
                    ),
                ],
                **attrs({"data-metric": metric, "data-value": str(count)}),
            )
        )
    waiting = ngettext(
        "%(count)s account waits for its survey", "%(count)s accounts wait for their survey", figures.pending,
        count=fmt.number(figures.pending),
    )  # fmt: skip
    pending = html.A(
        waiting,
        href="/dash/reports/pending-sync" + filters.query(),
        className="text-link",
        **attrs({"data-metric": "pending", "data-value": str(figures.pending)}),
    )
    path = download_path("funnel", filters) if may_export else None
    return [
        *head,
        html.Ol(rows, className="funnel"),
        html.P(
            ngettext(
                "%(count)s unit has an approved delivery",
                "%(count)s units have an approved delivery",
                figures.delivered_units,
                count=fmt.number(figures.delivered_units),
            ),
            className="panel-sub",
            **attrs({"data-metric": "delivered_units", "data-value": str(figures.delivered_units)}),
        ),
        html.P(pending, className="panel-sub"),
        ui.panel_foot(as_of(figures), funnel_table(figures), path),
    ]


def tables(figures: Figures) -> dict[str, Table]:
    """Every panel's table by name, for the downloads."""
    all_tables = [
        tiles_table(figures),
        recovery_table(figures),
        league_table(figures),
        daily_table(figures),
        movers_table(figures),
        funnel_table(figures),
    ]
    return {one.name: one for one in all_tables}
