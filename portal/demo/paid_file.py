"""The paid list: one row a payment, the same history again with each download, in a long and a short form."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from portal.billing.cycles import month_label
from portal.demo.biller_file import mangled
from portal.demo.economics import paid_category
from portal.demo.places import DIVISION, NO_PLACE, Tehsil
from portal.demo.schedule import LONG, PaidDownload, Schedule, paid_date_text
from portal.demo.truth import FileTruth
from portal.demo.world import Paying, Unit
from portal.demo.writers import Cell, Sheet, Sink

LONG_HEADER = (
    "Sr#", "PSID", "Month", "WMC", "Division", "District", "Tehsil", "Office", "UC", "Billing Category", "Amount",
    "Fine", "Bill PDF", "Channel", "Paid Date", "Paid Amount", "Status", "Active",
)  # fmt: skip
SHORT_HEADER = (
    "Sr#", "PSID", "City", "Month", "Office", "UC", "Billing Category", "Amount", "Fine", "Channel", "Paid Date",
    "Paid Amount", "Active",
)  # fmt: skip
# The short form spells the channels in its own way.
_SHORT_CHANNELS = {"1Bill": "1BILL", "BOP OTC": "BOP-OTC", "OTC/Cash": "OTC / Cash", "JazzCash": "Jazz Cash"}
_MANGLED, _DATELESS, _DUPLICATED = 0.0004, 0.0003, 0.004


@dataclass(slots=True)
class Payer:
    """A PSID that pays. `first_position` is the file that made the account known, None if none does."""

    psid: str
    unit: Unit
    first_position: int | None
    payments: list[Paying]


@dataclass(slots=True)
class KnownPaid:
    """What the register knows of a payment after the files so far."""

    is_known: bool = False
    is_active: bool = False
    is_long: bool = False


class PaidFile:
    """One paid list being written: everything of its tehsil that was paid up to its day."""

    def __init__(
        self, sink: Sink | None, truth: FileTruth, schedule: Schedule, tehsil: Tehsil, download: PaidDownload
    ) -> None:
        self.sink, self.truth, self._schedule, self._tehsil = sink, truth, schedule, tehsil
        self.download = download
        self._is_long = download.form == LONG
        self._current = max((cycle.index for cycle in schedule.cycles if cycle.first <= download.day), default=0)
        self._by_channel: Counter[str] = Counter()
        self._by_month: Counter[str] = Counter()
        self._tail: list[list[Cell]] = []

    @property
    def header(self) -> tuple[str, ...]:
        return LONG_HEADER if self._is_long else SHORT_HEADER

    def add(self, payer: Payer, known: list[KnownPaid], draw: Random) -> None:
        """The payments of one PSID, those up to this file's day, and what the register knows of each."""
        is_pending = payer.first_position is None or payer.first_position > self.truth.position
        for paying, seen in zip(payer.payments, known, strict=True):
            if paying.day <= self.download.day:
                self._add(payer, paying, seen, draw, is_pending=is_pending)

    def _add(self, payer: Payer, paying: Paying, seen: KnownPaid, draw: Random, *, is_pending: bool) -> None:
        truth, psid = self.truth, payer.psid
        is_active = paying.month == self._current
        cells = self._cells(psid, payer.unit, paying, is_active=is_active, draw=draw)
        chance = draw.random()
        if chance < _MANGLED:
            as_number = not self.download.as_csv
            cells[1] = float(psid) if as_number else mangled(psid)
        elif chance < _MANGLED + _DATELESS:
            cells[-4 if self._is_long else -3] = "-"
        if chance < _MANGLED + _DATELESS:
            truth.rejected += 1
            self._write(cells)
            return
        self._write(cells)
        if chance > 1 - _DUPLICATED:
            self._tail.append(cells)
            truth.duplicates += 1
        truth.totals["payments"] += 1
        truth.totals["paid_amount"] += paying.paid
        truth.pending += is_pending
        if not seen.is_known:
            truth.inserted += 1
        elif seen.is_active != is_active or (self._is_long and not seen.is_long):
            truth.updated += 1
        else:
            truth.unchanged += 1
        seen.is_known, seen.is_active = True, is_active
        seen.is_long = seen.is_long or self._is_long
        self._by_channel[paying.channel] += paying.paid
        self._by_month[month_label(self._schedule.month_at(paying.month))] += paying.paid

    def _cells(self, psid: str, unit: Unit, paying: Paying, *, is_active: bool, draw: Random) -> list[Cell]:
        tehsil = self._tehsil
        month = self._schedule.month_at(paying.month)
        named: Cell = month_label(month)
        if draw.random() < 0.3:
            named = month.isoformat() if self.download.as_csv else month
        place = unit.area.in_paid if unit.number % 199 else NO_PLACE
        category = paid_category(is_domestic=unit.is_domestic, size=unit.size, is_urban=unit.area.uc_type == "Urban")
        amount, fine, paid = (self._money(value) for value in (paying.amount, paying.fine, paying.paid))
        date = paid_date_text(paying.day)
        active = int(is_active)
        if not self._is_long:
            channel = _SHORT_CHANNELS.get(paying.channel, paying.channel)
            return [
                None, psid, tehsil.name, named, tehsil.office, place, category, amount, fine, channel, date, paid,
                active,
            ]  # fmt: skip
        pdf = f"https://bills.example.invalid/{psid}/{month:%Y%m}.pdf" if unit.number % 7 else "-"
        return [
            None, psid, named, tehsil.wmc, DIVISION, tehsil.district, tehsil.name, tehsil.office, place, category,
            amount, fine, pdf, paying.channel, date, paid, "Paid", active,
        ]  # fmt: skip

    def _money(self, value: int) -> Cell:
        return f"{value:,}" if self.download.as_csv else value

    def _write(self, cells: list[Cell]) -> None:
        assert self.sink is not None
        self.truth.rows += 1
        cells[0] = self.truth.rows
        self.sink.add(cells)

    def pivots(self) -> list[Sheet]:
        """The sheets before the data: pivot tables with headers that look a little like it."""
        return [
            (
                "Pivot",
                [{"Row Labels": key, "Sum of Paid Amount": total} for key, total in sorted(self._by_channel.items())]
                or [{"Row Labels": "Grand Total", "Sum of Paid Amount": 0}],
            ),
            (
                "By Month",
                [
                    {"Month": key, "Sum of Paid Amount": total, "Office": self._tehsil.office}
                    for key, total in sorted(self._by_month.items())
                ]
                or [{"Month": "Grand Total", "Sum of Paid Amount": 0, "Office": ""}],
            ),
        ]

    def close(self) -> None:
        assert self.sink is not None
        for cells in self._tail:
            self._write(cells)
        self.sink.close()
