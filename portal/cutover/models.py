"""Runs of the cutover: what was uploaded, what came of it, and the rows that were not simply taken."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, timestamp

# CHECKING -> PREVIEW -> QUEUED -> RUNNING -> DONE; REFUSED (a file), FAILED (us), CANCELLED.
CUTOVER_STATES = ("CHECKING", "PREVIEW", "QUEUED", "RUNNING", "DONE", "REFUSED", "FAILED", "CANCELLED")
CUTOVER_RUNNING = ("CHECKING", "QUEUED", "RUNNING")


class CutoverRun(Base):
    """One run over the exports of the old system's tables: all of it is in, or none.

    `files` is {table: {"name", "path", "sha256", "bytes"}}; the files are deleted when the run ends. `preview` and
    `result` are lists of what came of each table (see `portal.cutover.outcome.TableOutcome`). `error` is
    {language: text}. `staff_id` NULL is the command line.
    """

    __tablename__ = "cutover_runs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('CHECKING','PREVIEW','QUEUED','RUNNING','DONE','REFUSED','FAILED','CANCELLED')", name="status"
        ),
    )

    id: Mapped[bigint_pk]
    status: Mapped[str]
    files: Mapped[dict[str, Any]] = mapped_column(JSONB)
    phase: Mapped[str] = mapped_column(server_default="")
    preview: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    result: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    error: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[created_at]
    finished_at: Mapped[timestamp | None]


class CutoverRow(Base):
    """A row of an export that was rejected, a duplicate, or about which there is something to say.

    `table_name` and `line_no` say where it stands, `row_key` names it; `code` is a key of
    `portal.cutover.words.REASONS`. No cell of the row is kept but its key: passwords and personal numbers stay out.
    """

    __tablename__ = "cutover_rows"
    __table_args__ = (
        CheckConstraint("outcome IN ('INSERTED','UPDATED','UNCHANGED','DUPLICATE','REJECTED')", name="outcome"),
        Index("ix_cutover_rows_run_id_table_name_line_no", "run_id", "table_name", "line_no"),
    )

    id: Mapped[bigint_pk]
    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cutover_runs.id", ondelete="CASCADE"))
    table_name: Mapped[str]
    line_no: Mapped[int]
    outcome: Mapped[str]
    code: Mapped[str]
    row_key: Mapped[str] = mapped_column(server_default="")
    detail: Mapped[str] = mapped_column(server_default=text("''"))
