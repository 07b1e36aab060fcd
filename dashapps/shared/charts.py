"""The look of charts, as plain figure dictionaries (building plotly's own objects takes 14 to 50 ms).

Colours are written as `var(--name)`; the browser puts the theme's values in their place (portal/static/dash.js), so
one cached figure serves light and dark.
"""

from __future__ import annotations

import math
from typing import Any

INK, MUTED, GRID, PAPER = "var(--text)", "var(--muted)", "var(--line)", "var(--surface)"
NOW, BEFORE = "var(--primary)", "var(--chart-grey)"
# In this order for the same things everywhere: distinct for colour-blind readers, in light and dark.
SERIES = tuple(f"var(--chart-{number})" for number in range(1, 7))
FONT = "inherit"

GRAPH_CONFIG: Any = {
    "displayModeBar": False,
    "responsive": True,
    "scrollZoom": False,
    "doubleClick": False,
    "showTips": False,
}


def base_layout(right: int = 12, left: int = 44) -> dict[str, Any]:
    """Axes without ornament, exact figures on hover, no zooming by accident."""
    axis = {"fixedrange": True, "zeroline": False, "tickfont": {"size": 11, "color": MUTED}, "title": {"text": ""}}
    return {
        "autosize": True,
        "margin": {"l": left, "r": right, "t": 8, "b": 28, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "var(--font)", "size": 12, "color": INK},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": PAPER,
            "bordercolor": GRID,
            "font": {"size": 12, "color": INK, "family": "var(--font)"},
        },
        "xaxis": axis | {"showgrid": False, "showline": False},
        "yaxis": axis | {"showgrid": True, "gridcolor": GRID, "gridwidth": 1, "rangemode": "tozero"},
        "separators": ".,",
    }


def ticks(highest: float, count: int = 4) -> list[float]:
    """Round tick values from 0 to just beyond `highest`, about `count` steps."""
    if highest < 1e-9:
        return [0.0, 1.0]
    rough = highest / count
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    steps = math.ceil(highest / step - 1e-9)
    return [round(step * index, 10) for index in range(steps + 1)]


def spread(positions: list[float], gap: float, low: float, high: float) -> list[float]:
    """Positions moved apart so that neighbours keep `gap`, each as near to its own as can be, within low and high."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    placed = [0.0] * len(positions)
    previous = low - gap
    for index in order:
        placed[index] = previous = max(positions[index], previous + gap)
    ceiling = high + gap
    for index in reversed(order):
        placed[index] = ceiling = min(placed[index], ceiling - gap)
    return placed
