"""What the pages of edits are made of: who acts, the tree to choose an area in, words to offer, the two versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import request
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.db import session
from portal.imports.service import Actor
from portal.locations.models import Location
from portal.registers import selects, wording
from portal.registers.fields import LOCATION, Field
from portal.registers.forms import read_id
from portal.registers.history import value_words
from portal.registers.targets import Targets
from portal.staff import areas as tree
from portal.web.context import client_address
from portal.web.filters import language
from portal.web.guard import current_scope


def actor() -> Actor:
    """The signed-in person as the one who edits."""
    return Actor(current_user.username, current_user.id, current_scope(), client_address())


def chooser(offered: Targets | None = None) -> tree.Choice:
    """Where the reader is in the tree (`at`), or what his words (`find`) name: for choosing one area. `offered`: only
    what can be chosen, and what leads to it."""
    words = request.args.get("find", "")[:100]
    found = tree.choice(session(), current_scope(), (), opened=read_id(request.args.get("at")), words=words,
                        language=language(), kinds=offered.kinds if offered else None)  # fmt: skip
    if offered is None:
        return found
    options = (
        one
        for one in found.options
        if offered.allow(one.kind, one.area.path, one.id) or offered.lie_below(one.kind, one.area.path)
    )
    return replace(found, options=tuple(options))


def path_of(location_id: int) -> tuple[int, ...]:
    """The ids down to an area inside the reader's; () when it is none of his."""
    found = tree.inside(session(), [location_id], current_scope()).get(location_id)
    return tuple(found.area.path) if found else ()


def area_path(location_id: int) -> str:
    """An area by its path, in the reader's language; '' when it is none of his."""
    found = tree.inside(session(), [location_id], current_scope(), language()).get(location_id)
    return found.text if found else ""


def offered_words(fields: Mapping[str, Field]) -> dict[str, list[tuple[str, str]]]:
    """{field: [(word as the reader calls it, its other name)]} that a form offers where files may bring others."""
    wanted = {name: field.lookup for name, field in fields.items() if field.lookup}
    found = wording.offered(session().execute(selects.offered(list(wanted.values()))))
    return {name: found.get(kind, []) for name, kind in wanted.items()}


@dataclass(frozen=True)
class Difference:
    """One field of a conflict: what is saved now, what was typed, and whether the reader changed it at all."""

    name: str
    label: str
    saved: str
    typed: str


def differences(fields: Mapping[str, Field], saved: Mapping[str, str], typed: Mapping[str, str]) -> list[Difference]:
    """The fields in which what was typed differs from what is saved now."""
    return [
        Difference(name, str(fields[name].label), value_words(name, saved[name]), value_words(name, mine))
        for name, mine in typed.items()
        if name in saved and saved[name] != mine
    ]


def location_of(db: Session, record: Any) -> Location:
    found: Location = db.scalars(select(Location).where(Location.id == record.location_id)).one()
    return found


__all__ = ["LOCATION", "Actor", "Difference", "actor", "area_path", "chooser", "differences", "location_of",
           "offered_words"]  # fmt: skip
