"""What a document is, by its bytes: the name it came with says nothing."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass

from flask_babel import gettext as _

from portal.errors import RefusedFileError

PDF, JPEG = "application/pdf", "image/jpeg"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
EXTENSIONS: dict[str, str] = {
    PDF: "pdf",
    JPEG: "jpg",
    f"{_OFFICE}wordprocessingml.document": "docx",
    f"{_OFFICE}spreadsheetml.sheet": "xlsx",
    f"{_OFFICE}presentationml.presentation": "pptx",
    f"{_ODF}text": "odt",
    f"{_ODF}spreadsheet": "ods",
}
ACCEPTED = ".pdf,.docx,.xlsx,.pptx,.odt,.ods,image/jpeg,image/png,image/webp"  # what a file field offers
_PARTS = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}
_TYPES = {extension: media_type for media_type, extension in EXTENSIONS.items()}
_MAX_MEMBERS = 5000
_ACTIVE = re.compile(
    r"vbaproject\.bin|(^|/)activex/|(^|/)embeddings/|^basic/|^scripts/|\.(exe|dll|js|vbs)$", re.IGNORECASE
)
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


@dataclass(frozen=True)
class Kind:
    """What a document is; `is_picture`: it is drawn anew like a photo."""

    media_type: str
    extension: str
    is_picture: bool = False


def kind_of(data: bytes, name: str) -> Kind:
    """What the bytes are. Raises RefusedFileError, with a sentence, for anything but the kinds that are taken."""
    if data.startswith(_PICTURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return Kind(JPEG, "jpg", is_picture=True)
    if data.startswith(b"%PDF-"):
        if b"%%EOF" not in data[-2048:]:
            raise RefusedFileError(_("%(name)s is a PDF that breaks off. Nothing was stored.", name=name))
        return Kind(PDF, "pdf")
    if data.startswith(b"PK\x03\x04"):
        return _office(data, name)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise RefusedFileError(
            _("%(name)s is in an old office format. Save it as .docx, .xlsx or PDF and add that.", name=name)
        )
    raise RefusedFileError(
        _("%(name)s is no PDF, JPEG, PNG, Word, Excel, PowerPoint or OpenDocument file. Nothing was stored.", name=name)
    )


def _office(data: bytes, name: str) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
            first = archive.read("mimetype")[:100] if members[:1] == ["mimetype"] else b""
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, RuntimeError, NotImplementedError, EOFError) as error:
        raise RefusedFileError(_("%(name)s is damaged. Nothing was stored.", name=name)) from error
    if len(members) > _MAX_MEMBERS or any(_ACTIVE.search(member) for member in members):
        raise RefusedFileError(
            _("%(name)s holds macros or other programs. Save it without them, or as PDF, and add that.", name=name)
        )
    extension = next((_PARTS[member] for member in members if member in _PARTS), "")
    media_type = _TYPES.get(extension) or next((one for one in EXTENSIONS if first == one.encode()), "")
    if not media_type:
        raise RefusedFileError(_("%(name)s is an archive, not a document. Nothing was stored.", name=name))
    return Kind(media_type, EXTENSIONS[media_type])


def plain_name(name: str, extension: str) -> str:
    """A file name that can be shown and saved anywhere: its last part, without signs that hide or turn text."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(char for char in last if unicodedata.category(char)[0] != "C" and char not in '<>:"|?*%')
    stem = " ".join(kept.rpartition(".")[0].split() if "." in kept else kept.split()).strip(". ")
    return f"{stem[:100] or 'file'}.{extension}"
