"""`python -m attack [--quick]`: sqlmap and wapiti with a session of each role; a report; fails on a finding."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import sys
import time
from pathlib import Path

from attack import sqlmap, surface, wapiti
from attack.findings import Finding, as_json, failing, markdown
from attack.target import Target, counted, failures, free_port, make_base, make_certificate, running
from benchmarks.server import Server, running_server
from portal.config import PROJECT_DIR, load_settings
from portal.factory import create_app

ROLES = ("head", "admin", "manager", "supervisor", "agent")
# Minutes of wapiti and of sqlmap for each role. The head reaches everything; the others the same code with less.
MINUTES = {
    "head": (4.0, 4.0),
    "admin": (2.0, 1.0),
    "manager": (1.5, 0.7),
    "supervisor": (1.5, 0.7),
    "agent": (1.5, 0.7),
}
QUICK = (0.6, 0.4)


def say(text: str) -> None:
    print(f"attack: {text}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m attack", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about 6 minutes instead of about 20")
    parser.add_argument("--share", type=float, default=1.0, help="of the full run's time, e.g. 0.5")
    parser.add_argument("--only", default="wapiti,sqlmap", help="one of the two scanners")
    parser.add_argument("--roles", default=",".join(ROLES), help=f"of {', '.join(ROLES)}")
    parser.add_argument(
        "--tools", type=Path, default=PROJECT_DIR / ".venv-attack", help="the tools' virtual environment"
    )
    parser.add_argument("--port", type=int, default=0, help="port on loopback; a free one unless given")
    parser.add_argument("--units", type=int, default=400, help="size of the demo data")
    parser.add_argument("--reports", type=Path, help="where to write; INSTANCE_DIR/attack/<time> unless given")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    instance = load_settings().instance_dir / "attack"
    began = time.monotonic()
    reports = options.reports or instance / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"
    reports.mkdir(parents=True, exist_ok=True)
    tls = make_certificate(options.tools, reports)
    findings: list[Finding] = []
    notes: list[str] = []
    with running_server(instance / "server") as server:
        make_base(server, options.units)
        say(f"set of {options.units} units ready after {time.monotonic() - began:.0f} s")
        for role in options.roles.split(","):
            with running(server, role, free_port(options.port), reports, tls) as target:
                found, done = attack(server, target, options.tools, reports, options.quick, options.share, options.only)
            findings += found
            notes += done
            say(f"{role}: {len(failing(found))} findings above informational, {time.monotonic() - began:.0f} s so far")
    title = f"Attack of {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {'quick' if options.quick else 'full'}"
    notes.append(f"{time.monotonic() - began:.0f} s in all.")
    (reports / "report.md").write_text(markdown(title, findings, notes), encoding="utf-8")
    (reports / "report.json").write_text(json.dumps(as_json(findings), indent=1) + "\n")
    bad = failing(findings)
    for one in bad:
        say(f"{one.level_name}: {one.tool} as {one.role}: {one.what} at {one.where}: {one.detail[:160]}")
    say(f"{len(bad)} findings above informational; report: {reports / 'report.md'}")
    return 1 if bad else 0


def attack(
    server: Server, target: Target, tools: Path, reports: Path, quick: bool, share: float, only: str
) -> tuple[list[Finding], list[str]]:
    """Both scanners with one role's session; and whether session and set have survived them."""
    wapiti_minutes, sqlmap_minutes = (minutes * share for minutes in (QUICK if quick else MINUTES[target.role]))
    before = counted(server, target.database)
    app = create_app(server.on(target.database))
    values = surface.examples(server, target.database)
    found, without = surface.pages(app, target.role, values)
    paths = list(dict.fromkeys(path for _rule, path in found))
    forms = surface.forms_of(target, paths)
    forms += surface.callbacks_of(app, target, "?area=1&cycle=2025-11&use=DOMESTIC") + surface.in_path(found)
    notes = [f"{target.role}: {len(paths)} addresses, {len(forms)} forms, queries and callbacks."]
    if without:
        notes.append(f"{target.role}: no example for {', '.join(without)}: not attacked.")
    result: list[Finding] = []
    if "wapiti" in only:
        begin = time.monotonic()
        result += wapiti.scan(tools, target, paths, reports / target.role / "wapiti", wapiti_minutes * 60, quick)
        notes.append(f"{target.role}: wapiti ran {wapiti.waited(begin)}.")
        result += survived(server, target, before, "wapiti")
    if "sqlmap" not in only:
        return result + failures(target), notes
    begin = time.monotonic()
    deadline = begin + sqlmap_minutes * 60
    injected, unreached = sqlmap.scan(tools, target, forms, reports / target.role / "sqlmap", deadline, quick)
    result += injected + survived(server, target, before, "sqlmap") + failures(target)
    notes.append(
        f"{target.role}: sqlmap ran {wapiti.waited(begin)} on {len(forms)} targets;"
        f" {len(unreached)} looks or trials not reached."
    )
    notes += [f"{target.role}: sqlmap did not come to {one}." for one in unreached]
    return result, notes


def survived(server: Server, target: Target, before: dict[str, int], tool: str) -> list[Finding]:
    """A scan that lost its session or its data has attacked the login page, not the portal."""
    found = []
    if not target.is_alive():
        found.append(
            Finding(tool, target.role, 1, "the session has ended", "/me", "what came after was attacked as nobody")
        )
    after = counted(server, target.database)
    if any(after[table] < count for table, count in before.items()):
        found.append(Finding(tool, target.role, 3, "rows are gone", str(before), str(after)))
    return found


if __name__ == "__main__":
    sys.exit(main())
