"""Names of places folded for matching."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.locations.names import display_name, match_key, prefix_uc_type


@pytest.mark.parametrize(
    ("area_name", "elsewhere"),
    [
        ("Rural - UC-11, Narri Shumali, Khushab", "UC-11, Narri Shumali, Khushab"),
        ("Urban - Zone-02-Jauharabad-Ward-20-Block No 1", "Zone-02/Jauharabad/Ward-20/Block No 1"),
        ("Rural - UC-36, \nMaqbool Wah, Dunya Pur", "uc 36 maqbool wah dunya pur "),
        ("RURAL -UC-1", "UC_1"),
        ("Urban– MC-21 Block 4 5", "MC-21 Block 4/5"),
        # The name itself begins with the word: one prefix only is left out.
        ("Urban - Urban-1", "Urban-1"),
        ("Urban - Urban UC-01", "URBAN UC 01"),
        ("Rural - یونین کونسل ۱۱", "يونين كونسل ۱۱"),
    ],
)
def test_spellings_of_one_place_meet(area_name: str, elsewhere: str) -> None:
    assert match_key(area_name) == match_key(elsewhere) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Urban - 1", "Urban-1"), ("UC-11, Chak 1", "UC-1, Chak 12"), ("UC-1", "UC-01"), ("Urban - UC-2", "UC-2A Urban")],
)
def test_different_places_stay_apart(one: str, other: str) -> None:
    assert match_key(one) != match_key(other)


@pytest.mark.parametrize("name", ["", "-", " - ", "—", "\n"])
def test_no_name_has_no_key(name: str) -> None:
    assert match_key(name) == ""


def test_a_name_that_is_only_its_prefix_keeps_a_key() -> None:
    assert match_key("Rural - ") == "rural"
    assert display_name("Rural - ") == "Rural"
    assert prefix_uc_type("Rural - ") == "RURAL"


@pytest.mark.parametrize(
    ("name", "uc_type"),
    [("Rural - UC-1", "RURAL"), ("urban - UC-1", "URBAN"), ("Urban-1", None), ("UC-1 Urban", None), ("", None)],
)
def test_prefix(name: str, uc_type: str | None) -> None:
    assert prefix_uc_type(name) == uc_type


def test_display_name_is_one_line_without_prefix() -> None:
    assert display_name("Rural - UC-36, \nMaqbool Wah,  Dunya Pur ") == "UC-36, Maqbool Wah, Dunya Pur"


@given(st.text(max_size=40), st.sampled_from(["Rural", "Urban", "RURAL", "urban"]))
def test_one_prefix_changes_nothing(name: str, prefix: str) -> None:
    # A name without letters and digits has no key of its own.
    if match_key(name) and prefix_uc_type(name) is None:
        assert match_key(f"{prefix} - {name}") == match_key(name)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=40))
def test_case_and_blanks_do_not_matter(name: str) -> None:
    if prefix_uc_type(name) is None:
        assert match_key(name.upper()) == match_key(f"  {name}\n")
