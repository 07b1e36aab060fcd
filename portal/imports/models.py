"""Imports: the batch (one file), the outcome of its rows, and what was found in them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, timestamp

KINDS = ("areas", "survey", "biller", "paid")
# UPLOADED -> CHECKING -> PREVIEW -> QUEUED -> COMMITTING -> DONE; REFUSED (the file), FAILED (us), CANCELLED.
STATES = ("UPLOADED", "CHECKING", "PREVIEW", "QUEUED", "COMMITTING", "DONE", "REFUSED", "FAILED", "CANCELLED")


class ImportBatch(Base):
    """One file on its way in, with its options, its counts and who brought it.

    `kind` is NULL until the file has been recognised by its header.

    `options`: {"month": "YYYY-MM"|null, "issued": {"YYYY-MM-DD": "YYYY-MM"}, "as_of": iso|null}.
    `preview` and `result` hold what the pages show (see `portal.imports.outcome.Outcome.as_json`).
    `error` says why it was refused, failed or stopped: {language: text}, since the worker has no reader.
    `area_ids` are the location ids under which the uploader may write; NULL is the whole province (system).
    """

    __tablename__ = "import_batches"
    __table_args__ = (
        CheckConstraint("kind IN ('areas','survey','biller','paid')", name="kind"),
        CheckConstraint(
            "status IN ('UPLOADED','CHECKING','PREVIEW','QUEUED','COMMITTING','DONE','REFUSED','FAILED','CANCELLED')",
            name="status",
        ),
        CheckConstraint(
            "rows_inserted + rows_updated + rows_unchanged + rows_duplicate + rows_rejected = rows_read",
            name="every_row_accounted_for",
        ),
        Index("ix_import_batches_created_at", "created_at"),
    )

    id: Mapped[bigint_pk]
    kind: Mapped[str | None]
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    file_size: Mapped[int] = mapped_column(BigInteger)
    stored_path: Mapped[str | None]
    status: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    as_of: Mapped[timestamp | None]
    rows_read: Mapped[int] = mapped_column(server_default=text("0"))
    rows_inserted: Mapped[int] = mapped_column(server_default=text("0"))
    rows_updated: Mapped[int] = mapped_column(server_default=text("0"))
    rows_unchanged: Mapped[int] = mapped_column(server_default=text("0"))
    rows_duplicate: Mapped[int] = mapped_column(server_default=text("0"))
    rows_rejected: Mapped[int] = mapped_column(server_default=text("0"))
    rows_pending: Mapped[int] = mapped_column(server_default=text("0"))
    totals: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    preview: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    phase: Mapped[str] = mapped_column(server_default="")
    progress: Mapped[int] = mapped_column(server_default=text("0"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    area_ids: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    created_at: Mapped[created_at]
    started_at: Mapped[timestamp | None]
    finished_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))


class ImportRow(Base):
    """The outcome of one row that was not simply inserted or unchanged (or that waits for a partner).

    `outcome`: INSERTED (stored only when pending), UPDATED, UNCHANGED (only when pending), DUPLICATE, REJECTED.
    `entity_key` is the survey id, the PSID or the area id. `changes` is {column: [old, new]}; `raw` is the row as
    the file had it, a list of texts in the order of its kind's columns (REJECTED and DUPLICATE only).
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        CheckConstraint("outcome IN ('INSERTED','UPDATED','UNCHANGED','DUPLICATE','REJECTED')", name="outcome"),
        Index("ix_import_rows_entity_key", "entity_key"),
    )

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batches.id", ondelete="CASCADE"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    pending: Mapped[bool] = mapped_column(server_default=text("false"))
    entity_key: Mapped[str | None]
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    raw: Mapped[list[str] | None] = mapped_column(JSONB)


class ImportFinding(Base):
    """Something worth a look in a row: why it was rejected or a duplicate, or a value kept as text and flagged.

    `line_no` 0 concerns the whole file. `code` is a key of `portal.imports.findings.FINDINGS`.
    """

    __tablename__ = "import_findings"
    __table_args__ = (
        Index("ix_import_findings_batch_id_code", "batch_id", "code", "line_no"),
        CheckConstraint("severity IN ('REJECT','DUPLICATE','NOTE')", name="severity"),
    )

    id: Mapped[bigint_pk]
    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batches.id", ondelete="CASCADE"))
    line_no: Mapped[int]
    severity: Mapped[str]
    code: Mapped[str]
    column_name: Mapped[str] = mapped_column(server_default="")
    value: Mapped[str] = mapped_column(server_default="")
