"""One answer for the page, its callback and its downloads: the same snapshot, the same cache."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import current_app
from flask_login import current_user

from dashapps.overview import figures as charts
from dashapps.overview import ids, panels
from dashapps.overview.head import download_path, head, question
from dashapps.overview.queries import Clock, Figures, Stamp, load, read_stamp
from dashapps.overview.tiles import tiles, tiles_table
from dashapps.shared import components as ui
from dashapps.shared.filters import Filters
from dashapps.shared.html import plain
from portal import db
from portal.code_stamp import code_stamp
from portal.extensions import cache
from portal.permissions import AreaScope, Permission
from portal.settings.targets import targets_of
from portal.web import format as fmt
from portal.web.context import settings
from portal.web.filters import language
from portal.web.guard import current_scope

TICKETS = "tickets.index"  # the list behind a tile
CACHE_SECONDS = 24 * 3600
_MAKERS = ("dashapps/**/*.py", "portal/web/format.py", "portal/translations/**/*.mo")


def clock() -> Clock:
    """Today in Karachi, and the office's start day of the cycle and targets."""
    config = settings()
    now = dt.datetime.now(fmt.KARACHI)
    return Clock(now.date(), config.cycle_start_day, targets_of(config), now.hour)


def cache_key(filters: Filters, scope: AreaScope, stamp: Stamp, now: Clock, may_export: bool) -> str:
    """All that the answer depends on. The version makes a cached figure never older than the last commit."""
    as_of = stamp.as_of.isoformat() if stamp.as_of else ""
    bad = ",".join(filters.bad)
    chosen = f"{filters.query()}:{bad}:{now.today}:{now.hour}:{now.start_day}:{now.targets}:{language()}:{may_export:d}"
    return f"overview:{code_stamp(*_MAKERS)}:{scope.cache_key}:{stamp.version}:{as_of}:{chosen}"


def answer(filters: Filters) -> dict[str, Any]:
    """The filled slots (plain), the charts' figures and the title, for the signed-in person.

    Raises NotFoundError for an area outside his scope: nothing of another scope is ever under his cache key.
    """
    scope, now = current_scope(), clock()
    may_export = current_user.can(Permission.EXPORT)
    with db.read_snapshot() as connection:
        stamp = read_stamp(connection, scope)
        key = cache_key(filters, scope, stamp, now, may_export)
        found: dict[str, Any] | None = cache.get(key)
        if found is not None:
            return found
        figures = load(connection, filters, scope, stamp, now)
    built = build(figures, filters, len(scope.location_ids) > 1, may_export, TICKETS in current_app.view_functions)
    cache.set(key, built, timeout=CACHE_SECONDS)
    return built


def read_figures(filters: Filters) -> Figures:
    """The figures themselves, for the downloads."""
    scope = current_scope()
    with db.read_snapshot() as connection:
        stamp = read_stamp(connection, scope)
        return load(connection, filters, scope, stamp, clock())


def build(
    figures: Figures, filters: Filters, has_several: bool, may_export: bool, has_tickets: bool = False
) -> dict[str, Any]:
    """Figures into what the page shows. Pure but for the language."""
    time = panels.as_of(figures)

    def foot(table: ui.Table) -> Any:
        path = download_path(table.name, filters) if may_export else None
        return ui.panel_foot(time, table, path, image=True)

    compared = tiles_table(figures)
    path = download_path(compared.name, filters) if may_export else None
    tiles_foot = ui.panel_foot(time, compared, path)
    slots = {
        ids.HEAD: head(figures, filters, has_several, may_export),
        ids.TILES: tiles(figures, filters, tiles_foot, has_tickets),
        ids.RECOVERY_HEAD: panels.recovery_head(figures),
        ids.RECOVERY_FOOT: foot(panels.recovery_table(figures)),
        ids.LEAGUE: panels.league(figures, filters, may_export),
        ids.DAILY_HEAD: panels.daily_head(figures),
        ids.DAILY_FOOT: foot(panels.daily_table(figures)),
        ids.MOVERS: panels.movers(figures, filters, may_export),
        ids.FUNNEL: panels.funnel(figures, filters, may_export),
    }
    return {
        "slots": {name: plain(content) for name, content in slots.items()},
        "figures": {
            "recovery": charts.recovery_figure(figures) if charts.curves(figures) else None,
            "daily": charts.daily_figure(figures) if figures.by_day else None,
        },
        "title": f"{figures.area.name}: {question(figures)}" if figures.area.name else question(figures),
    }
