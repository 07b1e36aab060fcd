"""Pictures and documents as people send them, good and bad."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image

from portal.files.service import Upload

CAMERA = 0x010F
ORIENTATION = 0x0112
GPS = 0x8825


def photo(width: int = 1200, height: int = 900, *, turned: int = 1, quality: int = 90, noisy: bool = False) -> bytes:
    """A JPEG of a camera: its upper left quarter red, with its maker, a position and a turn in the EXIF."""
    picture = (
        Image.effect_noise((width, height), 60).convert("RGB") if noisy else Image.new("RGB", (width, height), "#3a7")
    )
    picture.paste("#d22", (0, 0, width // 2, height // 2))
    exif = Image.Exif()
    exif[CAMERA] = "SECRET-CAMERA"
    exif[ORIENTATION] = turned
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (32.0, 17.0, 0.5)
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif.tobytes(), quality=quality)
    return out.getvalue()


def png(mode: str = "RGBA", size: tuple[int, int] = (300, 200)) -> bytes:
    """A PNG; with transparency where the mode has it."""
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG")
    return out.getvalue()


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("L", (20, 20)).save(out, "GIF")
    return out.getvalue()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that says it has 3.6 thousand million pixels."""

    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0" * 100_000)) + part(b"IEND", b"")
    )


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def office(main: str = "word/document.xml", **more: str) -> bytes:
    """A zip like an office file; `more` are further members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(main, "<x/>")
        for name, text in more.items():
            archive.writestr(name, text)
    return out.getvalue()


def open_document(kind: str = "text") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr("content.xml", "<x/>")
    return out.getvalue()


def upload(data: bytes, name: str = "photo.jpg") -> Upload:
    return Upload(io.BytesIO(data), name)


def seen(data: bytes) -> Any:
    """The picture of stored bytes."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture
