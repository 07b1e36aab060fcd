"""What a file really is, by its first bytes: text (CSV), an Excel workbook, or something that is refused by name."""

from __future__ import annotations

import codecs
from pathlib import Path

from flask_babel import lazy_gettext as _l

from portal.errors import RefusedFileError

CSV, XLSX = "csv", "xlsx"
_WORKBOOK_NAMES = (".xlsx", ".xlsm")
_TEXT_NAMES = (".csv", ".txt", ".tsv")
_HEAD = 8192

_SIGNATURES = (
    (b"%PDF", _l("a PDF document")),
    (b"\x89PNG", _l("a picture")),
    (b"\xff\xd8\xff", _l("a picture")),
    (b"GIF8", _l("a picture")),
    (b"BM", _l("a picture")),
    (b"\x1f\x8b", _l("a gzip archive")),
    (b"Rar!", _l("a RAR archive")),
    (b"7z\xbc\xaf\x27\x1c", _l("a 7-Zip archive")),
    (b"SQLite format 3", _l("a database")),
    (b"\x7fELF", _l("a program")),
    (b"MZ", _l("a program")),
    (b"{\\rtf", _l("a text document")),
)
_MARKUP = (b"<!doctype", b"<html", b"<table", b"<head", b"<body", b"<meta", b"<script", b"<style", b"<div")


def _refuse(message: object, code: str) -> RefusedFileError:
    return RefusedFileError(message, code=code)


def file_type(path: Path, file_name: str) -> str:
    """CSV or XLSX. Raises RefusedFileError for everything else, and for a name that says something else."""
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
    name = file_name.casefold()
    if not head:
        raise _refuse(_l("%(name)s is empty. Download the file again from the portal.", name=file_name), "empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        if name.endswith(_TEXT_NAMES):
            raise _refuse(
                _l(
                    "%(name)s is called a CSV file but is an Excel workbook or another archive."
                    " If it is the portal's workbook, give it the ending .xlsx and upload it again.",
                    name=file_name,
                ),
                "not_csv",
            )
        return XLSX
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _old_office(path, file_name)
    _refuse_other_kinds(head, file_name)
    if name.endswith(_WORKBOOK_NAMES):
        raise _refuse(
            _l(
                "%(name)s is called an Excel workbook but is none (or was cut off at its beginning)."
                " Download the file again; if it is a CSV file, give it the ending .csv.",
                name=file_name,
            ),
            "not_xlsx",
        )
    return CSV


def _old_office(path: Path, file_name: str) -> RefusedFileError:
    """The OLE container holds old workbooks (.xls) and, under a telling entry, password-protected new ones."""
    with path.open("rb") as handle:
        data = handle.read(4 * 1024 * 1024)
    if "EncryptedPackage".encode("utf-16-le") in data:
        return _refuse(
            _l(
                "%(name)s is protected by a password. Open it in Excel, remove the password"
                " (File > Info > Protect Workbook), save it and upload it again.",
                name=file_name,
            ),
            "encrypted",
        )
    return _refuse(
        _l(
            "%(name)s is in the old Excel format (.xls). Open it in Excel and save it as .xlsx,"
            " or download the CSV file from the portal.",
            name=file_name,
        ),
        "old_excel",
    )


def _refuse_other_kinds(head: bytes, file_name: str) -> None:
    for signature, what in _SIGNATURES:
        # Two letters are no proof: a CSV may begin with "BM" or "MZ"; binary files hold NULs soon after.
        if head.startswith(signature) and (len(signature) > 2 or b"\0" in head[:512]):
            raise _not_ours(file_name, what)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith(_MARKUP) or (start.startswith(b"<?xml") and b"<html" in start):
        raise _refuse(
            _l(
                "%(name)s is a web page, not a table: probably the portal's log-in or error page was saved"
                " under this name. Sign in to the portal and download the file again.",
                name=file_name,
            ),
            "web_page",
        )
    if start.startswith(b"<?xml"):
        raise _not_ours(file_name, _l("an XML document"))
    if start.startswith((b"{", b"[{", b"[[", b"[\n")):
        raise _not_ours(file_name, _l("a JSON document"))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    # NULs at the very end come from interrupted downloads; among the text they mean a binary file.
    text = head.rstrip(b"\0")
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1a" for byte in text)
    if controls * 20 > len(text):
        raise _not_ours(file_name, _l("a binary file"))
    if not head.removeprefix(codecs.BOM_UTF8).strip(b" \t\r\n\0"):
        raise _refuse(
            _l("%(name)s holds nothing but blanks. Download the file again from the portal.", name=file_name), "empty"
        )


def _not_ours(file_name: str, what: object) -> RefusedFileError:
    return _refuse(
        _l(
            "%(name)s is %(what)s. Accepted are the portal's CSV files (.csv) and Excel workbooks (.xlsx).",
            name=file_name,
            what=what,
        ),
        "wrong_kind",
    )
