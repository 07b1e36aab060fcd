"""The filters of the notification centre, read from an address. What makes no sense counts as absent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from portal.audit.words import ENTITIES
from portal.notifications.models import NOTIFICATION_KINDS
from portal.notifications.selects import CentreFilter
from portal.notifications.types import GROUPS

KEYS = ("unread", "group", "kind", "entity", "id")
# What notifications are about, in the order of the filter; words for them are those of the audit log.
ABOUT = ("ticket", "visit", "correction", "unit", "account", "import_batch", "place")


def entities() -> dict[str, object]:
    """The kinds of things of the filter, in words."""
    return {name: ENTITIES[name] for name in ABOUT if name in ENTITIES}


def read_filter(args: Mapping[str, str]) -> CentreFilter:
    """The filter that a query string (or the form that keeps it) describes."""

    def known(key: str, words: object) -> str:
        value = args.get(key, "")
        return value if value in words else ""  # type: ignore[operator]

    return CentreFilter(
        unread=args.get("unread") == "1",
        group=known("group", GROUPS),
        kind=known("kind", NOTIFICATION_KINDS),
        entity=known("entity", entities()),
        entity_id=args.get("id", "").strip()[:60] if known("entity", entities()) else "",
    )


def query_of(wanted: CentreFilter) -> str:
    """The query string of a filter."""
    values = {
        "unread": "1" if wanted.unread else "", "group": wanted.group, "kind": wanted.kind, "entity": wanted.entity,
        "id": wanted.entity_id,
    }  # fmt: skip
    return urlencode({key: value for key, value in values.items() if value})
