"""What the house forbids, checked in the source: import floors, one place for transactions, words, directions."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from importlinter.cli import lint_imports

from portal.config import PROJECT_DIR

CODE = sorted([*(PROJECT_DIR / "portal").rglob("*.py"), *(PROJECT_DIR / "dashapps").rglob("*.py")])
TEMPLATES = sorted((PROJECT_DIR / "portal").rglob("*.html"))
STYLES = sorted((PROJECT_DIR / "portal" / "static").rglob("*.css"))
URDU = PROJECT_DIR / "portal" / "translations" / "ur" / "LC_MESSAGES"
MAX_LINES = 420


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT_DIR))


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(name as written, line) of every call: `x.commit`, `create_engine`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def test_there_is_something_to_check() -> None:
    assert len(CODE) > 50
    assert len(TEMPLATES) > 5
    assert len(STYLES) >= 1


def test_imports_go_down_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(PROJECT_DIR)
    result = lint_imports(config_filename=str(PROJECT_DIR / ".importlinter"), no_cache=True)
    printed = capsys.readouterr().out
    assert result == 0, printed
    assert "7 kept, 0 broken" in printed


# Servers and jobs speak to PostgreSQL before, or beside, the application and its session.
OWN_CONNECTIONS = {"portal/db.py", "portal/cluster.py", "portal/embedded.py", "portal/dbowner.py"}


def test_engines_and_commits_are_in_one_place() -> None:
    found = []
    for path in CODE:
        if name_of(path) in OWN_CONNECTIONS:
            continue
        for name, line in calls(ast.parse(path.read_text())):
            last = name.rpartition(".")[2]
            if last in {"create_engine", "sessionmaker", "scoped_session", "commit"} or name == "Session":
                found.append(f"{name_of(path)}:{line} {name}")
    assert found == []


def test_nothing_is_registered_for_all_dash_apps_at_once() -> None:
    forbidden = {"callback", "clientside_callback", "register_page"}
    found = []
    for path in CODE:
        tree = ast.parse(path.read_text())
        found += [
            f"{name_of(path)}:{line} {name}" for name, line in calls(tree) if name in {f"dash.{f}" for f in forbidden}
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "dash":
                found += [f"{name_of(path)}:{node.lineno} {a.name}" for a in node.names if a.name in forbidden]
    assert found == []


def test_migrations_import_no_features() -> None:
    for path in sorted((PROJECT_DIR / "migrations").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not re.search(r"\.(service|views|forms|tasks)$", module), f"{name_of(path)} imports {module}"


def test_files_can_be_read_in_one_sitting() -> None:
    long = {name_of(path): lines for path in CODE if (lines := len(path.read_text().splitlines())) > MAX_LINES}
    assert long == {}


# --- right to left -----------------------------------------------------------------------------------------------

PHYSICAL = re.compile(
    r"(?:^|[;{\s])(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right|top|bottom)[\w-]*"
    r"|left|right|top|bottom|border-(?:top|bottom)-(?:left|right)-radius)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)"
)


def without_comments(css: str) -> str:
    return re.sub(r"/\*.*?\*/", "", css, flags=re.S)


@pytest.mark.parametrize(
    "bad", ["a{margin-left:1px}", "a { left: 0 }", "a { text-align: right }", "a{\nborder-top: 0}"]
)
def test_the_pattern_finds_physical_properties(bad: str) -> None:
    assert PHYSICAL.search(bad)
    assert not PHYSICAL.search("a { margin-inline-start: 1px; text-align: start; inset-block-start: 0 }")


def test_styles_use_logical_properties_only() -> None:
    found = [
        f"{name_of(path)}: {m[0].strip()}"
        for path in STYLES
        for m in PHYSICAL.finditer(without_comments(path.read_text()))
    ]
    for path in TEMPLATES:
        for style in re.findall(r'style="([^"]*)"', path.read_text()):
            found += [f"{name_of(path)}: {style}" for _ in PHYSICAL.finditer(style)]
    assert found == []


# --- words -------------------------------------------------------------------------------------------------------


PROPER_NAMES = {"CSV", "Excel", "PDF"}


def bare_words(template: str) -> list[str]:
    """Text a person would see (or hear) that does not pass through gettext."""
    text = re.sub(r"{#.*?#}", "", template, flags=re.S)
    text = re.sub(r"<(script|style|kbd|code)\b.*?</\1>", "", text, flags=re.S)
    text = re.sub(r"{%.*?%}|{{.*?}}", "\x00", text, flags=re.S)
    spoken = re.findall(r'(?:placeholder|title|aria-label|alt)="([^"\x00]*[A-Za-z]{2}[^"\x00]*)"', text)
    shown = [part.strip() for part in re.split(r"<[^>]*>|\x00|&\w+;", text)]
    return spoken + [part for part in shown if re.search(r"[A-Za-z]{2}", part) and part not in PROPER_NAMES]


def test_the_search_for_bare_words_finds_them() -> None:
    assert bare_words("<p>{{ _('Yes') }} hello</p>") == ["hello"]
    assert bare_words('<input placeholder="Name" value="{{ x }}"><b title="{{ _("a b") }}">·</b>') == ["Name"]
    assert bare_words("{# note #}<script>var x</script>{% if a %}{{ _('b') }}{% endif %}") == []


def test_templates_show_translated_words_only() -> None:
    found = {name_of(path): words for path in TEMPLATES if (words := bare_words(path.read_text()))}
    assert found == {}


def _hashable(text: object) -> object:
    return tuple(text) if isinstance(text, list | tuple) else text


def test_the_urdu_catalogue_is_compiled_and_keeps_the_placeholders() -> None:
    catalogue = read_po(io.BytesIO((URDU / "messages.po").read_bytes()), locale="ur")
    compiled = read_mo(io.BytesIO((URDU / "messages.mo").read_bytes()))
    texts = {_hashable(message.id): _hashable(message.string) for message in catalogue if message.id}
    assert {_hashable(message.id): _hashable(message.string) for message in compiled if message.id} == texts
    assert len(texts) > 200
    for original, translated in texts.items():
        originals = original if isinstance(original, tuple) else (str(original),)
        for text in translated if isinstance(translated, tuple) else (str(translated),):
            assert re.search("[\u0600-\u06ff]", text), original
            assert sorted(re.findall(r"%\(\w+\)\w", text)) == sorted(re.findall(r"%\(\w+\)\w", originals[0])), original


KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2")]


def shown_messages() -> set[str]:
    """Every message of code and templates; of one with a plural, the singular."""
    found: set[str] = set()
    for folder in ("portal", "dashapps"):
        for _file, _line, message, *_rest in extract_from_dir(str(PROJECT_DIR / folder), METHODS, keywords=KEYWORDS):
            found.add(message if isinstance(message, str) else message[0])
    return found


def test_everything_shown_is_in_urdu() -> None:
    catalogue = read_po(io.BytesIO((URDU / "messages.po").read_bytes()), locale="ur")
    done = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.id and not message.fuzzy and message.string and all(message.string)
    }
    shown = shown_messages()
    assert len(shown) > 900
    assert sorted(shown - done) == []
    assert sorted(done - shown) == []  # nothing is kept that is no longer shown
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


def test_messages_are_written_where_they_are_translated() -> None:
    """A message that reaches gettext in a variable is found by no extraction."""
    found = []
    for path in CODE:
        tree = ast.parse(path.read_text())
        passed_on = {  # `def _(message, ...)` hands on what its callers write
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name in KEYWORDS
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node in passed_on:
                continue
            if node.func.id in KEYWORDS and not all(isinstance(a, ast.Constant) for a in node.args[:1]):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert found == []


def test_values_keep_their_order_inside_urdu_sentences() -> None:
    """A value put into an Urdu sentence is isolated, or its parts change places. Bare counts need it not."""
    catalogue = read_po(io.BytesIO((URDU / "messages.po").read_bytes()), locale="ur")
    bare = []
    for message in catalogue:
        for text in [message.string] if isinstance(message.string, str) else message.string or []:
            names = re.findall(r"(?<!\u2068)%\((\w+)\)s", text)
            bare += [text for name in names if name not in {"n", "num", "count", "number", "url"}]
    assert bare == []
