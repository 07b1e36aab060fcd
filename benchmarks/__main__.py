"""`python -m benchmarks [--quick] [--only exports,pages,...]`: run, print the table, keep it."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import sys
import time
from pathlib import Path

from benchmarks import exports, imports, lists, pages, signin, uploads
from benchmarks.dataset import TODAY, make, say
from benchmarks.server import running_server
from benchmarks.table import Line, machine, markdown
from portal.config import load_settings

PARTS = {
    "exports": exports.run,
    "pages": pages.run,
    "lists": lists.run,
    "imports": imports.run,
    "signin": signin.run,
    "uploads": uploads.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="30,000 units instead of 300,000")
    parser.add_argument("--units", type=int, help="another size")
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--runs", type=int, default=3, help="runs of each figure; the median counts")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, of {', '.join(PARTS)}")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    folder = load_settings().instance_dir / "bench"
    units = options.units or (30_000 if options.quick else 300_000)
    lines: list[Line] = []
    started = time.monotonic()
    with running_server(folder) as server:
        data = make(server, folder, units, options.months, say)
        say(f"set of {units:,} units ready after {time.monotonic() - started:.0f} s")
        version = server.version
        before = machine()
        for name in options.only.split(","):
            lines += PARTS[name](server, data, options.runs, say)
    title = (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {units:,} units, {options.months} months to {TODAY:%b %Y},"
        f" PostgreSQL {version}, medians of {options.runs} runs."
        f" {before}; load at the end {machine().rsplit(' ', 1)[1]}"
    )
    print(f"{title}\n\n{markdown(lines)}\n\n{time.monotonic() - started:.0f} s in all")
    results = folder / f"results-{units}.json"
    results.write_text(json.dumps({"title": title, "lines": [line.as_json() for line in lines]}, indent=1) + "\n")
    Path(folder / f"results-{units}.md").write_text(f"{title}\n\n{markdown(lines)}\n", encoding="utf-8")
    return 0 if all(line.is_met for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
