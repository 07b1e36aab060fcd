"""Writes docs/roles.md, who may do what, from portal/roles.py and portal/staff/rules.py; run it as a script."""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT_DIR))

from portal.permissions import Role  # noqa: E402
from portal.roles import ROLES, matrix  # noqa: E402
from portal.staff.words import administers  # noqa: E402

TARGET = PROJECT_DIR / "docs" / "roles.md"
HEAD = """# Roles and permissions

Written by `docs/make_roles.py` out of the code that decides it; the portal shows the same under *Staff*, *Roles and
permissions*. A role says what a person may do, his areas say where. Everything that is not marked is denied, also by
direct address. `flask access` lists every address with the permission it needs.
"""
RULES = """
Whoever administers staff does so within these rules, on the screens and, but for the first three, on the command line:

- Only people of the roles marked above, and only those whose areas lie wholly inside his own; all others do not exist
  for him.
- Nobody hands out a role or an area beyond these.
- Nobody changes his own role, areas or state, or resets his own account.
- The last head administrator of the whole province who can sign in keeps role, area and account, whoever acts.
- What is changed holds from the person's next request on.
"""


def _table(first: str, lines: list[tuple[str, list[bool]]]) -> str:
    names = " | ".join(str(ROLES[role].name) for role in Role)
    rows = [f"| {first} | {names} |", "|---" * (len(Role) + 1) + "|"]
    rows += [f"| {name} | {' | '.join('yes' if mark else '' for mark in marks)} |" for name, marks in lines]
    return "\n".join(rows)


def render() -> str:
    """The whole page."""
    parts = [HEAD, "## The roles\n"]
    parts.append("\n".join(f"- **{words.name}** (`{role}`): {words.explanation}" for role, words in ROLES.items()))
    parts.append("\n## What each may do\n")
    for group in matrix():
        lines = [
            (
                f"**{row.words.name}**: {row.words.explanation} `{row.permission}`",
                [role in row.roles for role in Role],
            )
            for row in group.rows
        ]
        parts.append(f"### {group.name}\n\n{_table('permission', lines)}\n")
    parts.append("## Who administers whom\n")
    whom = administers()
    lines = [(str(ROLES[role].name), [other in whom[role] for other in Role]) for role in Role if whom[role]]
    parts.append(_table("who", lines))
    return "\n".join(parts) + "\n" + RULES


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    print(f"Written: {TARGET}")
