"""Pictures that people upload, drawn anew: turned as the camera said, smaller, without anything but pixels."""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass
from typing import IO

from flask_babel import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from portal.errors import RefusedFileError

FORMATS = ("JPEG", "PNG", "WEBP")  # JPEG takes along what phones write as several pictures in one file (MPO)
PHOTO_EDGE = 1600  # the longer side, in pixels
SCAN_EDGE = 2400  # a photographed letter must stay legible
THUMB_EDGE = 320
MAX_PIXELS = 64_000_000  # phones make 48 and 50 million
MAX_OTHER_PIXELS = 24_000_000  # PNG and WebP, which are in memory whole
QUALITY, THUMB_QUALITY = 82, 72

# So many pictures are drawn at the same time by one process: each may take a few hundred megabytes.
_AT_ONCE = threading.BoundedSemaphore(2)

# Whatever Pillow raises for bytes that are no picture, or a broken one.
_BROKEN = (
    UnidentifiedImageError, Image.DecompressionBombError, Warning, OSError, ValueError, SyntaxError, EOFError,
    TypeError, IndexError, KeyError, MemoryError, OverflowError, AttributeError,
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A picture as it is stored: JPEG, with its size in pixels, and its small version."""

    data: bytes
    width: int
    height: int
    thumb: bytes


def draw(file: IO[bytes], name: str, edge: int = PHOTO_EDGE) -> Drawn:
    """The picture, at most `edge` pixels long, and its small version. `name` is what the sentence calls it.

    Raises RefusedFileError for anything but a whole JPEG, PNG or WebP of a size that a camera makes.
    """
    try:
        with _AT_ONCE, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as picture:
                most = MAX_PIXELS if picture.format in {"JPEG", "MPO"} else MAX_OTHER_PIXELS
                if picture.width * picture.height > most:
                    raise RefusedFileError(_("%(name)s has too many pixels. Nothing was stored.", name=name))
                clean = _pixels_of(_reduced(picture, edge))
                small = clean.copy()
                small.thumbnail((THUMB_EDGE, THUMB_EDGE), Image.Resampling.LANCZOS, reducing_gap=2.0)
                return Drawn(_as_jpeg(clean, QUALITY), clean.width, clean.height, _as_jpeg(small, THUMB_QUALITY))
    except RefusedFileError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedFileError(_("%(name)s has too many pixels. Nothing was stored.", name=name)) from error
    except _BROKEN as error:
        raise RefusedFileError(
            _("%(name)s is no JPEG, PNG or WebP picture, or it is damaged. Nothing was stored.", name=name)
        ) from error


def _reduced(picture: Image.Image, edge: int) -> Image.Image:
    """At most `edge` pixels long, and turned as the camera said."""
    if picture.mode not in {"RGB", "RGBA", "L", "CMYK"}:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    # JPEG is decoded at a half, a quarter or an eighth where that leaves a fifth more than is wanted: a fraction of the
    # time and memory.
    picture.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=1.2)
    return ImageOps.exif_transpose(picture)


def _pixels_of(picture: Image.Image) -> Image.Image:
    """A new picture of the pixels alone, on white where the old one was transparent."""
    if picture.mode == "RGBA":
        ground = Image.new("RGB", picture.size, "white")
        ground.paste(picture, mask=picture.getchannel("A"))
        return ground
    plain = picture.convert("RGB")
    return Image.frombytes("RGB", plain.size, plain.tobytes())


def _as_jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, progressive=False)
    return out.getvalue()
