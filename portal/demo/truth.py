"""What an importer must make of the files, counted while they are written.

This is the demo's own account of the rules (which row is a duplicate, what a payment belongs to, what an account
owes), worked out for one account at a time in plain Python: tests hold it against what the importers made of the
files with SQL.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from portal.demo.schedule import Schedule, iso


@dataclass
class FileTruth:
    """One file as it must come out when the files are imported in the manifest's order."""

    position: int
    kind: str
    file: str
    tehsil: str
    day: int
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    pending: int = 0
    totals: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "file": self.file,
            "tehsil": self.tehsil,
            "downloaded": iso(self.day),
            "rows": self.rows,
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "pending": self.pending,
            "totals": dict(self.totals),
        }


@dataclass(slots=True)
class KnownBill:
    """A bill as the accepted rows of the biller lists have it. `payable` is the last one stated, `fee` too."""

    bill_id: int
    month: int
    issued: int
    minute: int
    fee: int
    payable: int


@dataclass(slots=True)
class KnownPayment:
    """A payment of which at least one row was accepted."""

    month: int
    day: int
    amount: int
    fine: int
    paid: int


@dataclass
class Month:
    """One billing month over all live bills. Money in rupees."""

    live_bills: int = 0
    monthly_fee: int = 0
    demand: int = 0
    paid_bills: int = 0
    received: int = 0
    cancelled: int = 0


@dataclass
class AccountResult:
    """What follows for one account: its live months, and those paid."""

    billed_months: set[int] = field(default_factory=set)
    paid_months: set[int] = field(default_factory=set)


@dataclass
class Truth:
    """Figures at the end, for the whole set and by tehsil ('' is the whole)."""

    months: dict[tuple[str, int], Month] = field(default_factory=lambda: defaultdict(Month))
    collected: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    sums: Counter[str] = field(default_factory=Counter)
    unit_months: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def collect(self, payment: KnownPayment, *, matched: bool) -> None:
        """Count a payment by its paid date."""
        state = "posted" if matched else "unmatched"
        day = self.collected[payment.day]
        day[state] += payment.paid
        day["payments"] += 1
        self.sums["payments"] += 1
        self.sums["collected"] += payment.paid
        self.sums[state] += payment.paid

    def settle(self, tehsil: str, bills: list[KnownBill], payments: list[KnownPayment]) -> AccountResult:
        """Allocate one account's payments, judge its bills, and count both."""
        live, cancelled = _live_bills(bills)
        for bill in cancelled:
            self.months["", bill.month].cancelled += 1
            self.months[tehsil, bill.month].cancelled += 1
        allocated: dict[int, list[KnownPayment]] = defaultdict(list)
        for payment in payments:
            self.collect(payment, matched=True)
            target = live.get(payment.month) or _latest_before(live, payment.day)
            if target is None:
                self.sums["unallocated"] += payment.paid
            else:
                allocated[target.month].append(payment)
        result = AccountResult()
        for bill in live.values():
            paid, demand, _with_fine = _judge(bill, allocated[bill.month])
            is_paid = paid >= demand
            result.billed_months.add(bill.month)
            if is_paid:
                result.paid_months.add(bill.month)
            for key in (("", bill.month), (tehsil, bill.month)):
                month = self.months[key]
                month.live_bills += 1
                month.monthly_fee += bill.fee
                month.demand += demand
                month.paid_bills += is_paid
                month.received += paid
        if live:
            latest = max(live.values(), key=lambda bill: (bill.issued, bill.minute, bill.bill_id))
            paid, demand, with_fine = _judge(latest, allocated[latest.month])
            self.sums["outstanding"] += max(0, demand - paid)
            self.sums["credit"] += max(0, paid - max(with_fine, demand))
        return result

    def count_unit(self, results: list[AccountResult]) -> None:
        """Count a listed unit once in each month in which any of its accounts was billed, or paid."""
        self.sums["listed_units"] += 1
        for month in set().union(*(result.billed_months for result in results)):
            self.unit_months[month]["billed"] += 1
        for month in set().union(*(result.paid_months for result in results)):
            self.unit_months[month]["paid"] += 1

    def as_json(self, schedule: Schedule) -> dict[str, Any]:
        def month_name(index: int) -> str:
            return schedule.month_at(index).strftime("%Y-%m")

        months: dict[str, dict[str, Any]] = {}
        for (tehsil, index), month in sorted(self.months.items(), key=lambda item: (item[0][1], item[0][0])):
            entry = months.setdefault(month_name(index), {"units": dict(self.unit_months[index]), "by_tehsil": {}})
            if tehsil:
                entry["by_tehsil"][tehsil] = vars(month)
            else:
                entry.update(vars(month))
        return {
            "months": months,
            "collected_by_day": {iso(day): dict(self.collected[day]) for day in sorted(self.collected)},
            **{key: self.sums[key] for key in sorted(self.sums)},
        }


def _live_bills(bills: list[KnownBill]) -> tuple[dict[int, KnownBill], list[KnownBill]]:
    """The latest bill of each month, and those it superseded."""
    live: dict[int, KnownBill] = {}
    cancelled = []
    for bill in sorted(bills, key=lambda bill: (bill.issued, bill.minute, bill.bill_id)):
        if bill.month in live:
            cancelled.append(live[bill.month])
        live[bill.month] = bill
    return live, cancelled


def _latest_before(live: dict[int, KnownBill], day: int) -> KnownBill | None:
    """The latest live bill issued on or before a day."""
    issued = [bill for bill in live.values() if bill.issued <= day]
    return max(issued, key=lambda bill: (bill.issued, bill.minute, bill.bill_id), default=None)


def _judge(bill: KnownBill, payments: list[KnownPayment]) -> tuple[int, int, int]:
    """What was paid on a bill, what it demands, and what it demands with the fine."""
    if not payments:
        return 0, bill.payable, bill.payable
    last = max(payments, key=lambda payment: (payment.day, payment.amount))
    return sum(payment.paid for payment in payments), last.amount, last.amount + last.fine
