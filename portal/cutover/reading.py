"""Reading an export: CSV in UTF-8 with a row of column names, streamed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from flask_babel import lazy_gettext as _l

from portal.cutover.cells import bcrypt_hash_of
from portal.cutover.tables import BY_NAME, OldTable, recognise
from portal.errors import RefusedFileError

LARGEST_CELL = 1 << 20
Row = dict[str, str]


def table_of(path: Path) -> OldTable:
    """Which table a file is, by its header. Raises RefusedFileError."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return recognise(_header(csv.reader(handle), path.name), path.name)


def rows_of(path: Path) -> Iterator[tuple[int, Row]]:
    """(line number, {column: cell}) of each row that holds anything. The header's line is 1.

    Missing columns are '' in every row. Raises RefusedFileError for a file that is not CSV in UTF-8, or whose rows have
    more cells than columns.
    """
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle, strict=True)
        names = [name.strip().lower() for name in _header(reader, path.name)]
        table = recognise(names, path.name)
        blank = dict.fromkeys(table.columns, "")
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) > len(names):
                    raise RefusedFileError(
                        _l(
                            "Line %(line)s of %(file)s has more cells than there are columns. Nothing was taken over."
                            " Export the table again as CSV, with texts in quotes.",
                            line=reader.line_num,
                            file=path.name,
                        )
                    )
                found = dict(zip(names, (cell.replace("\x00", "") for cell in cells), strict=False))
                yield reader.line_num, blank | {name: found[name] for name in table.columns if name in found}
        except (csv.Error, UnicodeDecodeError) as error:
            raise _not_csv(path.name) from error


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    csv.field_size_limit(LARGEST_CELL)
    try:
        header = next(reader, None)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _not_csv(name) from error
    if not header:
        raise RefusedFileError(_l("The file %(file)s is empty. Nothing was taken over.", file=name))
    return header


def _not_csv(name: str) -> RefusedFileError:
    return RefusedFileError(
        _l(
            "The file %(file)s is no CSV in UTF-8. Nothing was taken over. Export the table again as CSV.",
            file=name,
        ),
        code="not_csv",
    )


def without_passwords(path: Path) -> None:
    """Rewrite an export of `staff` so that no password in plain text lies on our disk. Other tables stay."""
    table = table_of(path)
    if table is not BY_NAME["staff"]:
        return
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    with new.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(table.columns)
        line = 1
        for line_no, row in rows_of(path):
            # Blank lines keep the numbers of those that follow.
            handle.write("\r\n" * max(0, line_no - line - 1))
            line = line_no
            row["password"] = bcrypt_hash_of(row["password"]) or ""
            writer.writerow([row[name].replace("\n", " ").replace("\r", " ") for name in table.columns])
    new.replace(path)
