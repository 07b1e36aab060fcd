"""Dash components written as HTML, for the first paint.

A dashboard builds one component tree. Dash gets it as components, the first HTML as text: so both have the same
shape and nothing moves when Dash takes over. Ids are left out (Dash's own copy has them); a `dcc.Graph` becomes an
empty box with the graph's class and style, so that it has the same size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dash.development.base_component import Component
from markupsafe import Markup, escape

_VOID = frozenset({"br", "hr", "img", "input", "col", "wbr"})
_RENAMED = {
    "className": "class",
    "htmlFor": "for",
    "tabIndex": "tabindex",
    "colSpan": "colspan",
    "rowSpan": "rowspan",
    "dateTime": "datetime",
    "maxLength": "maxlength",
    "minLength": "minlength",
    "autoComplete": "autocomplete",
    "autoFocus": "autofocus",
    "accessKey": "accesskey",
    "spellCheck": "spellcheck",
    "contentEditable": "contenteditable",
}
_LEFT_OUT = frozenset({"id", "children", "key", "n_clicks", "n_clicks_timestamp", "disable_n_clicks", "refresh"})
_INVISIBLE = frozenset({"Store", "Location", "Interval", "Download"})
_UPPER = re.compile(r"[A-Z]")


def css_text(style: Mapping[str, Any]) -> str:
    """A style dictionary of React as the text of a style attribute."""
    return ";".join(
        f"{name if name.startswith('--') else _UPPER.sub(lambda m: '-' + m.group().lower(), name)}:{value}"
        for name, value in style.items()
    )


def _attributes(props: Mapping[str, Any]) -> str:
    out: list[str] = []
    for name, value in sorted(props.items()):  # Dash keeps them in no order
        if name in _LEFT_OUT or value is None or value is False:
            continue
        text = css_text(value) if name == "style" else value
        label = _RENAMED.get(name, name)
        out.append(f" {label}" if text is True else f' {label}="{escape(text)}"')
    return "".join(out)


# What Dash keeps on an instance beside the given props.
_NOT_PROPS = frozenset({"available_properties", "available_wildcard_properties"})


def _as_dict(component: Component) -> dict[str, Any]:
    """Type, namespace and props of a component, as `to_plotly_json` gives them but ten times faster."""
    given = {name: value for name, value in vars(component).items() if name[0] != "_" and name not in _NOT_PROPS}
    return {"type": component._type, "namespace": component._namespace, "props": given}


def to_html(node: Any) -> Markup:
    """The HTML of a component, a string, a number, None, or a list of these. Text is escaped."""
    if node is None or node is False:
        return Markup("")
    if isinstance(node, str | int | float):
        return escape(str(node))
    if isinstance(node, Component):
        node = _as_dict(node)
    if isinstance(node, Mapping):
        if node["namespace"] == "dash_bootstrap_components":
            return _bootstrap(str(node["type"]), node["props"])
        return _element(str(node["type"]), node["props"])
    if isinstance(node, Iterable):
        return Markup("").join(to_html(child) for child in node)
    raise TypeError(f"not a component: {node!r}")


def _bootstrap(kind: str, props: Mapping[str, Any]) -> Markup:
    """The few Bootstrap components that first paints use, as Bootstrap writes them."""
    own = props.get("class_name") or props.get("className") or ""
    if kind == "Row":
        classes = f"row {own}"
    elif kind == "Col":
        widths = {"": props.get("width")} | {size: props.get(size) for size in ("xs", "sm", "md", "lg", "xl", "xxl")}
        given = [
            f"col-{size}-{n}" if size not in {"", "xs"} else f"col-{n}" for size, n in widths.items() if n is not None
        ]
        classes = f"{' '.join(given) or 'col'} {own}"
    elif kind == "Alert":
        classes = f"alert fade alert-{props.get('color', 'success')} {own} show"
    else:
        raise TypeError(f"no HTML for the Bootstrap component {kind}")
    role = Markup(' role="alert"') if kind == "Alert" else ""
    return Markup('<div class="{}"{}>{}</div>').format(classes.strip(), role, to_html(props.get("children")))


def _element(kind: str, props: Mapping[str, Any]) -> Markup:
    if kind in _INVISIBLE:
        return Markup("")
    if kind == "Graph":
        props = {"className": f"dash-graph {props.get('className', '')}".strip(), "style": props.get("style")}
        kind = "Div"
    tag = "a" if kind == "Link" else kind.lower()
    opening = f"<{tag}{_attributes(props)}>"
    if tag in _VOID:
        return Markup(opening)
    return Markup(f"{opening}{to_html(props.get('children'))}</{tag}>")


def plain(node: Any) -> Any:
    """The component tree as plain dictionaries, lists and texts: what is cached and what Dash sends as JSON."""
    if isinstance(node, Component):
        node = _as_dict(node)
    if isinstance(node, Mapping):
        if "type" in node and "props" in node and "namespace" in node:
            props = {k: plain(v) if k == "children" else v for k, v in node["props"].items()}
            return {"type": node["type"], "namespace": node["namespace"], "props": props}
        return node
    if isinstance(node, list | tuple):
        return [plain(child) for child in node]
    return node if node is None or isinstance(node, str | int | float | bool) else str(node)
