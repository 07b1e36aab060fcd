"""The documentation is true: what it names exists, and what exists is named."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

from portal.config import PROJECT_DIR, Settings, load_settings
from portal.factory import create_app

DOCS = PROJECT_DIR / "docs"
PAGES = sorted([*PROJECT_DIR.glob("*.md"), *DOCS.rglob("*.md")])
LARGEST_IMAGE = 250_000
# Read, but not for people: the first is refused with a sentence, the second is for tests.
NOT_SETTINGS = {"SUPABASE_URL", "PORTAL_TESTING"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT_DIR))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


# -- Settings ------------------------------------------------------------------------------------------------------
class Recording(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)


def example_settings() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text_of(PROJECT_DIR / ".env.example"), re.MULTILINE))


@pytest.fixture
def asked(tmp_path: Path) -> set[str]:
    """The variables that the settings are made of."""
    environment = Recording({"INSTANCE_DIR": str(tmp_path)})
    load_settings(environment)
    return environment.asked


def test_every_setting_of_the_example_is_read(asked: set[str]) -> None:
    assert len(example_settings()) > 10
    assert example_settings() <= asked


def test_every_setting_that_is_read_stands_in_the_example(asked: set[str]) -> None:
    assert asked - NOT_SETTINGS <= example_settings()


def test_every_setting_is_explained() -> None:
    explained = set(re.findall(r"^\| `([A-Z0-9_]+)` \| .+ \| .+ \|$", text_of(DOCS / "administrator.md"), re.MULTILINE))
    assert explained == example_settings()


# -- Dependencies --------------------------------------------------------------------------------------------------
def direct_dependencies() -> list[str]:
    own, mark, _rest = text_of(PROJECT_DIR / "requirements.txt").partition("# Needed by the above")
    assert mark
    return re.findall(r"^([A-Za-z0-9._-]+)==", own, re.MULTILINE)


def test_every_dependency_has_its_reason_and_licence() -> None:
    table = text_of(DOCS / "architecture.md").partition("## Dependencies")[2]
    lines = re.findall(r"^\| ([A-Za-z0-9._-]+) \| (.{5,}) \| (.{3,}) \|$", table, re.MULTILINE)
    assert [name for name, _reason, _licence in lines if name != "package"] == direct_dependencies()


# -- Links and pictures --------------------------------------------------------------------------------------------
def links(page: Path) -> Iterator[str]:
    yield from re.findall(r"!?\[[^\]]*\]\(([^)\s]+)\)", text_of(page))


def anchors(page: Path) -> set[str]:
    """The anchors that headings get: lower case, punctuation away, blanks to hyphens."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _sign, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_pictures_are_small_and_all_used() -> None:
    used = {(page.parent / link).resolve() for page in PAGES for link in links(page) if link.endswith(".png")}
    kept = set((DOCS / "images").glob("*"))
    assert kept == used
    assert [name_of(path) for path in sorted(kept) if path.stat().st_size > LARGEST_IMAGE] == []


# -- Commands, targets, addresses ----------------------------------------------------------------------------------
def code(page: Path) -> list[str]:
    """What stands in code: spans, indented lines, fenced lines."""
    text = text_of(page)
    indented = re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
    return [*re.findall(r"`([^`\n]+)`", text), *indented]


@pytest.fixture(scope="module")
def idle_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application; nothing here asks its database."""
    folder = tmp_path_factory.mktemp("instance")
    return create_app(Settings(folder, "postgresql+psycopg2:///nowhere", "a-key-for-tests-of-the-documentation-only"))


@dataclass(frozen=True)
class Commands:
    """The command line. Flask looks the application up in the context: else it would take that of this folder."""

    group: click.Group
    info: ScriptInfo


@pytest.fixture(scope="module")
def commands(idle_app: Flask) -> Commands:
    return Commands(FlaskGroup(create_app=lambda: idle_app), ScriptInfo(create_app=lambda: idle_app))


def wrong_in(commands: Commands, words: list[str]) -> str | None:
    """What does not exist in `flask WORDS`, None when all of it does."""
    group = commands.group
    with click.Context(group, info_name="flask", obj=commands.info) as context:
        command = group.get_command(context, words[0])
    if command is None:
        return words[0]
    rest = words[1:]
    if isinstance(command, click.Group) and rest:
        return wrong_in(replace(commands, group=command), rest)
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return next((word for word in rest if word.startswith("--") and word not in known), None)


@each_page
def test_flask_commands_exist(page: Path, commands: Commands) -> None:
    wrong = []
    for piece in code(page):
        found = re.match(r"(?:\S*/)?flask (?:--app \S+ )?([a-z].*)", piece)
        if found and (missing := wrong_in(commands, found[1].replace("...", "").split())):
            wrong.append((piece, missing))
    assert wrong == []


def test_commands_are_found_out(commands: Commands, idle_app: Flask) -> None:
    """The test above can fail, and looks at the application of this file: no instance of a developer's is started."""
    assert commands.info.load_app() is idle_app
    assert wrong_in(commands, ["fly"]) == "fly"
    assert wrong_in(commands, ["staff", "fire"]) == "fire"
    assert wrong_in(commands, ["verify", "--loud"]) == "--loud"
    assert wrong_in(commands, ["import", "paid", "x.csv", "--as-of", "2025-12-05"]) is None


@each_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(PROJECT_DIR / "Makefile"), re.MULTILINE))
    named = {target for piece in code(page) for target in re.findall(r"(?:^|&& )make ([a-z][a-z-]*)", piece)}
    assert "run" in targets
    assert named <= targets


@each_page
def test_addresses_exist(page: Path, idle_app: Flask) -> None:
    rules = {rule.rule for rule in idle_app.url_map.iter_rules()}
    named = {piece for piece in code(page) if re.fullmatch(r"/[a-z/]+", piece)}
    assert {path for path in named if path not in rules and not path.startswith("/tmp")} == set()


# -- Pages written by scripts --------------------------------------------------------------------------------------
def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_page_is_that_of_the_models() -> None:
    assert text_of(DOCS / "schema.md") == script("make_schema").render(), "Run: python docs/make_schema.py"


def test_the_findings_are_those_of_the_importers() -> None:
    page = text_of(DOCS / "troubleshooting.md")
    assert page == script("make_findings").page(page), "Run: python docs/make_findings.py"


def test_the_roles_page_is_that_of_the_code() -> None:
    assert text_of(DOCS / "roles.md") == script("make_roles").render(), "Run: python docs/make_roles.py"
