"""From a dashboard's figure to the rows behind it. Pure: no request, no database.

    report_url("collected", {"area": "17", "from": "2025-11-16", "to": "2025-12-05", "use": "DOMESTIC"})

The total named in `METRIC_TOTAL` of the report behind the link equals the figure, to the rupee.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

PAGE = "/dash/reports/"

# metric -> (report, keys passed on as they are, {report's key: dashboard's key or "=value"})
_LINKS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "billed": ("bill-register", ("area", "cycle", "use"), {}),
    "bills": ("bill-register", ("area", "cycle", "use"), {}),
    "demand": ("bill-register", ("area", "cycle", "use"), {}),
    "paid_bills": ("bill-register", ("area", "cycle", "use"), {"status": "=PAID"}),
    "paying_share": ("bill-register", ("area", "cycle", "use"), {"status": "=PAID"}),
    "collected": ("payment-register", ("area", "from", "to", "use"), {}),
    "payments": ("payment-register", ("area", "from", "to", "use"), {}),
    "posted": ("payment-register", ("area", "from", "to", "use"), {"state": "=POSTED"}),
    "unmatched": ("payment-register", ("area", "from", "to", "use"), {"state": "=UNMATCHED"}),
    "received": ("payment-register", ("area", "to", "use"), {"bill_month": "cycle"}),
    "recovery": ("recovery", ("area", "cycle", "to", "use"), {}),
    "outstanding": ("outstanding", ("area", "use"), {}),
    "debtors": ("outstanding", ("area", "use"), {}),
    "paying_units": ("billed-units", ("area", "cycle", "use"), {"state": "=PAID"}),
    "billed_units": ("billed-units", ("area", "cycle", "use"), {}),
    "paid_units": ("billed-units", ("area", "cycle", "use"), {"state": "=PAID"}),
    "pending": ("pending-sync", ("area", "use"), {}),
    "delivered": ("bill-register", ("area", "cycle", "use"), {"delivery": "=DELIVERED"}),
    "delivered_bills": ("bill-register", ("area", "cycle", "use"), {"delivery": "=DELIVERED"}),
    "daily": ("daily-collection", ("area", "from", "to", "use"), {}),
}

# The total of the report that equals the figure ("rows" is the number of rows).
METRIC_TOTAL = {
    "billed": "monthly_fee",
    "bills": "rows",
    "demand": "demand",
    "paid_bills": "rows",
    "paying_share": "rows",
    "collected": "paid_amount",
    "payments": "rows",
    "posted": "paid_amount",
    "unmatched": "paid_amount",
    "received": "paid_amount",
    "recovery": "recovery",
    "outstanding": "outstanding",
    "debtors": "rows",
    "paying_units": "rows",
    "billed_units": "rows",
    "paid_units": "rows",
    "pending": "rows",
    "delivered": "rows",
    "delivered_bills": "rows",
    "daily": "amount",
}


def report_url(metric: str, filters: Mapping[str, Any]) -> str:
    """The page of the report whose total is this metric, filtered like the dashboard.

    `filters` are the URL keys all dashboards share (area, cycle, from, to, use) as text or dates; keys that mean
    nothing to the report are left out. KeyError for an unknown metric.
    """
    name, passed, renamed = _LINKS[metric]
    pairs = [(key, str(filters[key])) for key in passed if filters.get(key) not in (None, "")]
    for key, source in renamed.items():
        value = source.removeprefix("=") if source.startswith("=") else filters.get(source)
        if value not in (None, ""):
            pairs.append((key, str(value)))
    return f"{PAGE}{name}" + (f"?{urlencode(pairs)}" if pairs else "")


def visits_url(filters: Mapping[str, Any]) -> str:
    """The list of visits of an area and days (keys area, from, to), whose count is the figure."""
    return _list_url("/visits/", filters)


def tickets_url(filters: Mapping[str, Any]) -> str:
    """The list of open tickets of an area."""
    return _list_url("/tickets/", {"box": "all", **filters})


def _list_url(path: str, filters: Mapping[str, Any]) -> str:
    query = urlencode([(key, str(value)) for key, value in filters.items() if value not in (None, "")])
    return f"{path}?{query}" if query else path
