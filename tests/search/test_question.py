"""Reading a search text: identifiers, what may stand in a URL, and the tsquery, for any input."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.search.question import Question, read
from portal.units.searchtext import SEARCH_VECTOR, fold

MOBILE, CNIC = "03001234567", "3820112345671"


@pytest.mark.parametrize(
    "typed",
    [
        "03001234567",
        "0300 1234567",
        "0300-1234567",
        "+923001234567",
        "00923001234567",
        "923001234567",
        "3001234567",
        "۰۳۰۰۱۲۳۴۵۶۷",
    ],
)
def test_spellings_of_a_mobile_number(typed: str) -> None:
    assert read(typed).mobile == MOBILE
    assert not read(typed).may_stand_in_url


@pytest.mark.parametrize("typed", ["3820112345671", "38201-1234567-1", " 38201 1234567 1 "])
def test_spellings_of_a_cnic(typed: str) -> None:
    assert read(typed).cnic == CNIC
    assert not read(typed).may_stand_in_url


@pytest.mark.parametrize(
    "typed", ["Akram 03001234567", "38201-1234567-1 Akram", "300123456", "cnic:3820112345671", "0300 123 4567 x"]
)
def test_a_number_in_company_or_mistyped_stays_out_of_urls(typed: str) -> None:
    assert not read(typed).may_stand_in_url


@pytest.mark.parametrize("typed", ["2319211", "2319211.0", " 2319211 ", "002319211.00"])
def test_survey_id(typed: str) -> None:
    assert read(typed).survey_id == "2319211"


def test_psid() -> None:
    question = read("26770000000000000017")
    assert question.psid == "26770000000000000017"
    assert question.survey_id is None
    assert question.is_surely_a_psid
    assert read("2.677E+19").is_mangled
    assert not read("House 2").is_mangled


@pytest.mark.parametrize(
    "typed", ["House 12, Street 4", "Ward-20/Block No 1", "2319211", "محمد اکرم", "", "UC-17", "1234567"]
)
def test_what_can_be_shared(typed: str) -> None:
    assert read(typed).may_stand_in_url


def test_words_and_prefixes() -> None:
    assert read("Muham akr").tsquery == "'muham':* & 'akr':*"
    assert read("House 12").tsquery == "'house':* & '12'"
    assert read("M Akram").tsquery == "'m' & 'akram':*"
    assert read("محمد").tsquery == "'محمد':*"
    assert read("Ward-20/Block").tsquery == "'ward':* & '20' & 'block':*"
    assert read(" ,-/' ").tsquery is None
    assert read(None) == Question("")


def test_arabic_spellings_are_the_urdu_ones() -> None:
    assert fold("علي كريم") == "علی کریم"
    assert fold("مُحلّہ") == "محلہ"


@given(st.text(max_size=300))
@example("' | '':* & !(")
@example("\x00\\'")
@example("a<->b & !c:*ABCD")
@settings(max_examples=300)
def test_reading_never_fails_and_is_bounded(typed: str) -> None:
    question = read(typed)
    assert len(question.text) <= 200
    assert len(question.words) <= 8
    assert all(len(word) <= 64 and word.strip() for word in question.words)
    assert not question.number or question.number.isdecimal()


@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
    | st.text(alphabet="'\"\\:*&|!()<-> ab\u0627\u0650\u06f1²½", max_size=20)
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_input_gives_a_valid_tsquery(db_session: Session, typed: str) -> None:
    tsquery = read(typed).tsquery
    if tsquery is not None:
        assert db_session.scalar(text("SELECT to_tsquery('simple', :query) IS NOT NULL"), {"query": tsquery})


WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABC", min_size=1, max_size=12) | st.text(
    alphabet="ابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہھءیےيكى", min_size=2, max_size=8
)


@given(words=st.lists(WORDS, min_size=1, max_size=5), punctuation=st.sampled_from(list(" -/,.#()'\"،۔")))
@example(words=["Zone", "Jauharabad", "Ward"], punctuation="/")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_indexed_is_found_by_each_of_its_words(db_session: Session, words: list[str], punctuation: str) -> None:
    """However the file joins the words, and in either spelling of the letters."""
    vector = SEARCH_VECTOR.replace("consumer_name", "cast(:name AS text)").replace("address", "cast(:address AS text)")
    address = punctuation.join(words)
    for typed in (*words, " ".join(words)):
        tsquery = read(typed).tsquery
        assert tsquery
        found = db_session.scalar(
            text(f"SELECT {vector} @@ to_tsquery('simple', :query)"),
            {"name": None, "address": address, "query": tsquery},
        )
        assert found, (address, typed, tsquery)
