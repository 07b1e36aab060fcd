"""The Overview's charts. Pure: figures in, plain plotly dictionaries out."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from dashapps.overview.queries import CURVES, Figures
from dashapps.shared import charts
from dashapps.shared.components import short_day, short_month
from dashapps.shared.i18n import gettext as _
from portal.billing.cycles import add_months, cycle_bounds
from portal.web import format as fmt
from portal.web.filters import language

# At least; a chart grows with its panel.
RECOVERY_HEIGHT = 320
DAILY_HEIGHT = 200
WEEKLY_BEYOND = 92  # days; more bars than that cannot be read
KNOWN_CHANNELS = ("1Bill", "BOP OTC", "OTC/Cash", "JazzCash", "Easypaisa")
_AXIS_DAYS = 31


def curve(figures: Figures, month: dt.date) -> list[tuple[int, int, float]]:
    """(day of the cycle, received so far, share of the demand), from day 1 to the last known day; [] without a demand.

    What was paid before the cycle began counts on day 1.
    """
    demand = figures.months[month].demand if month in figures.months else 0
    if not demand:
        return []
    first, last = cycle_bounds(month, figures.period.clock.start_day)
    until = min(last, figures.period.now.last) if month == figures.period.cycle else last
    by_day: dict[int, int] = defaultdict(int)
    for paid_on, amount in figures.received.get(month, ()):
        by_day[max(1, (paid_on - first).days + 1)] += amount
    total, points = 0, []
    for day in range(1, (until - first).days + 2):
        total += by_day[day]
        points.append((day, total, total / demand))
    return points


def curves(figures: Figures) -> list[tuple[dt.date, list[tuple[int, int, float]]]]:
    """The cycle's curve and those of the cycles before it, newest first; cycles without bills are left out."""
    months = [add_months(figures.period.cycle, -back) for back in range(CURVES)]
    found = [(month, curve(figures, month)) for month in months]
    return [(month, points) for month, points in found if points]


def recovery_figure(figures: Figures) -> dict[str, Any]:
    """Recovery by day of the cycle, against the last three, each labelled at its end."""
    layout = charts.base_layout(right=84)
    lines = curves(figures)
    highest = max((share for _month, points in lines for _day, _sum, share in points), default=0.0)
    values = charts.ticks(max(highest, 0.01))
    top = values[-1]
    layout["yaxis"] |= {
        "range": [0, top * 1.03],
        "tickvals": values,
        "ticktext": [fmt.percent(value, 0 if top >= 0.04 else 1) for value in values],
    }
    layout["xaxis"] |= {"range": [0.4, _AXIS_DAYS + 0.3], "tickvals": [1, 5, 10, 15, 20, 25, 30]}
    layout["xaxis"]["unifiedhovertitle"] = {"text": _("Day %(day)s", day="%{x}")}
    data = [_line(month, points, month == figures.period.cycle) for month, points in reversed(lines)]
    layout["annotations"] = _end_labels(lines, figures.period.cycle, top)
    return {"data": data, "layout": layout}


def _line(month: dt.date, points: list[tuple[int, int, float]], is_now: bool) -> dict[str, Any]:
    last = len(points) - 1
    return {
        "type": "scatter",
        "mode": "lines+markers" if is_now else "lines",
        "name": short_month(month),
        "x": [day for day, _total, _share in points],
        "y": [share for _day, _total, share in points],
        "customdata": [
            [f"{short_month(month)} {isolated(fmt.percent(share, 2))}", fmt.rupees(total)]
            for _day, total, share in points
        ],
        "hovertemplate": "%{customdata[0]} (%{customdata[1]})<extra></extra>",
        "line": {"color": charts.NOW if is_now else charts.BEFORE, "width": 2.6 if is_now else 1.3},
        "marker": {
            "size": [9 if is_now and index == last else 0 for index in range(len(points))],
            "color": charts.NOW,
            "opacity": 1,
        },
        "cliponaxis": False,
    }


def isolated(figure: str) -> str:
    """A figure that keeps its order beside Urdu words (drawn text has no markup to say so)."""
    return f"\u2066{figure}\u2069" if language() == "ur" else figure


def _end_labels(
    lines: list[tuple[dt.date, list[tuple[int, int, float]]]], cycle: dt.date, top: float
) -> list[dict[str, Any]]:
    """`Oct 9.6 %` at the end of each line, moved apart where they would cover each other."""
    plot_height = RECOVERY_HEIGHT - 36
    at_edge = [(month, points[-1]) for month, points in lines if month != cycle or points[-1][0] >= _AXIS_DAYS - 5]
    wanted = [point[2] / top * plot_height for _month, point in at_edge]
    placed = charts.spread(wanted, 15, 4, plot_height - 6)
    labels = [
        _label(month, point, cycle, {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "yshift": place - want})
        for (month, point), want, place in zip(at_edge, wanted, placed, strict=True)
    ]
    for month, points in lines:
        if month == cycle and points[-1][0] < _AXIS_DAYS - 5:
            labels.append(
                _label(month, points[-1], cycle, {"x": points[-1][0], "xanchor": "left", "xshift": 8, "yshift": -14})
            )
    return labels


def _label(month: dt.date, point: tuple[int, int, float], cycle: dt.date, place: dict[str, Any]) -> dict[str, Any]:
    text = f"{short_month(month)} {isolated(fmt.percent(point[2]))}"
    is_now = month == cycle
    return {
        "text": f"<b>{text}</b>" if is_now else text,
        "y": point[2],
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 12 if is_now else 11, "color": charts.NOW if is_now else charts.MUTED},
    } | place


def by_bar(figures: Figures) -> tuple[list[dt.date], dict[str, dict[dt.date, int]]]:
    """Days (or, for long spans, Mondays of weeks) with something paid, and the amounts by channel.

    Channels come with the largest first; beyond the colours there are, they are summed as the last one, ''.
    """
    span = figures.period.now
    weekly = (span.last - span.first).days >= WEEKLY_BEYOND
    totals: dict[str, int] = defaultdict(int)
    for _day, channel, amount in figures.by_day:
        totals[channel] += amount
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    kept = set(ranked if len(ranked) <= len(charts.SERIES) else ranked[: len(charts.SERIES) - 1])
    amounts: dict[str, dict[dt.date, int]] = {name: defaultdict(int) for name in ranked if name in kept}
    if len(kept) < len(ranked):
        amounts[""] = defaultdict(int)
    for day, channel, amount in figures.by_day:
        bar_day = day - dt.timedelta(days=day.weekday()) if weekly else day
        amounts[channel if channel in kept else ""][bar_day] += amount
    step = 7 if weekly else 1
    start = span.first - dt.timedelta(days=span.first.weekday()) if weekly else span.first
    days = [start + dt.timedelta(days=offset) for offset in range(0, (span.last - start).days + 1, step)]
    return days, amounts


def channel_name(channel: str) -> str:
    return channel or _("Other channels")


def channel_colours(channels: list[str]) -> dict[str, str]:
    """A channel keeps its colour whatever else is shown; unknown ones take what is left."""
    chosen = {name: charts.SERIES[KNOWN_CHANNELS.index(name)] for name in channels if name in KNOWN_CHANNELS}
    left = [colour for colour in charts.SERIES if colour not in chosen.values()]
    for name in channels:
        if name not in chosen:
            chosen[name] = left.pop(0) if left else charts.MUTED
    return chosen


def money_unit(highest: float) -> tuple[int, str]:
    """Divisor and name of the unit of a money axis."""
    if highest >= 2_000_000:
        return 1_000_000, _("Rs million")
    return (1_000, _("Rs thousand")) if highest >= 2_000 else (1, _("Rs"))


def daily_figure(figures: Figures) -> dict[str, Any]:
    """Collected by paid date, stacked by channel."""
    layout = charts.base_layout(left=36)
    days, amounts = by_bar(figures)
    colours = channel_colours(list(amounts))
    sums = [sum(of_day.get(day, 0) for of_day in amounts.values()) for day in days]
    values = charts.ticks(max(sums, default=0), 3)
    unit, _name = money_unit(values[-1])
    layout |= {"barmode": "stack", "bargap": 0.22}
    layout["yaxis"] |= {
        "range": [0, values[-1] * 1.03],
        "tickvals": values,
        "ticktext": [f"{value / unit:,.10g}" for value in values],
    }
    has_years = days[0].year != days[-1].year
    names = [short_day(day, has_years) for day in days]
    is_short = (days[-1] - days[0]).days <= 31
    every = max(1, round(len(days) / 5))
    shown = list(range(0, len(days), every))
    layout["xaxis"] |= {
        "type": "category",
        "tickvals": [names[index] for index in shown],
        "ticktext": [str(days[index].day) if is_short else names[index] for index in shown],
        "range": [-0.6, len(days) - 0.4],
        "tickangle": 0,
    }
    data = [
        {
            "type": "bar",
            "name": channel_name(name),
            "x": names,
            "y": [of_day.get(day, 0) for day in days],
            "customdata": [fmt.rupees(of_day.get(day, 0)) for day in days],
            "hovertemplate": channel_name(name) + " %{customdata}<extra></extra>",
            "marker": {"color": colours[name], "line": {"width": 0.5, "color": charts.PAPER}},
        }
        for name, of_day in amounts.items()
    ]
    return {"data": data, "layout": layout}
