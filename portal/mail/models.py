"""What became of each mail of the queue, so that none is sent twice; and addresses that take no mail."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, created_at, timestamp, updated_at


class MailDelivery(Base):
    """One mail of the queue.

    WAITING: not handed over yet, or to be tried again; HANDED_OVER: its content was on the way to the mail server (and
    nobody knows what became of it, if it stays so); SENT: the server took it; FAILED: given up.
    """

    __tablename__ = "mail_deliveries"
    __table_args__ = (CheckConstraint("state IN ('WAITING','HANDED_OVER','SENT','FAILED')", name="state"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default="WAITING")
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    # The server's last answer, or why it could not be asked. Never what the mail says.
    answer: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]


class RefusedAddress(Base):
    """An address that a mail server refused for good. Nothing is sent there by itself until somebody resets it.

    `address` is in small letters.
    """

    __tablename__ = "refused_addresses"

    address: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[str] = mapped_column(server_default="")
    refused_at: Mapped[timestamp] = mapped_column(server_default=func.now())
