"""What the pages of units and of accounts share: one description of each, so that no page is written twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.errors import NotFoundError
from portal.permissions import AreaScope
from portal.registers import selects, service
from portal.registers.fields import ACCOUNT_FIELDS, UNIT_FIELDS, Field
from portal.units.models import SurveyUnit


@dataclass(frozen=True)
class Kind:
    """A register as its pages see it. `key` is the name of the record's key, in routes and as an attribute."""

    name: str
    key: str
    list_title: Any
    list_endpoint: str
    show_endpoint: str
    fields: Mapping[str, Field]
    select: Callable[[str, AreaScope], Any]
    missing: Any
    edit: Callable[..., bool]
    close: Callable[..., Any]
    restore: Callable[..., Any]
    release: Callable[..., bool]
    closes: Any  # what closing one means

    def key_of(self, record: Any) -> str:
        return str(getattr(record, self.key))

    def find(self, session: Any, key: str, scope: AreaScope) -> Any:
        """The record inside the area. Raises NotFoundError, also for one of another area."""
        found = session.scalars(self.select(key, scope)).one_or_none() if key.isascii() and key.isdecimal() else None
        if found is None:
            raise NotFoundError(self.missing)
        return found


UNIT = Kind(
    name="unit", key="survey_id", list_title=_l("Units"), list_endpoint="records.units", show_endpoint="records.unit",
    fields=UNIT_FIELDS, select=selects.unit, missing=_l("There is no such unit in your area."),
    edit=service.edit_unit, close=service.close_unit, restore=service.restore_unit, release=service.release_unit,
    closes=_l(
        "It goes out of the lists and no longer counts as surveyed, listed or billed. Its accounts, bills and payments"
        " stay, and so do all figures of money. Search still finds it. A file that holds it leaves it closed."
    ),
)  # fmt: skip
ACCOUNT = Kind(
    name="account", key="psid", list_title=_l("Accounts"), list_endpoint="records.accounts",
    show_endpoint="records.account", fields=ACCOUNT_FIELDS, select=selects.account,
    missing=_l("There is no such account in your area."), edit=service.edit_account, close=service.close_account,
    restore=service.restore_account, release=service.release_account,
    closes=_l(
        "It is marked as closed on every list. Its bills and payments stay, and so do all figures of money. A file that"
        " holds it leaves it closed."
    ),
)  # fmt: skip


def kind_of(record: Any) -> Kind:
    return UNIT if isinstance(record, SurveyUnit) else ACCOUNT
