"""Dashboards: Dash apps embedded in the portal. See `dashapps.mount`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashapps.spec import DashSpec


def specs() -> tuple[DashSpec, ...]:
    """Every dashboard, in the order of the menu. A function, so that importing one part does not import all."""
    from dashapps.overview import SPEC as OVERVIEW
    from dashapps.reports import SPEC as REPORTS

    return (OVERVIEW, REPORTS)
