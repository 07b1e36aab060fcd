"""The pieces dashboards are made of. Plain components with the portal's own classes (see portal/static/portal.css)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from babel.dates import format_date
from dash import html
from dash.development.base_component import Component

from dashapps.shared.i18n import gettext as _
from portal.web import format as fmt
from portal.web.filters import language


def attrs(given: dict[str, Any]) -> dict[str, Any]:
    """`data-*` and `aria-*` attributes, which cannot be written as keywords."""
    return given


def short_day(day: dt.date, year: bool = False) -> str:
    """`16 Nov`, or `16 Nov 2025`."""
    return str(format_date(day, "d MMM y" if year else "d MMM", locale=language()))


def short_month(month: dt.date, year: bool = False) -> str:
    """`Nov`, or `Nov 2025`."""
    return str(format_date(month, "LLL y" if year else "LLL", locale=language()))


def long_month(month: dt.date, year: bool = False) -> str:
    """`November`, or `November 2025`."""
    return str(format_date(month, "LLLL y" if year else "LLLL", locale=language()))


def days(first: dt.date, last: dt.date) -> str:
    """`16 Nov – 5 Dec`, with years where they differ from each other."""
    if first == last:
        return short_day(first)
    both = first.year != last.year
    return f"{short_day(first, both)} – {short_day(last, both)}"


@dataclass(frozen=True)
class Change:
    """A change as the reader sees it: its text, and whether it is good (None: neither).

    Without a text only `against` is shown: it says why there is none. `detail` names both figures and their days.
    """

    text: str
    against: str
    is_good: bool | None = None
    detail: str = ""

    def component(self) -> Component:
        tone = "" if self.is_good is None else " up" if self.is_good else " down"
        words: list[Any] = [html.Small(self.against)]
        if self.text:
            words = [html.Strong(self.text, className="num"), " ", *words]
        return html.Span(words, className=f"tile-change{tone}")


def percent_change(now: int, then: int | None) -> str | None:
    """`+3.1 %`; None where there is nothing to compare with."""
    return fmt.signed_percent(now / then - 1) if then else None


@dataclass(frozen=True)
class Tile:
    """One figure. `value` is the exact integer or ratio (None: there is none); `shown` its short form."""

    metric: str
    label: str
    value: int | float | None
    shown: str
    exact: str
    sub: Any
    change: Change | None = None
    spark: Component | None = None
    href: str | None = None
    link_label: str = ""


def data_value(value: float | None) -> str:
    """The exact figure for `data-value`: integers as they are, ratios in full."""
    return "" if value is None else str(value)


def tile(one: Tile) -> Component:
    """A tile. The whole of it is the link to the rows behind its figure; its tooltip, the exact figures."""
    label: Any = one.label
    if one.href:
        said = [one.exact, one.change.detail if one.change else "", one.link_label]
        label = html.A(one.label, href=one.href, className="tile-link", title="\n".join(filter(None, said)))
    return html.Div(
        [
            html.Div(label, className="tile-label"),
            html.Div(one.shown, className="tile-value num", title=one.exact),
            one.change.component() if one.change else None,
            html.Div(one.sub, className="tile-sub"),
            one.spark,
        ],
        className="tile",
        **attrs({"data-metric": one.metric, "data-value": data_value(one.value)}),
    )


def figure_part(metric: str, value: float, text: str) -> Component:
    """A figure inside a line of text, exact for machines."""
    return html.Span(text, className="num", **attrs({"data-metric": metric, "data-value": data_value(value)}))


_SPARK = (112, 24)


def sparkline(values: Sequence[float], label: str) -> Component | None:
    """A small line without axes, as a shape cut out of a box: follows the theme, needs no script."""
    points = [float(value) for value in values]
    if len(points) < 2:
        return None
    width, height = _SPARK
    low, high = min(points), max(points)
    step = (width - 6) / (len(points) - 1)
    reach = (high - low) or 1.0
    line = [(2 + index * step, height - 4 - (value - low) / reach * (height - 8)) for index, value in enumerate(points)]
    outline = [*_beside(line, 0.8), *reversed(_beside(line, -0.8))]
    shape = ", ".join(f"{x:.1f}px {y:.1f}px" for x, y in outline)
    end_x, end_y = line[-1]
    return html.Div(
        [
            html.Div(className="spark-line", style={"clipPath": f"polygon({shape})"}),
            html.Div(className="spark-dot", style={"left": f"{end_x - 2.5:.1f}px", "top": f"{end_y - 2.5:.1f}px"}),
        ],
        className="spark",
        role="img",
        **attrs({"aria-label": label}),
    )


def _beside(line: Sequence[tuple[float, float]], distance: float) -> list[tuple[float, float]]:
    """The line moved sideways by a distance in pixels."""
    moved = []
    for index, (x, y) in enumerate(line):
        before, after = line[max(0, index - 1)], line[min(len(line) - 1, index + 1)]
        run, rise = after[0] - before[0], after[1] - before[1]
        length = (run * run + rise * rise) ** 0.5 or 1.0
        moved.append((x - rise / length * distance, y + run / length * distance))
    return moved


def bar(share: float, tone: str = "") -> Component:
    """A bar filled to a share from 0 to 1 (beyond is cut)."""
    width = f"{max(0.0, min(1.0, share)) * 100:.1f}%"
    return html.Div(html.Div(className=f"bar-fill {tone}".strip(), style={"inlineSize": width}), className="bar-track")


@dataclass(frozen=True)
class Column:
    """A column of a panel's table; figures are aligned to the end."""

    label: str
    is_figure: bool = True


@dataclass(frozen=True)
class Table:
    """The exact figures of a panel: for "View as table" and for its download.

    A cell is a text or a number; ratios are floats and shown as percentages.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


def cell_text(value: Any) -> str:
    """A cell as shown."""
    if isinstance(value, float):
        return fmt.percent(value, 2)
    if isinstance(value, int):
        return fmt.number(value)
    if isinstance(value, dt.date):
        return short_day(value, year=True)
    return "–" if value is None else str(value)


def table(one: Table) -> Component:
    """The table as it unfolds under its panel."""
    heads = [
        html.Th(column.label, scope="col", className="num" if column.is_figure else None) for column in one.columns
    ]
    body = [
        html.Tr(
            [
                html.Td(html.Bdi(cell_text(value)) if not column.is_figure else cell_text(value),
                        className="num" if column.is_figure else None)
                for column, value in zip(one.columns, row, strict=True)
            ]
        )
        for row in one.rows
    ]  # fmt: skip
    return html.Div(
        html.Table(
            [html.Caption(one.caption, className="visually-hidden"), html.Thead(html.Tr(heads)), html.Tbody(body)],
            className="data-table",
        ),
        className="panel-table",
        tabIndex="0",
        role="region",
        hidden=True,
        **attrs({"aria-label": one.caption, "data-table": one.name}),
    )


def panel_head(title: str, sub: Any = None) -> list[Component]:
    """Title and the line under it."""
    parts: list[Component] = [html.H2(title, className="panel-title")]
    if sub is not None:
        parts.append(html.P(sub, className="panel-sub"))
    return parts


def panel_foot(
    as_of: str, one: Table | None, download: str | None, image: bool = False, extra: Any = None
) -> Component:
    """As-of time, "View as table" (which unfolds the table), and the downloads."""
    parts: list[Any] = [html.Span(as_of, className="panel-asof")]
    if extra is not None:
        parts.insert(0, extra)
    if one is not None and one.rows:
        parts.append(
            html.Button(
                _("View as table"),
                type="button",
                className="text-button",
                **attrs({"data-view-table": one.name, "aria-expanded": "false"}),
            )
        )
        if download:
            parts.append(html.A(_("Download"), href=download, className="text-link", download=""))
        if image:
            parts.append(
                html.Button(_("Image"), type="button", className="text-button", **attrs({"data-save-image": one.name}))
            )
    foot = html.Div(parts, className="panel-foot")
    return html.Div([foot, table(one)] if one is not None and one.rows else foot)


def empty(title: str, hint: Any = None) -> Component:
    """Why there is nothing, and what to do next."""
    parts: list[Any] = [html.P(title, className="empty-title")]
    if hint is not None:
        parts.append(html.P(hint, className="empty-hint"))
    return html.Div(parts, className="empty")


def menu(summary: Any, items: Iterable[Any], label: str, **extra: Any) -> Component:
    """A chip that opens a list. Works without a script: its entries are links."""
    return html.Details(
        [
            html.Summary(summary, className="chip", **attrs({"aria-label": label}) if label else {}),
            html.Div(list(items), className="menu-panel"),
        ],
        className="menu filter-menu",
        **attrs({"data-menu": ""}),
        **extra,
    )


def menu_link(text: Any, href: str, is_current: bool = False, hint: str | None = None) -> Component:
    """An entry of a menu that changes one filter."""
    parts: list[Any] = [html.Span(text)]
    if hint:
        parts.append(html.Small(hint, className="muted num"))
    current = attrs({"aria-current": "true"} if is_current else {})
    return html.A(parts, href=href, className="menu-item", **attrs({"data-nav": ""}), **current)


def icon(name: str, label: str | None = None) -> Component:
    """An icon drawn by the stylesheet (Dash has no svg elements)."""
    given: dict[str, Any] = {"aria-label": label, "role": "img"} if label else {"aria-hidden": "true"}
    return html.Span(className=f"dash-icon is-{name}", **given)


def crumbs(items: Sequence[tuple[str, str | None]]) -> Component:
    """Where you are: (name, link or None); the last one is here."""
    entries = []
    for index, (name, href) in enumerate(items):
        is_last = index == len(items) - 1
        inner: Any = html.Bdi(name)
        if href and not is_last:
            inner = html.A(inner, href=href, **attrs({"data-nav": ""}))
        else:
            inner = html.Span(inner, **attrs({"aria-current": "page"} if is_last else {}))
        entries.append(html.Li(inner))
    return html.Nav(html.Ol(entries), className="crumbs", **attrs({"aria-label": _("Where you are")}))
