"""The tiles: eight figures, each with its change against the same day of the other cycle, and the way to its rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapps.overview.head import compared_days, compared_name
from dashapps.overview.queries import CURVES, SPARK_MONTHS, Figures
from dashapps.shared import components as ui
from dashapps.shared.components import Change, Column, Table, Tile
from dashapps.shared.filters import Filters
from dashapps.shared.i18n import gettext as _
from dashapps.shared.i18n import ngettext
from portal.billing.cycles import add_months
from portal.reports.links import report_url, tickets_url, visits_url
from portal.web import format as fmt

SPARK_POINTS = 60


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


@dataclass(frozen=True)
class Compared:
    """A figure on the last day shown and on the same day of the other cycle; None where there is none.

    Whole numbers, or shares as floats. `more_is_good`: whether a rise is good news.
    """

    now: int | float | None
    then: int | float | None
    more_is_good: bool = True

    @property
    def difference(self) -> int | float | None:
        return None if self.now is None or self.then is None else self.now - self.then

    @property
    def is_good(self) -> bool | None:
        if self.now is None or self.then is None or self.now == self.then:
            return None
        return (self.now > self.then) == self.more_is_good

    @property
    def change(self) -> str:
        """`+3.1 %`; of shares in points; empty where there is nothing to compare with."""
        if isinstance(self.now, float) or isinstance(self.then, float):
            return "" if self.difference is None else fmt.points(self.difference)
        return (ui.percent_change(self.now, self.then) or "") if self.now is not None else ""


def compared(figures: Figures) -> dict[str, Compared]:
    """What the tiles compare, by metric: both figures are read in the same way, up to their own last day."""
    period = figures.period
    cycle, other, day, then = period.cycle, period.compared, period.now.last, period.then.last
    is_known = figures.month_then is not None
    owed = figures.outstanding_on(then) if figures.reaches_back else None
    work = figures.work
    return {
        "billed": Compared(figures.billed_until(cycle, day), figures.billed_until(other, then) if is_known else None),
        "collected": Compared(figures.collected, figures.collected_then or None),
        "recovery": Compared(figures.recovery(cycle, day), figures.recovery(other, then)),
        "outstanding": Compared(figures.outstanding_on(day), owed, more_is_good=False),
        "paying_units": Compared(
            figures.paying_until(cycle, day), figures.paying_until(other, then) if is_known else None
        ),
        "delivered": Compared(
            figures.delivered_share(cycle, day), figures.delivered_share(other, then) if is_known else None
        ),
        "visits": Compared(work.visits, work.visits_then or None),
    }


def _shown(value: int | float | None) -> str:
    return fmt.percent(value, 3) if isinstance(value, float) else fmt.number(value)


def _spoken_days(figures: Figures, metric: str) -> tuple[str, str]:
    """The days a tile's figure stands for, and those of the other cycle: all of them, up to one, or one."""
    now, then = figures.period.now, figures.period.then
    if metric in {"collected", "visits"}:
        return ui.days(now.first, now.last), ui.days(then.first, then.last)
    has_years = then.last.year != now.last.year
    day, other = ui.short_day(now.last, has_years), ui.short_day(then.last, has_years)
    return (day, other) if metric == "outstanding" else (_("to %(day)s", day=day), _("to %(day)s", day=other))


def _detail(figures: Figures, metric: str, pair: Compared) -> str:
    """Both figures with their days: what the change compares."""
    days, others = _spoken_days(figures, metric)
    if not pair.change:
        return _("No figure to compare with (%(days)s).", days=others)
    said = {"now": _shown(pair.now), "days": days, "then": _shown(pair.then), "others": others}
    if not figures.period.is_within_cycle:
        return _("%(now)s (%(days)s) against %(then)s (%(others)s)", **said)
    month = compared_name(figures)
    return _(
        "%(now)s (%(days)s) against %(then)s (%(others)s: the same day of the %(month)s cycle)", **said, month=month
    )


def _change(figures: Figures, metric: str, against: str) -> Change:
    """The change of a tile; without one, that there is no figure to compare with."""
    pair = compared(figures)[metric]
    if not pair.change:
        against = _("no figure for %(day)s", day=ui.short_day(figures.period.then.last))
    return Change(pair.change, against, pair.is_good, _detail(figures, metric, pair))


def _on(figures: Figures) -> str:
    return _("on %(month)s", month=compared_name(figures))


def billed(figures: Figures, filters: Filters) -> Tile:
    """Live bills of the month; compared are those issued up to the last day shown."""
    month = figures.month
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
        change=_change(figures, "billed", _on(figures)),
        spark=ui.sparkline(values, _("Billed in the last %(count)s months", count=len(values))),
        href=_report("billed", filters, figures),
        link_label=_("The bills behind this figure"),
    )


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
        change=_change(figures, "collected", _("on %(days)s", days=compared_days(figures))),
        spark=ui.sparkline(values, _("Collected by day")) if figures.collected else None,
        href=_report("collected", filters, figures),
        link_label=_("The payments behind this figure"),
    )


def same_day_recovery(figures: Figures) -> list[float]:
    """Recovery of the last cycles with a demand, oldest first, each read as the tile's own: up to the same day."""
    months = [add_months(figures.period.cycle, -back) for back in reversed(range(CURVES))]
    found = [figures.recovery(month, figures.period.last_day_in(month)) for month in months]
    return [ratio for ratio in found if ratio is not None]


def recovery(figures: Figures, filters: Filters) -> Tile:
    """Received over demand, up to the last day shown."""
    period = figures.period
    ratio = figures.recovery(period.cycle, period.now.last)
    received = figures.received_until(period.cycle, period.now.last)
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
            *_target(figures.target, ratio),
        ],
        change=_change(figures, "recovery", _on(figures)),
        spark=ui.sparkline(same_day_recovery(figures), _("Recovery on this day of the last cycles")),
        href=_report("recovery", filters, figures),
        link_label=_("The areas behind this figure"),
    )


def _target(target: float | None, ratio: float | None) -> list[Component]:
    """A line with the target, if there is one, and how far it is."""
    if target is None:
        return []
    shown = fmt.percent(target, 0)
    if ratio is None:
        text = _("target %(share)s", share=shown)
    elif ratio >= target:
        text = _("target %(share)s reached", share=shown)
    else:
        text = _("%(points)s to the target of %(share)s", points=fmt.points(target - ratio).lstrip("+"), share=shown)
    return [html.Div(ui.figure_part("target", target, text))]


def outstanding(figures: Figures, filters: Filters) -> Tile:
    """What is owed now. In a view of the past the change is that of its own two days, and says so."""
    period = figures.period
    fee = figures.month.monthly_fee
    is_now = figures.outstanding_on(period.now.last) == figures.outstanding
    against = _on(figures) if is_now else ui.days(period.then.last, period.now.last)
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
        change=_change(figures, "outstanding", against),
        spark=_outstanding_line(figures),
        href=_report("outstanding", filters, figures),
        link_label=_("The accounts behind this figure"),
    )


def _outstanding_line(figures: Figures) -> Component | None:
    """What was owed, day by day, from the compared day to the last one shown."""
    period = figures.period
    first, last = period.then.last, period.now.last
    if not figures.reaches_back or first >= last:
        return None
    step = max(1, (last - first).days // SPARK_POINTS)
    days = [last - dt.timedelta(days=back) for back in range(0, (last - first).days + 1, step)]
    values = [figures.outstanding_on(day) for day in reversed(days)]
    return ui.sparkline(values, _("Outstanding by day, %(days)s", days=ui.days(days[-1], last)))


def _paying_line(figures: Figures) -> Component | None:
    """Paying units by day of the cycle so far."""
    period = figures.period
    last = min(period.last, period.now.last)
    days = [period.first + dt.timedelta(days=offset) for offset in range((last - period.first).days + 1)]
    values = [figures.paying_until(period.cycle, day) for day in days]
    return ui.sparkline(values, _("Paying units by day of the cycle")) if any(values) else None


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
        change=_change(figures, "paying_units", _on(figures)),
        spark=_paying_line(figures),
        href=_report("paying_units", filters, figures),
        link_label=_("The paying units behind this figure"),
    )


def _delivered_line(figures: Figures) -> Component | None:
    """Bills handed over by day of the cycle so far."""
    period = figures.period
    last = min(period.last, period.now.last)
    days = [period.first + dt.timedelta(days=offset) for offset in range((last - period.first).days + 1)]
    values = [figures.delivered_until(period.cycle, day) for day in days]
    return ui.sparkline(values, _("Bills handed over by day of the cycle")) if any(values) else None


def delivered(figures: Figures, filters: Filters) -> Tile:
    """The share of the month's live bills that were handed over, by approved deliveries."""
    bills, count = figures.month.bills, figures.delivered
    share = count / bills if bills else None
    text = _("%(delivered)s of %(bills)s bills", delivered=fmt.number(count), bills=fmt.number(bills))
    return Tile(
        metric="delivered",
        label=_("Delivered"),
        value=share,
        shown=fmt.percent(share, 0 if not count or count == bills else 1),
        exact=text,
        sub=ui.figure_part("delivered_bills", count, text) if bills else _("no bills this month"),
        change=_change(figures, "delivered", _on(figures)),
        spark=_delivered_line(figures),
        href=_report("delivered", filters, figures),
        link_label=_("The bills that were handed over"),
    )


def visits(figures: Figures, filters: Filters) -> Tile:
    """Visits of the days shown, whatever came of them. They are not told apart by use."""
    work, span = figures.work, figures.period.now
    by_day = dict(work.by_day)
    days = [span.first + dt.timedelta(days=offset) for offset in range(min((span.last - span.first).days + 1, 120))]
    sub: list[Component | str] = [
        ui.figure_part(
            "visits_waiting",
            work.waiting,
            ngettext("%(count)s waits for review", "%(count)s wait for review", work.waiting,
                     count=fmt.number(work.waiting)),
        )
    ]  # fmt: skip
    if filters.use:
        sub.append(html.Div(_("of all uses")))
    return Tile(
        metric="visits",
        label=_("Visits"),
        value=work.visits,
        shown=fmt.number(work.visits),
        exact=fmt.number(work.visits),
        sub=sub,
        change=_change(figures, "visits", _("on %(days)s", days=compared_days(figures))),
        spark=ui.sparkline([by_day.get(day, 0) for day in days], _("Visits by day")) if work.visits else None,
        href=visits_url({"area": filters.area, "from": span.first, "to": span.last}),
        link_label=_("The visits behind this figure"),
    )


def tickets(figures: Figures, filters: Filters, has_tickets: bool) -> Tile:
    """Tickets that are open now, and how many of them are past their time."""
    work = figures.work
    overdue = ngettext("%(count)s past its time", "%(count)s past their time", work.tickets_overdue,
                       count=fmt.number(work.tickets_overdue))  # fmt: skip
    sub: list[Component | str] = [ui.figure_part("tickets_overdue", work.tickets_overdue, overdue)]
    if filters.use:
        sub.append(html.Div(_("of all uses")))
    return Tile(
        metric="tickets",
        label=_("Open tickets now"),
        value=work.tickets,
        shown=fmt.number(work.tickets),
        exact=fmt.number(work.tickets),
        sub=sub,
        href=tickets_url({"area": filters.area}) if has_tickets else None,
        link_label=_("The tickets behind this figure"),
    )


def tiles_table(figures: Figures) -> Table:
    """What the tiles compare, exactly."""
    period, pairs = figures.period, compared(figures)
    names = {
        "billed": _("Billed"),
        "collected": _("Collected"),
        "recovery": _("Recovery"),
        "outstanding": _("Outstanding"),
        "paying_units": _("Paying units"),
        "delivered": _("Delivered"),
        "visits": _("Visits"),
    }
    rows: list[tuple[Any, ...]] = [
        (name, pairs[metric].now, pairs[metric].then, pairs[metric].difference) for metric, name in names.items()
    ]
    columns = (
        Column(_("Figure"), is_figure=False),
        Column(ui.short_day(period.now.last, year=True)),
        Column(ui.short_day(period.then.last, year=True)),
        Column(_("Difference")),
    )
    return Table("tiles", _("The figures on the same day of both cycles"), columns, tuple(rows))


def tiles(figures: Figures, filters: Filters, foot: Component, has_tickets: bool = False) -> list[Component]:
    """All tiles, in order, and what stands below them (as-of time, table). `has_tickets`: they have a list."""
    shown = [
        billed(figures, filters),
        collected(figures, filters),
        recovery(figures, filters),
        outstanding(figures, filters),
        paying_units(figures, filters),
        delivered(figures, filters),
        visits(figures, filters),
        tickets(figures, filters, has_tickets),
    ]
    below = html.Div(foot, className="panel tiles-foot", **ui.attrs({"data-panel": "tiles"}))
    return [*(ui.tile(one) for one in shown), below]
