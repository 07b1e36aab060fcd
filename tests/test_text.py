"""Characters that nobody sees, taken out wherever text comes in."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from portal.imports.cells import clean
from portal.search.question import read
from portal.text import has_hidden, without_hidden
from portal.web.typed import KEPT, Request

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HIDDEN = BIDI + "\u00ad\u034f\u180e\u200b\u2060\u2061\u206a\u3164\ufeff\U000e0041"
JOINERS = "\u200c\u200d"  # they shape Urdu letters

seen = st.text(
    st.characters(codec="utf-8", exclude_characters=HIDDEN, exclude_categories=("Cc", "Cf", "Cn")), max_size=8
)
whole = st.sampled_from(["محمد\u200cعلی", "نذیر\u200d", "؁۱۹۴۷", "a\r\nb"])
parts = st.lists(st.tuples(seen | whole, st.text(HIDDEN, max_size=3)), max_size=8)


@given(parts)
@example([("محمد\u200cعلی", "\u200b")])
def test_what_is_seen_stays_and_what_is_not_goes(pieces: list[tuple[str, str]]) -> None:
    given_text = "".join(one + hidden for one, hidden in pieces)
    wanted = without_hidden("".join(one for one, _hidden in pieces))
    assert without_hidden(given_text) == wanted
    assert not set(wanted) & set(HIDDEN)
    assert has_hidden(given_text) == (given_text != wanted)


@given(st.text(max_size=40))
def test_nothing_else_is_touched_and_once_is_enough(text: str) -> None:
    once = without_hidden(text)
    assert without_hidden(once) == once
    gone = set(text) - set(once)
    assert not gone & set(JOINERS)
    visible = {
        char for char in gone if unicodedata.category(char)[0] not in "CM" and char not in "\u115f\u1160\u3164\uffa0"
    }
    assert not visible, [f"{ord(char):x}" for char in visible]


def test_every_sign_of_direction_is_known() -> None:
    controls = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for code in range(0x110000):
        if unicodedata.bidirectional(chr(code)) in controls:
            assert has_hidden(chr(code)), f"{code:x}"


@given(parts)
def test_cells_of_files_come_out_alike_with_and_without(pieces: list[tuple[str, str]]) -> None:
    with_them = "".join(one + hidden for one, hidden in pieces)
    assert clean(with_them) == clean("".join(one for one, _hidden in pieces))
    assert not has_hidden(clean(with_them))


def test_a_number_copied_from_a_message_is_found() -> None:
    assert read("\u202a0300 1234567\u202c") == read("0300 1234567")


@pytest.mark.parametrize("mimetype", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_forms_lose_them_and_passwords_keep_them(app: Flask, mimetype: str) -> None:
    fields = {"note": "Aslam\u202e\u200b\r\nعلی\u200c", "plain": "x", **dict.fromkeys(KEPT, "secret\u200b")}
    if mimetype == "multipart/form-data":
        body = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
        )
        data, mimetype = (body + "--b--\r\n").encode(), "multipart/form-data; boundary=b"
    else:
        data = urlencode(fields).encode()
    assert app.request_class is Request
    with app.test_request_context("/", method="POST", data=data, content_type=mimetype) as context:
        form = context.request.form
        assert form.to_dict() == {**fields, "note": "Aslam\r\nعلی\u200c"}
