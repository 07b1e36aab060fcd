"""What became of each mail of the queue, so that none is sent twice."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, created_at, updated_at


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
