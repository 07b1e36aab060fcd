"""`flask access`: every URL rule and every Dash callback with the permission it needs."""

from __future__ import annotations

import json
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from portal.web.guard import permission_of

UNDECLARED = "undeclared"


def rules(app: Flask) -> list[dict[str, Any]]:
    """Every URL rule: rule, endpoint, methods, permission."""
    found = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: (r.rule, r.endpoint)):
        declared = permission_of(app, rule.endpoint)
        found.append(
            {
                "rule": rule.rule,
                "endpoint": rule.endpoint,
                "methods": sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}),
                "permission": str(declared) if declared else UNDECLARED,
            }
        )
    return found


def callbacks(app: Flask) -> list[dict[str, Any]]:
    """Every Dash callback: app, output, permission."""
    listed = app.extensions["dash_callbacks"]()
    return [
        {"app": slug, "output": output, "permission": str(permission or UNDECLARED)}
        for slug, output, permission in listed
    ]


@click.command("access")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_appcontext
def access(as_json: bool) -> None:
    """List every URL rule and every Dash callback with the permission it needs."""
    listing = {"rules": rules(current_app), "callbacks": callbacks(current_app)}
    if as_json:
        click.echo(json.dumps(listing, indent=1))
        return
    for rule in listing["rules"]:
        click.echo(f"{rule['permission']:<18} {','.join(rule['methods']):<10} {rule['rule']}")
    for callback in listing["callbacks"]:
        click.echo(f"{callback['permission']:<18} {'callback':<10} {callback['app']} {callback['output']}")
