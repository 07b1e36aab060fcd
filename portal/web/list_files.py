"""A list as a file: counted in a snapshot, noted in the audit log when it begins and ends, streamed from the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import Connection, Select, func, select

from portal.web import i18n
from portal.web.columns import Column
from portal.web.copying import Snapshot, open_snapshot
from portal.web.downloads import csv_response, xlsx_response
from portal.web.format import KARACHI
from portal.web.masking import mask_text
from portal.web.noting import begin_export
from portal.web.statements import statement
from portal.web.xlsx import Fact


@dataclass(frozen=True)
class ListFile:
    """What a list holds: its rows (with an order of their own), columns, number of rows, and control totals."""

    rows: Select[Any]
    columns: Sequence[Column]
    count: int
    sums: Sequence[Fact] = ()


def counted(connection: Connection, rows: Select[Any], columns: Sequence[Column]) -> ListFile:
    """A list whose rows are counted as they are."""
    count = connection.execute(select(func.count()).select_from(rows.order_by(None).subquery())).scalar_one()
    return ListFile(rows, columns, int(count))


def list_response(
    name: str,
    file_format: str,
    make: Callable[[Connection], ListFile],
    *,
    title: str,
    what: str,
    sentences: Callable[[], list[str]],
    location_id: int | None = None,
) -> Response:
    """The list `name` as `csv` or `xlsx`. `sentences` gives its filters in words, in the language then in force; the
    audit log has them in English and without anybody's number. Whatever `make` and `sentences` raise ends the download
    before its first byte.
    """
    snapshot = open_snapshot()
    try:
        return _answer(snapshot, name, file_format, make(snapshot.connection), title, what, sentences, location_id)
    except BaseException as error:
        snapshot.close(error)
        raise


def _answer(
    snapshot: Snapshot,
    name: str,
    file_format: str,
    found: ListFile,
    title: str,
    what: str,
    sentences: Callable[[], list[str]],
    location_id: int | None,
) -> Response:
    with force_locale("en"):
        said = [mask_text(sentence, False) for sentence in sentences()]
        noted = {"filters": said, "rows": found.count}
        note = begin_export(f"list.export.{file_format}", "list", name, noted, location_id=location_id)
    file_name = f"{name}-{dt.datetime.now(KARACHI).date()}.{file_format}"
    if file_format == "csv":
        return csv_response(
            found.rows, found.columns, file_name, snapshot=snapshot, expected_rows=found.count, note=note
        )
    return xlsx_response(
        found.rows,
        found.columns,
        file_name,
        title=title,
        facts=statement(what, sentences(), found.count, found.sums),
        sheet_names=(_("Summary"), _("Rows")),
        right_to_left=i18n.language() in i18n.RIGHT_TO_LEFT,
        snapshot=snapshot,
        expected_rows=found.count,
        note=note,
    )
