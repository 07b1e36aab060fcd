"""Staff members, their area scope, their sessions, their one-time secrets, and the attempts to sign in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import Base, bigint_pk, created_at, int_pk, timestamp, updated_at
from portal.locations.models import Location


class Staff(Base):
    """A person who signs in. `role` is one of `portal.permissions.Role`; the areas say where the role holds."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("role IN ('AGENT','SUPERVISOR','ADMIN','MANAGER','HEAD')", name="role"),
        CheckConstraint("theme IN ('system','light','dark','sunlight')", name="theme"),
        Index("uq_staff_legacy_id", "legacy_id", unique=True, postgresql_where=text("legacy_id IS NOT NULL")),
        Index("uq_staff_username_lower", func.lower(text("username")), unique=True),
        Index(
            "uq_staff_email_lower", func.lower(text("email")), unique=True, postgresql_where=text("email IS NOT NULL")
        ),
    )

    id: Mapped[int_pk]
    username: Mapped[str]
    # '' until the person has set a password by an invitation: nothing matches it.
    password_hash: Mapped[str]
    full_name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str | None]
    mobile: Mapped[str | None]
    role: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    deactivated_at: Mapped[timestamp | None]
    must_change_password: Mapped[bool] = mapped_column(server_default=text("false"))
    password_changed_at: Mapped[timestamp | None]
    # The second factor: its secret, encrypted; in force from `totp_confirmed_at` on. `totp_last_step` is the last time
    # step used, so that a code works once.
    totp_secret: Mapped[str | None]
    totp_confirmed_at: Mapped[timestamp | None]
    totp_last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    language: Mapped[str] = mapped_column(server_default="en")
    theme: Mapped[str] = mapped_column(server_default="system")
    # No photos until tapped: for who pays for his data himself.
    low_data: Mapped[bool] = mapped_column(server_default=text("false"))
    # {list: [columns]} chosen by the person; a list that is not in it shows its own choice.
    list_columns: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    # His number in the system before this one.
    legacy_id: Mapped[str | None]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]
    # Counts the edits: a form made of an older one is refused.
    version: Mapped[int] = mapped_column(server_default=text("1"))

    areas: Mapped[list[StaffArea]] = relationship(back_populates="staff", cascade="all, delete-orphan")


class StaffArea(Base):
    """One node of the location tree under which a staff member's role holds."""

    __tablename__ = "staff_areas"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), primary_key=True, index=True)

    staff: Mapped[Staff] = relationship(back_populates="areas")
    location: Mapped[Location] = relationship()


class StaffSession(Base):
    """A signed-in browser. The cookie holds the token; the table its hash, so that a session can be ended here.

    `last_seen_at` moves with the person's own requests only: polling never keeps a session alive.
    """

    __tablename__ = "staff_sessions"
    __table_args__ = (Index("ix_staff_sessions_staff_id", "staff_id"),)

    id: Mapped[bigint_pk]
    token_hash: Mapped[str] = mapped_column(unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(server_default="")
    user_agent: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[created_at]
    last_seen_at: Mapped[timestamp] = mapped_column(server_default=func.now())
    ended_at: Mapped[timestamp | None]
    # Password accepted, second factor not yet: such a session may do nothing but give it.
    awaits_second_factor: Mapped[bool] = mapped_column(server_default=text("false"))


class LoginAttempt(Base):
    """An attempt to sign in, for the rate limit (which must hold over all processes)."""

    __tablename__ = "login_attempts"
    __table_args__ = (
        Index("ix_login_attempts_username_at", "username", "at"),
        Index("ix_login_attempts_address_at", "address", "at"),
    )

    id: Mapped[bigint_pk]
    username: Mapped[str]
    address: Mapped[str]
    succeeded: Mapped[bool]
    at: Mapped[created_at]
    # Whether the browser showed that this person has signed in with it before: it is counted apart, so that somebody
    # else's guessing does not lock him out.
    known_device: Mapped[bool] = mapped_column(server_default=text("false"))
    # Set by an administrator's unlock: no longer counted.
    forgiven: Mapped[bool] = mapped_column(server_default=text("false"))


class StaffToken(Base):
    """A secret that may be used once instead of a password. The table holds its hash only.

    INVITE: the link by which a new person sets his first password; RESET: the link of a "forgot password" mail; CODE:
    a short code that an administrator reads out.
    """

    __tablename__ = "staff_tokens"
    __table_args__ = (
        CheckConstraint("kind IN ('INVITE','RESET','CODE')", name="kind"),
        Index("ix_staff_tokens_staff_id", "staff_id"),
    )

    id: Mapped[bigint_pk]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    kind: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[created_at]
    expires_at: Mapped[timestamp]
    used_at: Mapped[timestamp | None]
    # Wrong tries at a CODE, which is short enough to be guessed.
    failures: Mapped[int] = mapped_column(server_default=text("0"))


class RecoveryCode(Base):
    """One of the codes that stand in for a lost second factor, each once. The table holds their hashes."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("ix_recovery_codes_staff_id", "staff_id"),)

    id: Mapped[bigint_pk]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    code_hash: Mapped[str]
    created_at: Mapped[created_at]
    used_at: Mapped[timestamp | None]
