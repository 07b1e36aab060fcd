"""Headers: which kind of file they make, in any order and spelling."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import RefusedFileError
from portal.imports.layouts import EXTRA_TEXT, LAYOUTS, match_header, recognise
from tests.imports import portal_files as files

HEADERS = {
    ("areas", ""): files.AREAS,
    ("survey", ""): files.SURVEY,
    ("biller", ""): files.BILLER,
    ("paid", "long"): files.PAID_LONG,
    ("paid", "short"): files.PAID_SHORT,
}


@pytest.mark.parametrize(("expected", "headers"), HEADERS.items())
def test_recognised_and_complete(expected: tuple[str, str], headers: list[str]) -> None:
    assert recognise(headers) == expected
    header = match_header(headers)
    assert header is not None
    assert header.ignored == ()
    named = [headers[position] for position in header.positions if position >= 0]
    assert sorted(named) == sorted(headers)


@given(st.sampled_from(list(HEADERS.items())), st.randoms(use_true_random=False))
def test_order_case_and_blanks_do_not_matter(item: tuple[tuple[str, str], list[str]], rng: random.Random) -> None:
    expected, headers = item
    shuffled = [rng.choice([str.upper, str.lower, str.title])(f" {name} ") for name in headers]
    rng.shuffle(shuffled)
    # The column without a header is found when a named one follows; at the end it could be a mere trailing comma.
    while not shuffled[-1].strip():
        rng.shuffle(shuffled)
    header = match_header(shuffled)
    assert header is not None
    assert (header.kind, header.form) == expected
    for column, position in zip(header.columns, header.positions, strict=True):
        if position >= 0:
            assert shuffled[position].strip().casefold() == ("" if column == EXTRA_TEXT else column.casefold())


def test_byte_order_mark_and_further_columns() -> None:
    header = match_header(["\ufeff" + files.BILLER[0], *files.BILLER[1:], "Remarks", ""])
    assert header is not None
    assert header.positions[0] == 0
    assert header.ignored == ("Remarks",)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind + layout.form)
def test_each_required_column_is_missed_by_name(layout) -> None:
    headers = HEADERS[layout.kind, layout.form]
    for column in layout.required:
        with pytest.raises(RefusedFileError) as refused:
            recognise([name for name in headers if name != column])
        assert f"“{column}”" in str(refused.value)
        assert refused.value.code == "missing_columns"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind + layout.form)
def test_other_columns_may_be_missing(layout) -> None:
    headers = [name for name in HEADERS[layout.kind, layout.form] if name in layout.required]
    header = match_header(headers)
    assert header is not None
    assert (header.kind, header.form) == (layout.kind, layout.form)
    assert header.present == layout.required


def test_a_required_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(RefusedFileError, match="“Total Payable” stands twice"):
        recognise([*files.BILLER, "Total payable"])


@pytest.mark.parametrize(
    "headers",
    [[], [""], ["Row Labels", "Sum of Paid Amount", "Count of PSID"], ["Tehsil", "UC", "Paid Amount"], ["a", "b", "c"]],
)
def test_other_headers_are_none(headers: list[str]) -> None:
    assert match_header(headers) is None
    with pytest.raises(RefusedFileError, match="No header"):
        recognise(headers)
