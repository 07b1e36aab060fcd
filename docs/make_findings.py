"""Writes the table of import findings into docs/troubleshooting.md: `python docs/make_findings.py`.

The sentences and remedies are those of portal/imports/findings.py, so that the page says what the screens say.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT_DIR))

from portal.imports.findings import FINDINGS, SEVERITIES  # noqa: E402

TARGET = PROJECT_DIR / "docs" / "troubleshooting.md"
BEGIN, END = "<!-- findings: written by docs/make_findings.py -->", "<!-- end of findings -->"
TITLES = {
    "REJECT": "Rows that are left out",
    "DUPLICATE": "Rows that stand again further down",
    "NOTE": "Rows that are taken, with something to look at",
}


def render() -> str:
    """The tables, one for each severity."""
    parts = []
    for severity in SEVERITIES:
        parts.append(f"### {TITLES[severity]}\n\n| what it says | what to do | code |\n|---|---|---|")
        for code, finding in FINDINGS.items():
            if finding.severity == severity:
                parts[-1] += f"\n| {finding.sentence} | {finding.remedy} | `{code}` |"
    return "\n\n".join(parts)


def page(text: str) -> str:
    """The page with its tables as the code has them now. Raises ValueError when the marks are missing."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{render()}\n\n{END}{after}"


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Written: {TARGET}")
