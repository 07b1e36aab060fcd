"""The four kinds of portal file: their columns, which must be there, and how a header row is recognised. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _l

from portal.errors import RefusedFileError

LONG, SHORT = PAID_FORMS = ("long", "short")
# The survey master has one column without a header; this is its name here and in findings.
EXTRA_TEXT = "extra_text"
HEADER_ROWS = 20

KIND_NAMES = {
    "areas": _l("area list"),
    "survey": _l("survey master"),
    "biller": _l("biller list"),
    "paid": _l("paid list"),
}


class Layout(NamedTuple):
    """One form of a file: `columns` in canonical order, `required` ones without which the file is refused."""

    kind: str
    form: str
    columns: tuple[str, ...]
    required: frozenset[str]


AREAS = ("district_id", "district_name", "tehsil_id", "tehsil_name", "area_id", "area_name")
SURVEY = (
    "Sr#", "Survey ID", "Surveyor Name", "Survey Timestamp", "GPS Coordinates", "District", "Tehsil", "Union Council",
    "UC Type", "Image URLs", "Area", "Address", "Water Connection", "Cnic Num", "Mobile Num", "Name", "House Type",
    "Type", "Level", EXTRA_TEXT, "Email",
)  # fmt: skip
BILLER = (
    "Sr#", "Monthly Fee", "Current Bill", "Biller PSID", "WMC", "Division", "District", "Tehsil", "Office", "UC",
    "Name", "CNIC", "Mobile", "Address", "Category", "Sub Category", "Billing Category", "Balance",
    "Last Bill Date &Time", "Total Payable", "Last Bill ID", "Status", "Survey ID",
)  # fmt: skip
# One order for both forms: rows of the short form leave the long form's columns empty, and the other way round.
PAID = (
    "Sr#", "PSID", "Month", "WMC", "Division", "District", "Tehsil", "City", "Office", "UC", "Billing Category",
    "Amount", "Fine", "Bill PDF", "Channel", "Paid Date", "Paid Amount", "Status", "Active",
)  # fmt: skip

COLUMNS: dict[str, tuple[str, ...]] = {"areas": AREAS, "survey": SURVEY, "biller": BILLER, "paid": PAID}


def _all_but(columns: tuple[str, ...], *optional: str) -> frozenset[str]:
    return frozenset(columns) - frozenset(optional)


# Nearly every column is required: a file without, say, the CNIC would otherwise empty the CNICs already known.
# Optional are columns from which nothing follows, and those of which the two forms of the paid list differ.
LAYOUTS: tuple[Layout, ...] = (
    Layout("areas", "", AREAS, frozenset(AREAS)),
    Layout("survey", "", SURVEY, _all_but(SURVEY, "Sr#", "Surveyor Name", "Water Connection", EXTRA_TEXT, "Email")),
    Layout("biller", "", BILLER, _all_but(BILLER, "Sr#", "Current Bill", "WMC", "Office", "Balance")),
    Layout("paid", LONG, PAID, _all_but(PAID, "Sr#", "WMC", "City", "Office", "Bill PDF", "Status", "Active")),
    Layout(
        "paid",
        SHORT,
        PAID,
        frozenset(
            {"PSID", "City", "Month", "UC", "Billing Category", "Amount", "Fine", "Channel", "Paid Date", "Paid Amount"}
        ),
    ),
)


def fold_header(text: str) -> str:
    """A header without case, blanks, punctuation and byte order mark: "Last Bill Date &Time" -> "lastbilldatetime"."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


_FOLDED: dict[str, dict[str, str]] = {
    kind: {fold_header(column): column for column in columns if column != EXTRA_TEXT}
    for kind, columns in COLUMNS.items()
}


class Header(NamedTuple):
    """A recognised header. `positions` has one entry per canonical column: its place in the file, or -1."""

    kind: str
    form: str
    columns: tuple[str, ...]
    positions: tuple[int, ...]
    ignored: tuple[str, ...]
    width: int

    @property
    def present(self) -> frozenset[str]:
        return frozenset(c for c, position in zip(self.columns, self.positions, strict=True) if position >= 0)


class Candidate(NamedTuple):
    """How well a header row fits one layout."""

    layout: Layout
    found: dict[str, int]
    missing: tuple[str, ...]
    twice: tuple[str, ...]

    @property
    def share(self) -> float:
        return 1 - len(self.missing) / len(self.layout.required)


def _candidate(headers: Sequence[str], layout: Layout) -> Candidate:
    folded = _FOLDED[layout.kind]
    found: dict[str, int] = {}
    twice: list[str] = []
    for position, text in enumerate(headers):
        column = folded.get(fold_header(text))
        if column is None:
            continue
        if column in found:
            twice.append(column)
        else:
            found[column] = position
    missing = tuple(c for c in layout.columns if c in layout.required and c not in found)
    return Candidate(layout, found, missing, tuple(c for c in twice if c in layout.required))


def _best(headers: Sequence[str]) -> Candidate:
    """The layout that fits best; of equally good ones that which explains most of the columns."""
    candidates = [_candidate(headers, layout) for layout in LAYOUTS]
    return max(candidates, key=lambda c: (c.share, len(c.found)))


def _unnamed(headers: Sequence[str], found: dict[str, int]) -> int:
    """The place of the survey's column without a header: the first one before the last named column, else -1."""
    last = max(found.values())
    return next((i for i, text in enumerate(headers[:last]) if not text.strip("\ufeff\xa0 \t\r\n")), -1)


def match_header(headers: Sequence[str]) -> Header | None:
    """The header when the row is one, complete; None when it is not one at all.

    Raises RefusedFileError when the row is nearly a header: a required column is missing or stands twice.
    """
    best = _best(headers)
    if len(best.found) < 3 or best.share < 0.5:
        return None
    name = KIND_NAMES[best.layout.kind]
    if best.missing:
        raise RefusedFileError(
            _l(
                "This looks like a %(kind)s, but the column %(columns)s is missing."
                " Download the file again from the portal with all its columns; the order does not matter.",
                kind=name,
                columns=", ".join(f"“{column}”" for column in best.missing),
            ),
            code="missing_columns",
            columns=list(best.missing),
            kind=best.layout.kind,
        )
    if best.twice:
        raise RefusedFileError(
            _l(
                "The column %(columns)s stands twice in this %(kind)s. Remove the one that is not the portal's.",
                kind=name,
                columns=", ".join(f"“{column}”" for column in best.twice),
            ),
            code="column_twice",
            columns=list(best.twice),
        )
    layout, found = best.layout, dict(best.found)
    if layout.kind == "survey":
        found[EXTRA_TEXT] = _unnamed(headers, best.found)
    positions = tuple(found.get(column, -1) for column in layout.columns)
    used = set(positions)
    ignored = tuple(text.strip() for i, text in enumerate(headers) if i not in used and text.strip())
    width = max((i + 1 for i, text in enumerate(headers) if text.strip() or i in used), default=0)
    return Header(layout.kind, layout.form, layout.columns, positions, ignored, width)


def recognise(headers: Sequence[str]) -> tuple[str, str]:
    """(kind, form) of a header row; form is 'long' or 'short' for the paid list, else ''.

    Raises RefusedFileError when it is the header of none of the four, or lacks a required column.
    """
    header = match_header(headers)
    if header is None:
        raise RefusedFileError(no_header_message(), code="no_header")
    return header.kind, header.form


def no_header_message() -> Any:
    """The sentence for a file in which no known header was found."""
    return _l(
        "No header of an area list, survey master, biller list or paid list was found in the first %(rows)s rows."
        " Upload the file as the portal gives it, with its row of column names.",
        rows=HEADER_ROWS,
    )


def find_header(rows: Sequence[Sequence[str]]) -> tuple[int, Header] | None:
    """(index, header) of the first row that is a complete header; None when there is none.

    Raises the RefusedFileError of the row that came nearest when no row is complete.
    """
    nearly: RefusedFileError | None = None
    for index, row in enumerate(rows):
        try:
            header = match_header(row)
        except RefusedFileError as error:
            nearly = nearly or error
            continue
        if header is not None:
            return index, header
    if nearly is not None:
        raise nearly
    return None
