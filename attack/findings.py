"""What the scanners found, what of it is known and accepted with a reason, and the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

LEVELS = ("informational", "low", "medium", "high", "critical")


@dataclass(frozen=True)
class Finding:
    """One thing found. `level` is a position in LEVELS; from 1 on it fails the run, unless it is accepted."""

    tool: str
    role: str
    level: int
    what: str
    where: str
    detail: str = ""

    @property
    def level_name(self) -> str:
        return LEVELS[self.level]


@dataclass(frozen=True)
class Accepted:
    """A finding that is none here: `what` and the beginning of `detail` name it, `reason` says why."""

    what: str
    detail: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        return finding.what == self.what and finding.detail.startswith(self.detail)


ACCEPTED: tuple[Accepted, ...] = (
    Accepted(
        "Content Security Policy Configuration",
        'CSP "style-src"',
        "Styles only: AG Grid and plotly write style attributes. Scripts need the nonce.",
    ),
)


def reason_for(finding: Finding) -> str:
    """Why a finding is accepted; '' when it is not."""
    return next((one.reason for one in ACCEPTED if one.covers(finding)), "")


def failing(findings: Iterable[Finding]) -> list[Finding]:
    """Those above informational that nobody has accepted."""
    return [finding for finding in findings if finding.level > 0 and not reason_for(finding)]


def markdown(title: str, findings: list[Finding], notes: list[str]) -> str:
    """The report for people."""
    bad = failing(findings)
    lines = [f"# {title}", "", f"{len(bad)} findings above informational.", ""]
    if findings:
        lines += ["| level | tool | role | what | where | detail | accepted because |", "|---|---|---|---|---|---|---|"]
        for one in sorted(findings, key=lambda f: (-f.level, f.tool, f.what, f.where)):
            cells = (one.level_name, one.tool, one.role, one.what, one.where, one.detail, reason_for(one))
            lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|")[:200] for cell in cells) + " |")
        lines.append("")
    return "\n".join([*lines, "## What was done", "", *(f"- {note}" for note in notes), ""])


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) | {"accepted": reason_for(finding)} for finding in findings]
