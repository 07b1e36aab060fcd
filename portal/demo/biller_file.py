"""The biller list: one row an account, describing its last bill, whichever month that is of.

A row without a bill is listed only. The next month's file repeats the bill id of every account that got no new
bill; now and then a bill is replaced by another of the same month.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from portal.demo import economics
from portal.demo.places import DIVISION, Tehsil
from portal.demo.schedule import Schedule, clock_text, day_text
from portal.demo.truth import FileTruth, KnownBill
from portal.demo.world import REGISTERED, UNKNOWN, Account, Bill, stated_on
from portal.demo.writers import Cell, Sink

HEADER = (
    "Sr#", "Monthly Fee", "Current Bill", "Biller PSID", "WMC", "Division", "District", "Tehsil", "Office", "UC",
    "Name", "CNIC", "Mobile", "Address", "Category", "Sub Category", "Billing Category", "Balance",
    "Last Bill Date &Time", "Total Payable", "Last Bill ID", "Status", "Survey ID",
)  # fmt: skip
_PSID, _DATE, _PAYABLE, _BILL, _STATUS = 3, 18, 19, 20, 21
_OMITTED, _MANGLED, _DUPLICATED, _CONTRADICTED = 0.004, 0.0005, 0.003, 0.0006


def mangled(psid: str) -> str:
    """The PSID as a spreadsheet ruins it: `1.11100E+19`."""
    return f"{float(psid):.5E}"


@dataclass(slots=True)
class Known:
    """What the register knows of an account after the files so far, for the outcome of the next row."""

    first_position: int | None = None
    state: tuple[object, ...] | None = None
    bills: dict[int, KnownBill] = field(default_factory=dict)


class BillerFile:
    """One biller list being written. `month` is the index its name states, `day` when it was downloaded."""

    def __init__(
        self, sink: Sink, truth: FileTruth, schedule: Schedule, tehsil: Tehsil, month: int, *, encoding: str
    ) -> None:
        self._sink, self.truth, self._tehsil, self._month = sink, truth, tehsil, month
        self._encoding = encoding
        self._reissue_day = schedule.reissue_day if schedule.reissue_cycle is not None else schedule.today + 1
        self._tail: list[list[Cell]] = []

    def cells(self, account: Account) -> list[Cell]:
        """The cells of an account that are the same in every file; the rest is filled in by `add`."""
        unit, tehsil = account.unit, self._tehsil
        band = economics.BILLER_BANDS[unit.size] if unit.is_domestic else unit.size
        return [
            None, f"{account.fee:,}" if account.fee is not None else "-", "0" if unit.is_domestic else "-",
            account.psid, tehsil.wmc, DIVISION, tehsil.district, tehsil.name, tehsil.office, account.place,
            account.name, account.cnic, account.mobile, unit.address, unit.area.uc_type,
            "Domestic" if unit.is_domestic else "Commercial", band, "-" if unit.is_domestic else "0",
            "-", "-", "-", "1", account.survey_text,
        ]  # fmt: skip

    def add(self, account: Account, cells: list[Cell], known: Known, *, late_survey: int, draw: Random) -> None:
        """The account's row in this file, if it is in it. `late_survey` is the position of the later survey file."""
        chance = draw.random()
        if account.first_month > self._month:
            return
        if chance > 1 - _OMITTED and account.first_month == self._month:
            return  # the portal lists it a month late; its payments may come before it
        bill = self._last_bill(account)
        payable = self._fill(account, bill, cells)
        if chance < _MANGLED:
            cells[_PSID] = mangled(account.psid)
            self._write(cells)
            cells[_PSID] = account.psid
            self.truth.rejected += 1
            return
        if chance < _MANGLED + _CONTRADICTED:  # an earlier row says something else: the last one counts
            right = cells[_PAYABLE]
            cells[_PAYABLE] = f"{payable + 10:,}"
            self._write(cells)
            cells[_PAYABLE] = right
            self.truth.duplicates += 1
        self._write(cells)
        if _MANGLED + _CONTRADICTED <= chance < _MANGLED + _CONTRADICTED + _DUPLICATED:
            self._tail.append(list(cells))
            self.truth.duplicates += 1
        is_pending = account.survey_text == "-" or account.unit.register == UNKNOWN
        self.truth.pending += is_pending or (account.unit.register != REGISTERED and late_survey > self.truth.position)
        self._count(account, bill, cells, known, payable=payable)

    def _last_bill(self, account: Account) -> Bill | None:
        for bill in reversed(account.bills):
            if bill.month <= self._month:
                return bill
        return None

    def _fill(self, account: Account, bill: Bill | None, cells: list[Cell]) -> int:
        """Put in what changes from file to file. Returns the payable in rupees (0 for '-')."""
        cells[_STATUS] = "0" if account.inactive_from <= self._month else "1"
        if bill is None:
            cells[_DATE] = cells[_BILL] = cells[_PAYABLE] = "-"
            return 0
        payable = stated_on(bill, self.truth.day, with_fine=account.shows_fine, resets=self._tehsil.resets_payable)
        is_replaced = bill.reissued and self.truth.day >= self._reissue_day
        day = self._reissue_day if is_replaced else bill.issued
        cells[_DATE] = f"{day_text(day)} {clock_text(bill.minute)}"
        cells[_BILL] = str(bill.reissued if is_replaced else bill.bill_id)
        cells[_PAYABLE] = f"{payable:,}"
        return payable

    def _write(self, cells: list[Cell]) -> None:
        self.truth.rows += 1
        cells[0] = self.truth.rows
        self._sink.add(cells)

    def _count(self, account: Account, bill: Bill | None, cells: list[Cell], known: Known, *, payable: int) -> None:
        truth = self.truth
        totals = truth.totals
        totals["accounts"] += 1
        totals["monthly_fee"] += account.fee or 0
        totals["amount_payable"] += payable
        # An old code page shows Urdu as question marks; the next file then brings the real names.
        lossy = self._encoding == "cp1252"
        name, address = (
            text.encode("cp1252", "replace").decode("cp1252") if lossy else text
            for text in (account.name, account.unit.address)
        )
        mobile = account.mobile.encode("cp1252", "replace").decode("cp1252") if lossy else account.mobile
        state = (cells[_DATE], cells[_BILL], cells[_PAYABLE], cells[_STATUS], name, address, mobile)
        if known.first_position is None:
            known.first_position = truth.position
            truth.inserted += 1
        elif known.state != state:
            truth.updated += 1
        else:
            truth.unchanged += 1
        known.state = state
        if bill is None:
            return
        totals["bills"] += 1
        bill_id = int(str(cells[_BILL]))
        seen = known.bills.get(bill_id)
        if seen is None:
            issued = self._reissue_day if bill_id == bill.reissued else bill.issued
            known.bills[bill_id] = KnownBill(bill_id, self._month, issued, bill.minute, account.fee or 0, payable)
        else:
            seen.payable = payable

    def close(self) -> None:
        for cells in self._tail:
            self._write(cells)
        self._sink.close()
