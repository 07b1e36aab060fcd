"""Notifications, and what each person wants to be told how."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, timestamp

INFO, SUCCESS, WARNING, ERROR = NOTIFICATION_KINDS = ("info", "success", "warning", "error")
NOW, DAILY, NONE = MAIL_CHOICES = ("NOW", "DAILY", "NONE")


class Notification(Base):
    """One thing one person is told. `message` is {language: text}: whoever wrote it has no reader.

    `event_key` names what happened (`ticket.assigned:17:3`): the same thing is told the same person once. `mail`: NOW
    (a mail is on its way or sent), DAILY (waits for the digest), NONE. `shown`: stands in the bell and the centre.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint("kind IN ('info','success','warning','error')", name="kind"),
        CheckConstraint("mail IN ('NOW','DAILY','NONE')", name="mail"),
        Index("uq_notifications_staff_id_event_key", "staff_id", "event_key", unique=True),
        Index("ix_notifications_staff_id_id", "staff_id", "id", postgresql_where=text("deleted_at IS NULL")),
        Index(
            "ix_notifications_unread",
            "staff_id",
            "id",
            postgresql_where=text("shown AND read_at IS NULL AND deleted_at IS NULL"),
        ),
        Index(
            "ix_notifications_digest",
            "staff_id",
            "id",
            postgresql_where=text("mail = 'DAILY' AND mailed_at IS NULL"),
        ),
    )

    id: Mapped[bigint_pk]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    type: Mapped[str]
    kind: Mapped[str]
    message: Mapped[dict[str, str]] = mapped_column(JSONB)
    url: Mapped[str] = mapped_column(server_default="")
    entity: Mapped[str] = mapped_column(server_default="")
    entity_id: Mapped[str] = mapped_column(server_default="")
    event_key: Mapped[str]
    shown: Mapped[bool] = mapped_column(server_default=text("true"))
    mail: Mapped[str] = mapped_column(server_default="NONE")
    mailed_at: Mapped[timestamp | None]
    created_at: Mapped[created_at]
    read_at: Mapped[timestamp | None]
    deleted_at: Mapped[timestamp | None]


class NotificationPreference(Base):
    """How a person wants to be told of a type; without a row the type's own default holds."""

    __tablename__ = "notification_preferences"
    __table_args__ = (
        PrimaryKeyConstraint("staff_id", "type"),
        CheckConstraint("mail IN ('NOW','DAILY','NONE')", name="mail"),
    )

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    type: Mapped[str]
    in_app: Mapped[bool]
    mail: Mapped[str]
