"""Sharing units out among agents: evenly, each agent only what lies in his own areas, neighbours together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def split(
    places: Mapping[int, Sequence[int]], eligible: Mapping[int, Sequence[int]], loads: Mapping[int, int]
) -> tuple[dict[int, list[int]], list[int]]:
    """({agent: units}, units nobody may have).

    `places`: units by location, in walking order. `eligible`: agents by location. `loads`: what the agents (in the
    order in which they are served) have of this already. Places with the fewest agents go first, so that who may work
    in one place only is not left with nothing; within a place each agent gets one stretch, and as far as possible all
    end with equally much.
    """
    shares: dict[int, list[int]] = {agent: [] for agent in loads}
    held = dict(loads)
    left: list[int] = []
    for place in sorted(places, key=lambda one: (len(eligible.get(one, ())), one)):
        units = list(places[place])
        agents = [agent for agent in loads if agent in eligible.get(place, ())]
        if not agents:
            left += units
            continue
        at = 0
        for agent, number in _level(len(units), {agent: held[agent] for agent in agents}).items():
            shares[agent] += units[at : at + number]
            held[agent] += number
            at += number
    return shares, left


def _level(number: int, held: Mapping[int, int]) -> dict[int, int]:
    """How many of `number` each gets so that all end as level as can be: the emptiest are filled first."""
    given = dict.fromkeys(held, 0)
    order = sorted(held, key=lambda agent: held[agent])
    rest = number
    for position, agent in enumerate(order):
        reach = order[: position + 1]
        ceiling = held[order[position + 1]] if position + 1 < len(order) else None
        room = None if ceiling is None else sum(ceiling - held[one] - given[one] for one in reach)
        if room is not None and room <= rest:
            for one in reach:
                given[one] = ceiling - held[one]  # type: ignore[operator]
            rest -= room
            continue
        each, more = divmod(rest, len(reach))
        level = held[agent]
        for at, one in enumerate(reach):
            given[one] = level - held[one] + each + (1 if at < more else 0)
        break
    return given
