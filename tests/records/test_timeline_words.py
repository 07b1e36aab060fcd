"""What a file changed, in words of either language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from portal.config import PROJECT_DIR
from portal.records.timeline import changes_text

CHANGES: dict[str, list[Any]] = {"bill_month": [None, "2026-11"], "monthly_fee": [300, 500]}


@pytest.fixture()
def words() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app, default_translation_directories=str(PROJECT_DIR / "portal" / "translations"))
    with app.test_request_context():
        yield


@pytest.mark.usefixtures("words")
def test_months_are_named() -> None:
    with force_locale("en"):
        assert changes_text(CHANGES, may_see=False) == "bill's month: Nov 2026; monthly fee: 300 → 500"


@pytest.mark.usefixtures("words")
def test_urdu_isolates_values_and_turns_the_arrow() -> None:
    with force_locale("ur"):
        month, fee = changes_text(CHANGES, may_see=False).split("; ")
    assert month == "بل کا مہینہ: \u2068نومبر 2026\u2069"
    assert fee == "ماہانہ فیس: \u2068300\u2069 ← \u2068500\u2069"


@pytest.mark.usefixtures("words")
def test_fields_whose_hold_was_released_are_named() -> None:
    with force_locale("en"):
        said = changes_text({"hold": ["consumer_name, mobile", None]}, may_see=False)
    assert said == "hold released: name, mobile"
