"""A photo of a phone: from the first byte sent to stored, on loopback, through the portal's own gunicorn.

12 megapixels and 3 MB; drawn anew, written with its small version and forced to disk, with its row and its line in the
audit log committed. The limit is the drawing alone: reading the JPEG at the size needed and writing both pictures.
"""

from __future__ import annotations

import io
import re
import time
import uuid
from collections.abc import Callable
from statistics import median

import requests
from PIL import Image

from benchmarks.dataset import Dataset
from benchmarks.server import PASSWORD, Server
from benchmarks.signin import running_portal
from benchmarks.table import Line, percentile
from portal.files import pictures

DATABASE = "bench_uploads"
PHOTOS = 12  # to each unit; a unit takes 40
MEGABYTES = 3_000_000
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def phone_photo() -> bytes:
    """A JPEG of 4000 x 3000 pixels and about 3 MB: shapes with some noise, as a house wall has."""
    picture = Image.effect_mandelbrot((4000, 3000), (-2.2, -1.4, 1.0, 1.4), 90).convert("RGB")
    noise = Image.effect_noise((4000, 3000), 40).convert("RGB")
    picture = Image.blend(picture, noise, 0.35)
    low, high, data = 10, 95, b""
    while high - low > 1:
        quality = (low + high) // 2
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        data = out.getvalue()
        low, high = (quality, high) if len(data) < MEGABYTES else (low, quality)
    return data


def run(server: Server, data: Dataset, runs: int, report: Callable[[str], None]) -> list[Line]:
    server.copy(data.whole, DATABASE)
    photo = phone_photo()
    drawing = []
    for _number in range(5):
        began = time.perf_counter()
        pictures.draw(io.BytesIO(photo), "photo.jpg")
        drawing.append(1000 * (time.perf_counter() - began))
    try:
        units = [
            row[0] for row in server.execute(f"SELECT survey_id FROM survey_units ORDER BY id LIMIT {runs}", DATABASE)
        ]
        with running_portal(server, data.files, DATABASE) as port:
            times = _send(f"http://127.0.0.1:{port}", units, photo)
    finally:
        server.drop(DATABASE)
    worst, middle = percentile(times, 0.95), median(times)
    report(f"photo of {len(photo) / 1e6:.1f} MB to stored: median {middle:.0f} ms, p95 {worst:.0f} ms")
    return [
        Line(
            f"photo of {len(photo) / 1e6:.1f} MB, 12 megapixels: sent to stored, on loopback",
            "< 500 ms",
            f"drawing alone {median(drawing):.0f} ms",
            f"median {middle:.0f} ms, p95 {worst:.0f} ms of {len(times)}",
            middle / median(drawing),
            worst < 500,
        )
    ]


def _send(address: str, units: list[str], photo: bytes) -> list[float]:
    times = []
    with requests.Session() as browser:
        token = _token(browser.get(f"{address}/login").text)
        form = {"username": "head", "password": PASSWORD, "csrf_token": token}
        answer = browser.post(f"{address}/login", data=form, allow_redirects=False)
        assert answer.status_code == 303, f"login answered {answer.status_code}"
        for unit in units:
            url = f"{address}/units/{unit}/photos/add"
            token = _token(browser.get(url).text)
            for number in range(PHOTOS + 1):
                form = {"csrf_token": token, "photos_uuid": str(uuid.uuid4())}
                began = time.perf_counter()
                answer = browser.post(url, data=form, files={"photos": ("1.jpg", photo)}, allow_redirects=False)
                if number:  # the first one loads what a process needs
                    times.append(1000 * (time.perf_counter() - began))
                assert answer.status_code == 303, answer.status_code
    return times


def _token(html: str) -> str:
    found = _CSRF.search(html)
    assert found
    return found[1]
