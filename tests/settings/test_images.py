"""A logo is drawn anew: pixels only, few of them; what is no picture is refused."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from portal.errors import RefusedFileError
from portal.settings.images import BOX, MAX_BYTES, read_logo


@pytest.fixture(autouse=True)
def in_app(_transaction_app: Flask) -> Iterator[None]:
    with _transaction_app.app_context():
        yield


def picture(kind: str = "PNG", size: tuple[int, int] = (60, 30), mode: str = "RGB", **more: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "#0f6b46" if mode != "P" else 3).save(out, kind, **more)
    return out.getvalue()


def opened(png: bytes) -> Image.Image:
    found = Image.open(io.BytesIO(png), formats=["PNG"])
    found.load()
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (60, 30), (2000, 100), (100, 2000)])
def test_pictures_become_small_pngs(kind: str, size: tuple[int, int]) -> None:
    logo = read_logo(io.BytesIO(picture(kind, size)))
    found = opened(logo.png)
    assert (found.width, found.height) == (logo.width, logo.height)
    assert found.width <= BOX[0] and found.height <= BOX[1]
    assert abs(found.width / found.height - size[0] / size[1]) / (size[0] / size[1]) < 0.6
    assert found.convert("RGB").getpixel((0, 0))[1] > 90  # type: ignore[index]
    assert len(logo.digest) == 32
    assert read_logo(io.BytesIO(picture(kind, size))).digest == logo.digest


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "CMYK"])
def test_modes(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert opened(read_logo(io.BytesIO(picture(kind, mode=mode))).png).size == (60, 30)


def test_metadata_and_what_hangs_behind_are_left_out() -> None:
    info = PngInfo()
    info.add_text("Comment", "SECRET-comment")
    exif = Image.Exif()
    exif[0x010E] = "SECRET-exif"
    exif[0x0112] = 6  # lies on its side
    for raw in (
        picture("PNG", pnginfo=info) + b"<script>SECRET</script>",
        picture("JPEG", exif=exif, comment=b"SECRET") + b"SECRET",
        picture("WEBP", exif=exif.tobytes()),
    ):
        logo = read_logo(io.BytesIO(raw))
        assert b"SECRET" not in logo.png
        assert b"script" not in logo.png
        assert set(opened(logo.png).info) <= {"transparency"}
    assert read_logo(io.BytesIO(picture("JPEG", exif=exif))).height == 60


def test_a_colourful_photo_stays_small() -> None:
    noise = Image.effect_noise((900, 300), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=80)
    assert len(read_logo(io.BytesIO(out.getvalue())).png) < 90_000


def huge(width: int, height: int) -> bytes:
    """A PNG that says it is huge and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 100)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "raw",
    [
        b"", SVG, b'<?xml version="1.0"?>' + SVG, b"GIF89a" + b"\0" * 50, b"%PDF-1.7", b"BM" + b"\0" * 60, b"\0" * 100,
        picture("GIF"), picture("BMP"), picture("TIFF"), picture("ICO", size=(32, 32)),
        picture("PNG", size=(200, 200))[:-60], picture("JPEG", size=(400, 400))[:300],
        huge(50_000, 50_000), huge(5000, 5000), huge(0, 10), picture() + b"\0" * MAX_BYTES,
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_no_logo_is_refused(raw: bytes) -> None:
    with pytest.raises(RefusedFileError) as caught:
        read_logo(io.BytesIO(raw))
    assert caught.value.status == 422


@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_damage_is_refused_or_harmless(kind: str, at: int, bad: bytes) -> None:
    raw = bytearray(picture(kind))
    raw[at : at + len(bad)] = bad
    try:
        logo = read_logo(io.BytesIO(bytes(raw)))
    except RefusedFileError:
        return
    assert opened(logo.png).width <= BOX[0]
