"""Settings that HEAD changes on a page, with their history. What the environment decides stands in `portal.config`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, updated_at


class Setting(Base):
    """The value of a setting that is not at its default."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    updated_at: Mapped[updated_at]


class SettingChange(Base):
    """One change of one setting; the greatest id is the version of all settings. NULL stands for the default."""

    __tablename__ = "setting_changes"
    __table_args__ = (Index("ix_setting_changes_name_id", "name", "id"),)

    id: Mapped[bigint_pk]
    at: Mapped[created_at]
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    actor: Mapped[str]
    name: Mapped[str]
    before: Mapped[Any | None] = mapped_column(JSONB)
    after: Mapped[Any | None] = mapped_column(JSONB)
