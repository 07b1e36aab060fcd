"""The results: a line each, and the table of docs/performance.md."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Line:
    """One figure. `floor` is the limit measured in the same run, `goal` what is asked for; all as text."""

    work: str
    goal: str
    floor: str
    measured: str
    ratio: float | None
    is_met: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def markdown(lines: list[Line]) -> str:
    """The lines as a Markdown table."""
    head = "| work | goal | limit in this run | measured | ratio | met |\n|---|---|---|---|---|---|"
    rows = (
        f"| {line.work} | {line.goal} | {line.floor} | {line.measured} |"
        f" {'' if line.ratio is None else f'{line.ratio:.2f}'} | {'yes' if line.is_met else '**no**'} |"
        for line in lines
    )
    return "\n".join([head, *rows])


def machine() -> str:
    """What this ran on, and how busy it was."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    cpu = models[0].split(":", 1)[1].strip() if models else platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    load = "/".join(f"{value:.1f}" for value in psutil.getloadavg())
    return f"{psutil.cpu_count()} x {cpu}, {memory:.0f} GiB, Python {platform.python_version()}, load {load}"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
