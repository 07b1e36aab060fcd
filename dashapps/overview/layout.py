"""The page as slots: empty for Dash's layout, filled for the first paint. One tree for both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from dashapps.overview import ids
from dashapps.overview.figures import DAILY_HEIGHT, RECOVERY_HEIGHT
from dashapps.shared.charts import GRAPH_CONFIG
from dashapps.shared.components import attrs


def layout() -> Component:
    """The empty page, before its callback has run. Reads nothing."""
    return page({})


def page(slots: Mapping[str, Any]) -> Component:
    """The page with its slots filled."""

    def slot(name: str, **props: Any) -> Component:
        return html.Div(slots.get(name), id=name, **props)

    def graph(name: str, height: int) -> Component:
        blank = {"visible": False}
        clear = "rgba(0,0,0,0)"
        return dcc.Graph(
            id=name,
            figure={
                "data": [],
                "layout": {
                    "paper_bgcolor": clear,
                    "plot_bgcolor": clear,
                    "xaxis": blank,
                    "yaxis": blank,
                },
            },
            config=GRAPH_CONFIG,
            className="panel-graph",
            style={"minBlockSize": f"{height}px"},
            responsive=True,
        )

    def panel(*children: Component, name: str) -> Component:
        return html.Section(list(children), className="panel dash-panel", **attrs({"data-panel": name}))

    recovery = panel(
        slot(ids.RECOVERY_HEAD), graph(ids.RECOVERY_GRAPH, RECOVERY_HEIGHT), slot(ids.RECOVERY_FOOT), name="recovery"
    )
    daily = panel(slot(ids.DAILY_HEAD), graph(ids.DAILY_GRAPH, DAILY_HEIGHT), slot(ids.DAILY_FOOT), name="daily")
    return html.Div(
        [
            dcc.Location(id=ids.URL, refresh=False),
            dcc.Store(id=ids.FIGURES),
            dcc.Store(id=ids.THEME),
            dcc.Store(id=ids.TITLE),
            slot(ids.HEAD, className="page-top"),
            slot(ids.TILES, className="tiles dash-tiles"),
            dbc.Row(
                [
                    dbc.Col(recovery, xs=12, xl=7),
                    dbc.Col(panel(slot(ids.LEAGUE), name="league"), xs=12, xl=5),
                ],
                class_name="dash-row",
            ),
            dbc.Row(
                [
                    dbc.Col(daily, xs=12, md=6, xl=4),
                    dbc.Col(panel(slot(ids.MOVERS), name="movers"), xs=12, md=6, xl=4),
                    dbc.Col(panel(slot(ids.FUNNEL), name="funnel"), xs=12, md=12, xl=4),
                ],
                class_name="dash-row",
            ),
        ],
        className="dash-page",
    )
