"""sqlmap on every form, query and callback: is there a parameter that reaches SQL as text?"""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from attack.findings import Finding
from attack.surface import Form, address
from attack.target import Target, environment_of_tools

_SIGNS = ("identified the following injection point", "is vulnerable", "appears to be injectable", "' is injectable")


def _command(tools: Path, target: Target, form: Form, folder: Path, deep: bool) -> list[str]:
    arguments = [
        *(str(tools / "bin" / "sqlmap"), "-u", address(target, form), f"--output-dir={folder}"),
        *("--cookie", target.cookie, "--drop-set-cookie", "--referer", f"{target.url}/", "--ignore-redirects"),
        *("--batch", "--disable-coloring", "--flush-session", "--ignore-code=*", "--timeout=20", "--retries=1"),
        *("--dbms=PostgreSQL", "--risk=1", "--level=1", "--time-sec=2", "--skip=csrf_token,cursor"),
        *(["--technique=BEUST"] if deep else ["--technique=BEU", "--smart"]),
    ]
    if form.body is not None:
        headers = ("-H", "Content-Type: application/json", "-H", "Sec-Fetch-Site: same-origin")
        arguments += ["--data", json.dumps(form.body), *headers]
        arguments += ["--param-exclude=^(JSON )?(id|property|output|outputs|changedPropIds)$"]
    elif form.method == "POST":
        arguments += ["--data", urlencode(form.fields)]
    return arguments


def scan(
    tools: Path, target: Target, forms: list[Form], folder: Path, deadline: float, quick: bool
) -> tuple[list[Finding], list[str]]:
    """Findings, and what the time did not reach.

    First a look at every parameter of every target (does a quote, a bracket, a number change the answer?), then every
    technique on one target after the other until the time is up. A quick run only looks.
    """
    environment = environment_of_tools(folder / "home")

    def one(number: int, form: Form, deep: bool) -> Finding | str | None:
        where = f"{form.method} {form.marked or form.path}"
        left = deadline - time.monotonic()
        if left < 5:
            return where
        log = folder / f"{'deep' if deep else 'look'}-{number}.log"
        command = _command(tools, target, form, folder / log.stem, deep)
        with log.open("w") as out:
            try:
                subprocess.run(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                    timeout=min(left, 150 if deep else 60), check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return f"{where} (cut off)"
        said = log.read_text(errors="replace")
        sign = next((line for line in said.splitlines() if any(sign in line for sign in _SIGNS)), "")
        if sign and "false positive" not in said:
            return Finding("sqlmap", target.role, 4, "SQL injection", where, sign)
        if "all tested parameters" in said or "no parameter(s) found for testing" in said:
            return None
        return f"{where} (not tested: {' '.join(said.strip().splitlines()[-3:])[:160]})"

    found: list[Finding] = []
    unreached: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        for deep in (False,) if quick else (False, True):
            results = list(pool.map(lambda numbered, deep=deep: one(*numbered, deep), enumerate(forms)))
            found += [r for r in results if isinstance(r, Finding)]
            unreached += [f"{r} ({'every technique' if deep else 'look'})" for r in results if isinstance(r, str)]
    return found, unreached
