"""Addresses that a mail server refused for good: noted, asked for, and given another chance."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.mail.models import RefusedAddress


def refusal_of(session: Session | Connection, address: str | None) -> Any:
    """(address, answer, refused_at) of a refused address; None for one that takes mail, as far as is known."""
    if not address:
        return None
    query = select(RefusedAddress.address, RefusedAddress.answer, RefusedAddress.refused_at)
    return session.execute(query.where(RefusedAddress.address == address.lower())).first()


def note_refusal(connection: Session | Connection, address: str, answer: str) -> None:
    """Remember that a server refused an address, and what it said last."""
    said = {"answer": answer[:500], "refused_at": func.now()}
    row = insert(RefusedAddress).values(address=address.lower(), **said)
    connection.execute(row.on_conflict_do_update(index_elements=["address"], set_=said))


def forget_refusal(session: Session | Connection, address: str | None) -> bool:
    """Send to an address again. False: it was not refused."""
    if not address:
        return False
    gone = delete(RefusedAddress).where(RefusedAddress.address == address.lower()).returning(RefusedAddress.address)
    return session.execute(gone).first() is not None
