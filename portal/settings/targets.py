"""The recovery to be reached: one for all, and those of single areas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portal.config import Settings


@dataclass(frozen=True)
class Targets:
    """Percent of a month's demand. `by_area` holds (location id, percent)."""

    default: int | None = None
    by_area: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return self.default is not None or bool(self.by_area)

    def of(self, nearest_first: Iterable[int]) -> int | None:
        """The target of an area, given its id and those of the areas above it, the nearest first."""
        known = dict(self.by_area)
        return next((known[area] for area in nearest_first if area in known), self.default)


NO_TARGETS = Targets()


def targets_of(settings: Settings) -> Targets:
    """The targets in force."""
    return Targets(settings.recovery_target, settings.recovery_targets)
