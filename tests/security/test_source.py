"""What the source must not do, read out of the source: each rule is also tried on a line that breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from portal.config import PROJECT_DIR

CODE = sorted([*(PROJECT_DIR / "portal").rglob("*.py"), *(PROJECT_DIR / "dashapps").rglob("*.py")])
TEMPLATES = sorted((PROJECT_DIR / "portal").rglob("*.html"))
SCRIPTS = sorted((PROJECT_DIR / "portal" / "static").rglob("*.js"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT_DIR))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


# Who may speak to another machine. The launcher asks its own web server whether it is ready.
CLIENTS = {
    "requests",
    "urllib.request",
    "http.client",
    "httpx",
    "aiohttp",
    "urllib3",
    "ftplib",
    "smtplib",
    "telnetlib",
    "imaplib",
    "poplib",
    "fsspec",
    "obstore",
    "google",
    "paramiko",
    "xmlrpc.client",
}
MAY_CALL_OUT = {
    "portal/run.py": {"http.client"},
    "portal/mail/service.py": {"smtplib"},
    # The storage of the settings: a folder or a bucket.
    "portal/storage/places.py": {"fsspec"},
    # Photos that files name: of the open web only, by addresses it has looked at (tests/files/test_fetching.py).
    "portal/documents/fetching.py": {"urllib3"},
    "portal/storage/remote.py": {"obstore"},
    "portal/storage/drive.py": {"google"},
}


def clients(source: str) -> set[str]:
    return {name for name in imported(ast.parse(source)) if name in CLIENTS or name.split(".")[0] in CLIENTS}


def not_allowed(name: str, used: set[str]) -> set[str]:
    """Those of the clients that a module uses and may not."""
    allowed = MAY_CALL_OUT.get(name, set())
    return {one for one in used if not any(one == may or one.startswith(f"{may}.") for may in allowed)}


def test_nothing_fetches_an_address_somebody_gave() -> None:
    """No client for other machines is imported, but where the address is the settings' own."""
    found = {name_of(path): clients(path.read_text()) for path in CODE}
    assert {name: left for name, used in found.items() if (left := not_allowed(name, used))} == {}
    assert (
        clients("import requests")
        and clients("from urllib.request import urlopen")
        and not clients("import urllib.parse")
    )


DANGEROUS = {
    "eval",
    "exec",
    "compile",
    "os.system",
    "os.popen",
    "pickle.loads",
    "pickle.load",
    "marshal.load",
    "yaml.load",
    "render_template_string",
    "tempfile.mktemp",
    "send_from_directory",
}
# A file of our own process's making; a frame of the reader's own child process.
KNOWN_USES = {("portal/demo/writers.py", "pickle.load"), ("portal/imports/xlsx_reader.py", "marshal.loads")}


def dangers(source: str) -> set[str]:
    found = set()
    for name, call in called(ast.parse(source)):
        if name in DANGEROUS or name in {"marshal.loads"}:
            found.add(name)
        if any(keyword.arg == "shell" and getattr(keyword.value, "value", None) is True for keyword in call.keywords):
            found.add("shell=True")
    return found


def test_no_text_is_run_as_code_or_command() -> None:
    found = {(name_of(path), use) for path in CODE for use in dangers(path.read_text())}
    assert found <= KNOWN_USES, found - KNOWN_USES
    for bad in ("eval(x)", "subprocess.run(x, shell=True)", "pickle.loads(x)", "render_template_string(x)"):
        assert dangers(bad), bad


def test_cached_results_are_read_back_from_our_own_folder_only() -> None:
    """Flask-Caching pickles: its files lie in a folder of the instance that no upload reaches."""
    from portal.config import Settings

    settings = Settings(Path("/x"), None, "k")
    assert settings.results_dir != settings.uploads_dir
    assert settings.uploads_dir not in settings.results_dir.parents


def weak_hashes(source: str) -> set[str]:
    tree = ast.parse(source)
    return {name for name, _call in called(tree) if name in {"hashlib.md5", "hashlib.sha1", "hashlib.new"}} | {
        name for name in imported(tree) if name in {"crypt", "random"} or name.startswith("random.")
    }


def test_no_weak_hash_and_no_guessable_chance() -> None:
    """Demo data are made by `random` with a seed, on purpose."""
    found = {name_of(path): weak_hashes(path.read_text()) for path in CODE if "demo" not in path.parts}
    assert {name: used for name, used in found.items() if used} == {}
    assert weak_hashes("import random") and weak_hashes("hashlib.md5(x)")


def names_in_text(source: str) -> list[str]:
    """What is put into the text of a statement: `text(f"... {x}")` gives x."""
    found = []
    for name, call in called(ast.parse(source)):
        if name.rpartition(".")[2] in {"text", "run", "execute", "copy_expert", "literal_column"} and call.args:
            found += [
                ast.unparse(part.value)
                for argument in call.args
                for part in ast.walk(argument)
                if isinstance(part, ast.FormattedValue)
            ]
    return found


def test_no_view_form_or_dashboard_writes_sql_with_values_in_it() -> None:
    """Statements with parts put together exist in services and imports, of names that stand in the code. Where requests
    are read, there are none."""
    near_requests = [
        path
        for path in CODE
        if path.name in {"views.py", "forms.py"} or "dashapps" in path.parts or "web" in path.parts
    ]
    assert len(near_requests) > 30
    found = {
        f"{name_of(path)}: {part}"
        for path in near_requests
        if path.name != "columns.py"  # which writes the XML of constants
        for part in names_in_text(path.read_text())
        if not part.isupper()  # a constant
    }
    assert found <= {"portal/web/copying.py: setting"}, found  # a constant of that very loop
    assert names_in_text('session.execute(text(f"SELECT {x}"))')


def test_no_statement_holds_what_a_request_said() -> None:
    pattern = re.compile(r"\brequest\.|current_user|\bform\[|\bargs\[|question\.text")
    found = [f"{name_of(p)}: {part}" for p in CODE for part in names_in_text(p.read_text()) if pattern.search(part)]
    assert found == []


def test_templates_escape() -> None:
    """Put in as it is: what the code makes of its own, Dash's configuration and script tags, a QR code, end tags."""
    found = {
        (name_of(path), match[0])
        for path in TEMPLATES
        for match in re.finditer(r"\{\{[^}]*\|\s*safe[^}]*\}\}|\{%-?\s*autoescape\s+false", path.read_text())
    }
    assert found <= {
        ("portal/templates/dash.html", "{{ config | safe }}"),
        ("portal/templates/dash.html", "{{ scripts | safe }}"),
        ("portal/templates/staff/own_factor.html", "{{ qr | safe }}"),
        (
            "portal/templates/settings/_parts.html",
            "{{ '</fieldset>' | safe if spec.kind == Kind.CHOICES else '</div>' | safe }}",
        ),
    }


def test_attributes_are_quoted_and_no_link_is_made_of_a_name() -> None:
    for path in TEMPLATES:
        source = path.read_text()
        assert not re.search(r"<[a-z][^>]*\s[a-z-]+=\{\{", source), name_of(path)
        for tag in re.findall(r"<a [^>]*target=\"_blank\"[^>]*>", source):
            assert 'rel="noopener noreferrer"' in tag, name_of(path)


SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(\s*[\"']"
    r"|postMessage|localStorage|\.cookie\b"
)


def test_scripts_write_text_and_no_markup() -> None:
    assert len(SCRIPTS) > 3
    found = [f"{name_of(path)}: {match[0]}" for path in SCRIPTS for match in SINKS.finditer(path.read_text())]
    assert found == []
    assert SINKS.search("x.innerHTML = y")


def test_no_page_fetches_from_another_host() -> None:
    for path in [*TEMPLATES, *SCRIPTS, *sorted((PROJECT_DIR / "portal" / "static").rglob("*.css"))]:
        found = re.findall(
            r"(?:src|<link[^>]*href|url\(|fetch\(|import )\s*[=(]?\s*[\"']?(?:https?:)?//[^\"')\s]+", path.read_text()
        )
        assert found == [], f"{name_of(path)}: {found}"


def test_no_debug_mode_and_no_secret_in_the_source() -> None:
    for path in CODE:
        source = path.read_text()
        assert not re.search(r"debug\s*=\s*True|FLASK_DEBUG", source), name_of(path)
        assert not re.search(r"(?i)(password|secret|api_key|token)\s*=\s*[\"'][A-Za-z0-9+/]{16,}[\"']", source), (
            name_of(path)
        )


def test_form_objects_take_named_fields_only() -> None:
    """No model is filled from a whole form: every field is named where it is read (mass assignment)."""
    bad = re.compile(
        r"populate_obj|\*\*request\.(form|args|values|json)|update\(request\.|\*\*(form|data)\.data|setattr\([^)]*request"
    )
    assert [name_of(path) for path in CODE if bad.search(path.read_text())] == []
    assert bad.search("form.populate_obj(staff)")


def compared_secrets(source: str) -> list[str]:
    """Comparisons in Python (not of columns, `Table.token_hash == ...`, which are SQL) of what is secret."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            sides = [node.left, *node.comparators]
            names = [side.id for side in sides if isinstance(side, ast.Name)]
            names += [ast.unparse(side) for side in sides if isinstance(side, ast.Call)]
            if any(
                re.search(r"^(\w+_)?(token|password|secret|digest)(_hash)?$|hexdigest\(\)$", name) for name in names
            ) and not any(isinstance(side, ast.Attribute | ast.Constant) for side in sides):
                found.append(ast.unparse(node))
    return found


def test_secrets_are_compared_in_constant_time() -> None:
    """Tokens are looked up by their digest; where one is compared in Python it is by `compare_digest`."""
    found = {name_of(path): bad for path in CODE if (bad := compared_secrets(path.read_text()))}
    assert found == {}
    assert compared_secrets("if given_token == token: pass")


def test_no_secret_is_offered_again_when_a_form_was_too_old() -> None:
    """The page that lets people send an old form again repeats what was typed, but for these fields."""
    from portal.web.errors import _SECRET_FIELDS

    fields = set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and isinstance(node.targets[0], ast.Name)
            ):
                made, name = ast.unparse(node.value.func), node.targets[0].id
                if made == "PasswordField" or (
                    re.search(r"password|code|secret|sealed", name) and made.endswith("Field")
                ):
                    fields.add(name)
    assert {"new_password", "repeated", "code", "sealed", "one_time_code"} <= fields
    assert [name for name in fields if not any(part in name for part in _SECRET_FIELDS)] == []
