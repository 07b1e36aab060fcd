"""The tiles: five figures, each with its change, its parts and the way to the rows behind it."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashapps.overview.figures import curves
from dashapps.overview.head import compared_days, compared_name
from dashapps.overview.queries import SPARK_MONTHS, Figures
from dashapps.shared import components as ui
from dashapps.shared.components import Change, Tile
from dashapps.shared.filters import Filters
from dashapps.shared.i18n import gettext as _
from dashapps.shared.i18n import ngettext
from portal.billing.cycles import cycle_bounds
from portal.reports.links import report_url
from portal.web import format as fmt


def _report(metric: str, filters: Filters, figures: Figures) -> str:
    """The report whose total is the figure, with the filters in force spelled out."""
    period = figures.period
    asked = {
        "area": filters.area,
        "use": filters.use,
        "cycle": f"{period.cycle:%Y-%m}",
        "from": period.now.first,
        "to": period.now.last,
    }
    return report_url(metric, asked)


def _on(figures: Figures) -> str:
    return _("on %(month)s", month=compared_name(figures))


def billed(figures: Figures, filters: Filters) -> Tile:
    """Live bills of the month. Against all of the other month: bills carry no day within the cycle."""
    month, then = figures.month, figures.month_then
    text = ui.percent_change(month.monthly_fee, then.monthly_fee if then else None)
    history = sorted(m for m in figures.months if m <= figures.period.cycle)[-SPARK_MONTHS:]
    values = [figures.months[m].monthly_fee for m in history]
    return Tile(
        metric="billed",
        label=_("Billed"),
        value=month.monthly_fee,
        shown=fmt.rupees_short(month.monthly_fee),
        exact=fmt.rupees(month.monthly_fee),
        sub=ui.figure_part(
            "bills",
            month.bills,
            ngettext("%(bills)s bill", "%(bills)s bills", month.bills, bills=fmt.number(month.bills)),
        ),
        change=Change(
            text, _("on all of %(month)s", month=compared_name(figures)), _is_up(month.monthly_fee, then.monthly_fee)
        )
        if text and then
        else None,
        spark=ui.sparkline(values, _("Billed in the last %(count)s months", count=len(values))),
        href=_report("billed", filters, figures),
        link_label=_("The bills behind this figure"),
    )


def _is_up(now: float, then: float) -> bool | None:
    return None if now == then else now > then


def _parts(figures: Figures) -> list[Component | str]:
    """Posted and unmatched money apart; the short form of both fits one line."""
    short = fmt.short(figures.posted)
    if not figures.unmatched:
        return [ui.figure_part("posted", figures.posted, _("%(amount)s posted", amount=short))]
    return [
        ui.figure_part("posted", figures.posted, short),
        " + ",
        ui.figure_part("unmatched", figures.unmatched, _("%(amount)s unmatched", amount=fmt.short(figures.unmatched))),
    ]


def collected(figures: Figures, filters: Filters) -> Tile:
    """Everything paid in the days shown, whatever its month; posted and unmatched apart below."""
    text = ui.percent_change(figures.collected, figures.collected_then)
    by_day: dict[int, int] = {}
    span = figures.period.now
    for day, _channel, amount in figures.by_day:
        by_day[(day - span.first).days] = by_day.get((day - span.first).days, 0) + amount
    values = [by_day.get(offset, 0) for offset in range(min((span.last - span.first).days + 1, 120))]
    return Tile(
        metric="collected",
        label=_("Collected"),
        value=figures.collected,
        shown=fmt.rupees_short(figures.collected),
        exact=fmt.rupees(figures.collected),
        sub=_parts(figures),
        change=Change(
            text, _("on %(days)s", days=compared_days(figures)), _is_up(figures.collected, figures.collected_then)
        )
        if text
        else None,
        spark=ui.sparkline(values, _("Collected by day")) if figures.collected else None,
        href=_report("collected", filters, figures),
        link_label=_("The payments behind this figure"),
    )


def recovery(figures: Figures, filters: Filters) -> Tile:
    """Received over demand, up to the last day shown."""
    period = figures.period
    ratio = figures.recovery(period.cycle, period.now.last)
    then = figures.recovery(period.compared, period.then.last)
    received = figures.received_until(period.cycle, period.now.last)
    difference = None if ratio is None or then is None else ratio - then
    same_day = []
    for month, points in reversed(curves(figures)):
        first, last = cycle_bounds(month, figures.period.clock.start_day)
        day = min(period.day, (last - first).days + 1, len(points))
        same_day.append(points[day - 1][2])
    return Tile(
        metric="recovery",
        label=_("Recovery"),
        value=ratio,
        shown=fmt.percent(ratio),
        exact=fmt.percent(ratio, 3),
        sub=[
            ui.figure_part("received", received, fmt.short(received)),
            " ",
            ui.figure_part(
                "demand", figures.month.demand, _("of %(amount)s asked for", amount=fmt.short(figures.month.demand))
            ),
        ],
        change=Change(fmt.points(difference), _on(figures), _is_up(ratio, then))
        if difference is not None and ratio is not None and then is not None
        else None,
        spark=ui.sparkline(same_day, _("Recovery on this day of the last cycles")),
        href=_report("recovery", filters, figures),
        link_label=_("The areas behind this figure"),
    )


def outstanding(figures: Figures, filters: Filters) -> Tile:
    """What is owed now. No change is shown: what was owed on an earlier day is not recorded."""
    fee = figures.month.monthly_fee
    credit = ui.figure_part("credit", figures.credit, _("credit %(amount)s", amount=fmt.short(figures.credit)))
    sub: list[Component | str] = [html.Div(credit)]
    if fee:
        sub.insert(0, html.Div(_("%(number)s months of fees", number=f"{figures.outstanding / fee:.1f}")))
    return Tile(
        metric="outstanding",
        label=_("Outstanding now"),
        value=figures.outstanding,
        shown=fmt.rupees_short(figures.outstanding),
        exact=fmt.rupees(figures.outstanding),
        sub=sub,
        href=_report("outstanding", filters, figures),
        link_label=_("The accounts behind this figure"),
    )


def paying_units(figures: Figures, filters: Filters) -> Tile:
    """Units with a paid bill this month, and the share of bills that are paid."""
    month = figures.month
    share = month.paid_bills / month.bills if month.bills else None
    text = _("%(share)s of the bills paid", share=fmt.percent(share))
    return Tile(
        metric="paying_units",
        label=_("Paying units"),
        value=figures.paid_units,
        shown=fmt.number(figures.paid_units),
        exact=_(
            "%(paid)s of %(billed)s billed units",
            paid=fmt.number(figures.paid_units),
            billed=fmt.number(figures.billed_units),
        ),
        sub=ui.figure_part("paying_share", share, text) if share is not None else _("no bills this month"),
        spark=ui.bar(figures.paid_units / figures.billed_units) if figures.billed_units else None,
        href=_report("paying_units", filters, figures),
        link_label=_("The paying units behind this figure"),
    )


def tiles(figures: Figures, filters: Filters) -> list[Component]:
    """All tiles, in order."""
    shown = [
        billed(figures, filters),
        collected(figures, filters),
        recovery(figures, filters),
        outstanding(figures, filters),
        paying_units(figures, filters),
    ]
    return [ui.tile(one) for one in shown]
