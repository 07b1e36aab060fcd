"""Photos and documents that people uploaded, and what they belong to."""

from __future__ import annotations

import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, bigint_pk, created_at, timestamp

PHOTO, DOCUMENT = FILE_KINDS = ("PHOTO", "DOCUMENT")


class StoredFile(Base):
    """A photo or document in the storage, belonging to exactly one thing (for a photo of a proposed correction: that).

    `key` is its name in the storage, `thumb_key` that of its small version; `sha256` is of the bytes as stored. Photos
    are stored as re-encoded by us, without what else the upload held (EXIF). `location_id` is that of the thing it
    belongs to, for the scope. `client_uuid` is made on the phone: the same file sent twice is one.
    """

    __tablename__ = "stored_files"
    __table_args__ = (
        CheckConstraint("kind IN ('PHOTO','DOCUMENT')", name="kind"),
        CheckConstraint("bytes > 0", name="not_empty"),
        CheckConstraint(
            "num_nonnulls(unit_id, account_id, visit_id, ticket_id, comment_id, correction_id) = 1", name="one_owner"
        ),
        Index("uq_stored_files_key", "key", unique=True),
        Index("ix_stored_files_unit_id", "unit_id", postgresql_where=text("unit_id IS NOT NULL")),
        Index("ix_stored_files_account_id", "account_id", postgresql_where=text("account_id IS NOT NULL")),
        Index("ix_stored_files_visit_id", "visit_id", postgresql_where=text("visit_id IS NOT NULL")),
        Index("ix_stored_files_ticket_id", "ticket_id", postgresql_where=text("ticket_id IS NOT NULL")),
        Index("ix_stored_files_comment_id", "comment_id", postgresql_where=text("comment_id IS NOT NULL")),
        Index("ix_stored_files_correction_id", "correction_id", postgresql_where=text("correction_id IS NOT NULL")),
        Index("ix_stored_files_location_id_id", "location_id", "id"),
    )

    id: Mapped[bigint_pk]
    client_uuid: Mapped[uuid.UUID] = mapped_column(unique=True)
    kind: Mapped[str]
    key: Mapped[str]
    thumb_key: Mapped[str | None]
    file_name: Mapped[str] = mapped_column(server_default="")
    title: Mapped[str] = mapped_column(server_default="")
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    width: Mapped[int | None]
    height: Mapped[int | None]
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("survey_units.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("compliance_visits.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("ticket_comments.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"))
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[created_at]
    deleted_at: Mapped[timestamp | None]
    deleted_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    delete_reason: Mapped[str] = mapped_column(server_default="")
