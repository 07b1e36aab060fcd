"""Reads an Excel workbook as rows of text, in a process of its own: `python -m portal.imports.xlsx_rows PATH LIMITS`.

Started by `portal.imports.xlsx_reader`, with which it speaks in length-prefixed frames (`send`): first the heads of all
sheets, then, when a line of JSON on stdin has named a sheet and its columns, that sheet's rows, at last {"end": rows}.
Whatever goes wrong becomes a frame {"error": code, "detail": text}. It imports neither flask nor the database: it only
holds the file.
"""

from __future__ import annotations

import io
import itertools
import json
import marshal
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import python_calamine as calamine

from portal.imports.xlsx_parts import MIB, Cuts, SheetStream, Unreadable, Workbook, as_text

HEAD_ROWS = 20
BATCH = 500
_DAMAGED = (calamine.CalamineError, ElementTree.ParseError, ValueError, KeyError, NotImplementedError, OSError)


def send(out: io.BufferedIOBase, frame: Any) -> None:
    """Four bytes of length, then the frame in Python's marshal format (both ends run the same interpreter)."""
    data = marshal.dumps(frame)
    out.write(struct.pack("<I", len(data)))
    out.write(data)


def limit_memory(mib: int) -> None:
    """Bound the address space, so that a workbook made to fill the memory ends this process and no other."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB))


def heads(workbook: Workbook) -> list[dict[str, Any]]:
    """Name, visibility and the first rows that hold anything of every worksheet."""
    streams = [SheetStream(workbook, sheet) for sheet in workbook.sheets]
    parts = {
        sheet.part: stream.whole([stream.head(HEAD_ROWS * 2)])
        for sheet, stream in zip(workbook.sheets, streams, strict=True)
    }
    result = []
    with workbook.open_with(parts) as book:
        for sheet in workbook.sheets:
            table = book.get_sheet_by_name(sheet.name)
            rows: list[tuple[int, list[str]]] = []
            for number, row in _numbered(table):
                texts = [cell if type(cell) is str else as_text(cell) for cell in row]
                if any(map(str.strip, texts)):
                    rows.append((number, texts))
                if len(rows) >= HEAD_ROWS:
                    break
            left = table.start[1] if table.start else 0
            result.append({"name": sheet.name, "visible": sheet.visible, "left": left, "rows": rows})
    return result


def _numbered(table: calamine.CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """(row number from 1, cells from the table's first column); calamine gives blank rows above the first."""
    if table.start is None:
        return
    top = table.start[0]
    yield from enumerate(itertools.islice(table.iter_rows(), top, None), top + 1)


def rows(workbook: Workbook, index: int, header_row: int, positions: list[int]) -> Iterator[tuple[Any, ...]]:
    """(row number, cells, flags) of every row below the header that has a value in one of the columns.

    `positions` are columns of the sheet from 0, -1 for those it lacks. `flags` are (place in cells, code).
    """
    sheet = workbook.sheets[index]
    wanted = {position: place for place, position in enumerate(positions) if position >= 0}
    for cut in Cuts(SheetStream(workbook, sheet)):
        flags: dict[int, list[tuple[int, str]]] = {}
        for found in cut.flagged:
            place = wanted.get(found.column)
            if place is not None:
                flags.setdefault(found.row + 1, []).append((place, found.code))
        with workbook.open_with({sheet.part: cut.xml}) as book:
            table = book.get_sheet_by_name(sheet.name)
            if table.start is None and not flags:
                continue
            left, width = (table.start[1], table.width) if table.start else (0, 0)
            # Columns without a value in this cut are taken from a blank appended to each row.
            places = [p - left if p >= 0 and 0 <= p - left < width else width for p in positions]
            pick = itemgetter(*places)
            seen = set()
            for number, row in _numbered(table):
                line = number + cut.offset
                if line <= header_row:
                    continue
                row.append("")
                cells = [cell if type(cell) is str else as_text(cell) for cell in pick(row)]
                found_here = flags.get(line)
                if found_here:
                    seen.add(line)
                elif not any(map(str.strip, cells)):
                    continue
                yield line, cells, found_here
            # Rows of nothing but formulas without a value lie outside calamine's table.
            for line in sorted(flags.keys() - seen):
                if line > header_row:
                    yield line, [""] * len(positions), flags[line]


def stream(out: io.BufferedIOBase, found: Iterator[tuple[Any, ...]]) -> None:
    """Send the rows in batches, then the end."""
    total = 0
    while batch := list(itertools.islice(found, BATCH)):
        total += len(batch)
        send(out, batch)
    send(out, {"end": total})


def main(arguments: list[str]) -> int:
    """Exit code 0 when a frame told the parent everything, also when the workbook could not be read."""
    path, max_unpacked_mib, memory_mib = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    limit_memory(memory_mib)
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        try:
            workbook = Workbook(path, max_unpacked_mib * MIB)
            send(out, {"sheets": heads(workbook)})
            out.flush()
            line = sys.stdin.readline()
            if line:
                choice = json.loads(line)
                stream(out, rows(workbook, choice["sheet"], choice["header_row"], choice["positions"]))
        except BrokenPipeError:
            return 0
        except Unreadable as error:
            send(out, {"error": error.code, "detail": str(error)})
        except calamine.PasswordError as error:
            send(out, {"error": "encrypted", "detail": str(error)})
        except (zipfile.BadZipFile, zlib.error, EOFError, calamine.ZipError) as error:
            send(out, {"error": "truncated", "detail": str(error)})
        except MemoryError:
            send(out, {"error": "memory", "detail": ""})
        except _DAMAGED as error:
            send(out, {"error": "damaged", "detail": f"{type(error).__name__}: {error}"})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
