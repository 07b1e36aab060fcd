"""What the record pages show of photos and documents: one query for each page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.documents import selects
from portal.files import portal_photos
from portal.files.models import DOCUMENT, PHOTO, StoredFile
from portal.files.selects import files_of


@dataclass(frozen=True)
class Panel:
    """Photos (the portal's, then our own), documents, and what happened: (when, title, text, who, icon)."""

    photos: list[Any] = field(default_factory=list)
    documents: list[StoredFile] = field(default_factory=list)
    events: list[tuple[Any, str, str, str, str]] = field(default_factory=list)


def of_unit(session: Session, unit_id: int, survey_id: str, image_urls: list[str]) -> Panel:
    """Of a unit: the photos of the portal and its own, and its documents."""
    return _panel(session, portal_photos.of_unit(survey_id, image_urls), unit_ids=[unit_id])


def of_account(session: Session, account_id: int, unit_id: int | None) -> Panel:
    """Of an account: its documents and those of its unit, when the reader may see that."""
    return _panel(session, [], account_ids=[account_id], unit_ids=[unit_id] if unit_id is not None else [])


def _panel(session: Session, from_portal: list[portal_photos.PortalPhoto], **owners: list[int]) -> Panel:
    rows = session.execute(selects.with_people(files_of(**owners))).all()  # type: ignore[arg-type]
    files = [row[0] for row in rows]
    events = [
        (
            file.created_at,
            _("Photo added") if file.kind == PHOTO else _("Document added"),
            file.title,
            row.who or "",
            "image" if file.kind == PHOTO else "file-earmark-text",
        )
        for file, row in zip(files, rows, strict=True)
    ]
    return Panel(
        photos=[*from_portal, *(file for file in files if file.kind == PHOTO)],
        documents=[file for file in reversed(files) if file.kind == DOCUMENT],
        events=events,
    )
