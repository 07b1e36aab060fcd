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


def _command(tools: Path, target: Target, form: Form, folder: Path, quick: bool) -> list[str]:
    arguments = [
        *(str(tools / "bin" / "sqlmap"), "-u", address(target, form), f"--output-dir={folder}"),
        *("--cookie", target.cookie, "--drop-set-cookie", "--referer", f"{target.url}/", "--ignore-redirects"),
        *("--batch", "--disable-coloring", "--flush-session", "--ignore-code=*", "--timeout=20", "--retries=1"),
        *("--dbms=PostgreSQL", "--risk=1", "--level=1", "--time-sec=2", "--skip=csrf_token,cursor"),
        f"--technique={'BEU' if quick else 'BEUST'}",
    ]
    if quick:
        arguments.append("--smart")
    if form.body is not None:
        arguments += [
            "--data",
            json.dumps(form.body),
            "-H",
            "Content-Type: application/json",
            "-H",
            "Sec-Fetch-Site: same-origin",
        ]
        arguments += ["--param-exclude=^(JSON )?(id|property|output|outputs|changedPropIds)$"]
    elif form.method == "POST":
        arguments += ["--data", urlencode(form.fields)]
    return arguments


def scan(
    tools: Path, target: Target, forms: list[Form], folder: Path, deadline: float, quick: bool
) -> tuple[list[Finding], list[str]]:
    """Findings, and the addresses that the time did not reach."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = environment_of_tools(folder / "home")

    def one(numbered: tuple[int, Form]) -> Finding | str | None:
        number, form = numbered
        where = f"{form.method} {form.marked or form.path}"
        left = deadline - time.monotonic()
        if left < 5:
            return where
        command = _command(tools, target, form, folder / f"{number}", quick)
        log = folder / f"{number}.log"
        with log.open("w") as out:
            try:
                subprocess.run(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                    timeout=min(left, 60 if quick else 150), check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return f"{where} (cut off)"
        said = log.read_text(errors="replace")
        sign = next((line for line in said.splitlines() if any(sign in line for sign in _SIGNS)), "")
        if sign and "false positive" not in said:
            return Finding("sqlmap", target.role, 4, "SQL injection", where, sign)
        if "all tested parameters do not appear to be injectable" in said or "all tested parameters" in said:
            return None
        last = said.strip().splitlines()[-3:]
        return (
            None
            if "[WARNING] heuristic" in said or "skipping" in said
            else f"{where} (not tested: {' '.join(last)[:160]})"
        )

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, enumerate(forms)))
    return [r for r in results if isinstance(r, Finding)], [r for r in results if isinstance(r, str)]
