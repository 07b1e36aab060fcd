"""Staff members, their area scope, their sessions, and the attempts to sign in."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import Base, bigint_pk, created_at, int_pk, timestamp, updated_at
from portal.locations.models import Location


class Staff(Base):
    """A person who signs in. `role` is one of `portal.permissions.Role`; the areas say where the role holds."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("role IN ('AGENT','SUPERVISOR','ADMIN','MANAGER','HEAD')", name="role"),
        CheckConstraint("theme IN ('system','light','dark')", name="theme"),
        Index("uq_staff_username_lower", func.lower(text("username")), unique=True),
    )

    id: Mapped[int_pk]
    username: Mapped[str]
    password_hash: Mapped[str]
    full_name: Mapped[str] = mapped_column(server_default="")
    role: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    language: Mapped[str] = mapped_column(server_default="en")
    theme: Mapped[str] = mapped_column(server_default="system")
    created_at: Mapped[created_at]
    updated_at: Mapped[updated_at]

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
