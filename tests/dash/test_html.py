"""Components as HTML: the same page as Dash renders, with every text escaped."""

from __future__ import annotations

import json
from typing import Any

import dash_bootstrap_components as dbc
import pytest
from dash import dcc, html
from hypothesis import given
from hypothesis import strategies as st

from dashapps.shared.components import attrs
from dashapps.shared.html import plain, to_html


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (None, ""),
        ("a < b", "a &lt; b"),
        (3, "3"),
        ([html.B("x"), " & ", None, "y"], "<b>x</b> &amp; y"),
        (html.Div("x", id="one", className="a b"), '<div class="a b">x</div>'),
        (html.Td("1", colSpan=2, **attrs({"data-value": "7"})), '<td colspan="2" data-value="7">1</td>'),
        (html.Br(), "<br>"),
        (html.Details("x", open=True), "<details open>x</details>"),
        (html.Div(hidden=False, title=None), "<div></div>"),
        (html.Div(style={"inlineSize": "7%", "--x": "1"}), '<div style="inline-size:7%;--x:1"></div>'),
        (html.A('"q"', href='/?a=1&b="2"'), '<a href="/?a=1&amp;b=&#34;2&#34;">&#34;q&#34;</a>'),
        (dcc.Store(id="s", data={"secret": 1}), ""),
        (dcc.Location(id="u"), ""),
        (dcc.Link("x", href="/y", title="Y"), '<a href="/y" title="Y">x</a>'),
        (
            dcc.Graph(id="g", className="c", style={"height": "9px"}, figure={"data": []}),
            '<div class="dash-graph c" style="height:9px"></div>',
        ),
        (
            dbc.Row(dbc.Col("x", xs=12, xl=7), class_name="r"),
            '<div class="row r"><div class="col-12 col-xl-7">x</div></div>',
        ),
    ],
)
def test_components_become_html(component: Any, expected: str) -> None:
    assert str(to_html(component)) == expected
    assert str(to_html(plain(component))) == expected


def test_a_component_it_does_not_know_is_an_error_and_not_a_hole() -> None:
    with pytest.raises(TypeError):
        to_html(dbc.Accordion([]))


@given(st.text(), st.text())
def test_no_text_gets_out_of_its_place(text: str, value: str) -> None:
    made = str(to_html(html.Span(text, title=value)))
    assert made.count("<") == 2
    assert made.count(">") == 2
    assert made.count('"') == 2


def test_plain_is_what_dash_itself_would_send() -> None:
    tree = html.Div(
        [html.B("x", id="b", **attrs({"aria-label": "y"})), dcc.Link("z", href="/"), 1, None],
        className="c",
        hidden=True,
    )
    assert json.loads(json.dumps(plain(tree))) == json.loads(json.dumps(tree, default=lambda c: c.to_plotly_json()))
