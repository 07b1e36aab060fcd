"""The company's logo: an uploaded picture made into a small PNG of its pixels alone."""

from __future__ import annotations

import base64
import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import IO, Any

from flask_babel import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from portal.errors import RefusedFileError

MAX_BYTES = 512 * 1024
MAX_PIXELS = 16_000_000
BOX = (480, 160)  # three times as large as it is shown anywhere
SMALL_BYTES = 40_000
FORMATS = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True)
class Picture:
    """A logo as it is stored and served."""

    png: bytes
    width: int
    height: int

    @property
    def digest(self) -> str:
        """Its name: another picture has another one, so that browsers may keep it for ever."""
        return hashlib.sha256(self.png).hexdigest()[:32]

    @property
    def facts(self) -> dict[str, Any]:
        """The stored form of the setting."""
        return {"digest": self.digest, "width": self.width, "height": self.height}

    @property
    def stored(self) -> dict[str, Any]:
        """The stored form of the picture itself."""
        return {"png": base64.b64encode(self.png).decode()}


def read_logo(file: IO[bytes]) -> Picture:
    """The picture of an upload, drawn anew: no metadata, no appended bytes, no more pixels than are shown.

    Raises RefusedFileError for anything but a whole PNG, JPEG or WebP of at most 512 KB.
    """
    raw = file.read(MAX_BYTES + 1)
    if not raw:
        raise RefusedFileError(_("Choose a picture first."))
    if len(raw) > MAX_BYTES:
        raise RefusedFileError(_("The picture is larger than 512 KB. Nothing was changed."))
    refused = RefusedFileError(_("This is no PNG, JPEG or WebP picture, or it is damaged. Nothing was changed."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of what it had to guess
            with Image.open(io.BytesIO(raw), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise RefusedFileError(_("The picture has too many pixels. Nothing was changed."))
                picture.load()
                return _drawn_anew(ImageOps.exif_transpose(picture))
    except RefusedFileError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Warning, OSError, ValueError, SyntaxError,
            EOFError, TypeError, IndexError, KeyError, MemoryError, OverflowError) as error:  # fmt: skip
        raise refused from error


def _drawn_anew(picture: Image.Image) -> Picture:
    pixels = picture.convert("RGBA")
    pixels.thumbnail(BOX, Image.Resampling.LANCZOS)
    # A new image: nothing of the old one's info can come along.
    clean = Image.frombytes("RGBA", pixels.size, pixels.tobytes())
    png = _as_png(clean)
    if len(png) > SMALL_BYTES:
        png = _as_png(clean.quantize(256, method=Image.Quantize.FASTOCTREE))
    return Picture(png, clean.width, clean.height)


def _as_png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
