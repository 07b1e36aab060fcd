"""docs/security.md: every requirement has its row, every test named there exists, every heading pointed to is there."""

from __future__ import annotations

import ast
import re
from functools import cache

from portal.config import PROJECT_DIR

DOCUMENT = PROJECT_DIR / "docs" / "security.md"
# OWASP ASVS 5.0.0: level 1 whole.
LEVEL_1 = """
1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.5.1 2.1.1 2.2.1 2.2.2 2.3.1 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.5.3
4.1.1 4.4.1 5.2.1 5.2.2 5.3.1 5.3.2 6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2
7.2.1 7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 9.1.1 9.1.2 9.1.3 9.2.1 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5
11.3.1 11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 13.4.1 14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
"""
# Level 2 of encoding (1), validation (2), files (5), authentication (6), sessions (7) and access control (8).
LEVEL_2 = """
1.1.1 1.1.2 1.2.6 1.2.7 1.2.8 1.2.9 1.3.3 1.3.4 1.3.5 1.3.6 1.3.7 1.3.8 1.3.9 1.3.10 1.3.11 1.4.1 1.4.2 1.4.3 1.5.2
2.1.2 2.1.3 2.2.3 2.3.2 2.3.3 2.3.4 2.4.1 5.1.1 5.2.3 5.4.1 5.4.2 5.4.3 6.1.2 6.1.3 6.2.9 6.2.10 6.2.11 6.2.12 6.3.3
6.3.4 6.4.3 6.4.4 6.5.1 6.5.2 6.5.3 6.5.4 6.5.5 6.6.1 6.6.2 6.6.3 6.8.1 6.8.2 6.8.3 6.8.4 7.1.1 7.1.2 7.1.3 7.3.1 7.3.2
7.4.3 7.4.4 7.4.5 7.5.1 7.5.2 7.6.1 7.6.2 8.1.2 8.2.3 8.4.1
"""
_ROW = re.compile(r"^\| (V\d+\.\d+\.\d+) \| (\d) \| (.+?) \| (yes|no) \| (.+?) \| (.+?) \|$", re.M)
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows() -> list[tuple[str, str, str, str, str, str]]:
    return _ROW.findall(DOCUMENT.read_text())


@cache
def functions_of(path: str) -> frozenset[str]:
    """The tests of a file."""
    tree = ast.parse((PROJECT_DIR / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_requirement_has_its_row_once() -> None:
    wanted = {f"V{number}": level for level, text in (("1", LEVEL_1), ("2", LEVEL_2)) for number in text.split()}
    assert len(LEVEL_1.split()) == 70
    found = rows()
    names = [row[0] for row in found]
    assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
    assert set(wanted) - set(names) == set()
    assert {row[0]: row[1] for row in found if row[0] in wanted} == wanted
    # A row that is cut in the middle would not be counted.
    assert len(re.findall(r"^\| V\d", DOCUMENT.read_text(), re.M)) == len(found)


def test_every_test_named_exists() -> None:
    named = _TEST.findall(DOCUMENT.read_text())
    assert len(named) > 100
    missing = []
    for path, name in named:
        if not (PROJECT_DIR / path).is_file() or (name and name not in functions_of(path)):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_what_applies_is_proved_and_what_does_not_has_a_reason() -> None:
    for name, _level, _text, applies, how, proof in rows():
        if applies == "yes":
            assert _TEST.search(proof), f"{name} names no test"
            assert len(how) > 4, name
        else:
            assert not _TEST.search(proof), f"{name} does not apply and names a test"
            assert len(proof) > 10, f"{name} has no reason"


def test_the_document_has_what_the_table_points_to() -> None:
    text = DOCUMENT.read_text()
    headings = {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines()
                if line.startswith("#")}  # fmt: skip
    pointed = set(re.findall(r"\]\(#([\w-]+)\)", text))
    assert pointed - headings == set()
    assert {"what-is-accepted", "limits", "files", "signing-in", "sessions", "who-sees-what", "updates"} <= pointed
    for path in re.findall(r"\]\((\.\./)?([\w/.-]+\.md)", text):
        assert ((DOCUMENT.parent / path[0] / path[1]).resolve()).is_file(), path
    for heading in ("what-is-accepted", "limits", "files", "signing-in", "sessions", "who-sees-what", "updates"):
        body = re.split(r"^#+ ", text, flags=re.M)
        part = next(
            one
            for one in body
            if one.strip() and re.sub(r"[^\w\- ]", "", one.splitlines()[0].lower()).replace(" ", "-") == heading
        )
        assert len(part) > 400, f"{heading} says too little"


def test_every_component_is_pinned() -> None:
    """What is installed is what was checked: exact versions, of the tools of the attack too."""
    for path in ("requirements.txt", "attack/requirements.txt"):
        lines = [line.split("#")[0].strip() for line in (PROJECT_DIR / path).read_text().splitlines()]
        loose = [line for line in lines if line and not re.fullmatch(r"[\w.\-\[\]]+==[\w.+!]+( *;.*)?", line)]
        assert loose == [], path
