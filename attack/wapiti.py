"""wapiti crawls with a role's session and tries what it knows: markup, redirects, headers, files, commands, SQL."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from attack.findings import Finding
from attack.surface import ENDS_THE_SESSION
from attack.target import Target, environment_of_tools

# Left out: what needs a server elsewhere to call back (ssrf, xxe, log4shell: nothing here may leave this machine),
# and what is about other software (LDAP, cms, nikto's lists, network devices).
MODULES = (
    *("cookieflags", "csp", "http_headers", "csrf", "crlf", "exec", "file", "htaccess", "methods", "permanentxss"),
    *("redirect", "sql", "upload", "xss", "backup", "shellshock", "timesql"),
)
QUICK = ("cookieflags", "csp", "http_headers", "csrf", "crlf", "file", "permanentxss", "redirect", "sql", "xss")


def scan(tools: Path, target: Target, paths: list[str], folder: Path, seconds: float, quick: bool) -> list[Finding]:
    """Crawl for a quarter of the time, attack for the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.json"
    modules = QUICK if quick else MODULES
    crawl = max(15.0, seconds / 4)
    each = max(4.0, (seconds - crawl) / len(modules))
    command = [
        *(str(tools / "bin" / "wapiti"), "-u", f"{target.url}/", "--scope", "folder", "-C", target.cookie),
        *("--verify-ssl", "0", "-m", ",".join(modules), "-S", "normal", "--tasks", "4", "-t", "20", "-v", "1"),
        *("-d", "3", "--max-links-per-page", "40", "--max-files-per-dir", "40", "--max-parameters", "12"),
        *("--max-scan-time", f"{crawl:.0f}", "--max-attack-time", f"{each:.0f}", "--skip", "csrf_token"),
        *("--endpoint", "http://127.0.0.1:1/", "--dns-endpoint", "127.0.0.1", "--no-bugreport", "--flush-session"),
        *("--store-session", str(folder / "session"), "--store-config", str(folder / "config")),
        *("-f", "json", "-o", str(report)),
    ]
    for path in paths:
        command += ["-s", target.url + path]
    for path in ENDS_THE_SESSION:
        command += ["-x", f"{target.url}{path}*"]
    for _attempt in range(2):  # its own store of findings is locked now and then on a busy machine
        with (folder / "wapiti.log").open("w") as out:
            try:
                subprocess.run(
                    command, env=environment_of_tools(folder / "home"), stdin=subprocess.DEVNULL, stdout=out,
                    stderr=subprocess.STDOUT, timeout=seconds * 2 + 60, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return [
                    Finding("wapiti", target.role, 1, "scan cut off", target.url, f"after {seconds * 2 + 60:.0f} s")
                ]
        if report.exists():
            break
    else:
        return [Finding("wapiti", target.role, 1, "scan failed", target.url, f"see {folder / 'wapiti.log'}")]
    return read(json.loads(report.read_text()), target.role)


def read(report: dict[str, dict[str, list[dict[str, object]]]], role: str) -> list[Finding]:
    """The findings of a report."""
    found = []
    for part in ("vulnerabilities", "anomalies"):
        for what, entries in report.get(part, {}).items():
            for one in entries:
                level = int(str(one.get("level", 1)))
                where = (
                    f"{one.get('method')} {urlsplit(str(one.get('path'))).path} {one.get('parameter') or ''}".strip()
                )
                found.append(Finding("wapiti", role, level, what, where, str(one.get("info", ""))))
    return found


def waited(begin: float) -> str:
    return f"{time.monotonic() - begin:.0f} s"
