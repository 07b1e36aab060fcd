"""Write a set of demo files: one pass over the units, every file growing at once, memory flat.

`generate` also writes `manifest.json`: the files in the order to import them, what must come out of each, and the
figures the database must show at the end.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from portal.billing.cycles import month_label
from portal.demo import areas_file, survey_file
from portal.demo.biller_file import HEADER as BILLER_HEADER
from portal.demo.biller_file import BillerFile, Known
from portal.demo.paid_file import KnownPaid, PaidFile, Payer
from portal.demo.places import Tehsil, build_tehsils
from portal.demo.schedule import build_schedule, iso
from portal.demo.survey_file import SurveyFile
from portal.demo.truth import AccountResult, FileTruth, KnownPayment, Truth
from portal.demo.world import (
    ARRIVES_LATE,
    REGISTERED,
    Account,
    Unit,
    World,
    draw_accounts,
    draw_ghost,
    draw_unit,
)
from portal.demo.writers import CsvSink, Sink, XlsxSink

MANIFEST = "manifest.json"
# A tehsil of more units than this gets CSV files where smaller ones get workbooks.
WORKBOOK_UNITS = 30_000
PROGRESS_EVERY = 20_000
Progress = Callable[[str], None]


@dataclass(frozen=True)
class DemoOptions:
    """What makes a set: the same options give the same files."""

    units: int
    months: int
    seed: int
    today: dt.date
    cycle_start_day: int = 16

    def as_json(self) -> dict[str, Any]:
        return vars(self) | {"today": self.today.isoformat()}


@dataclass
class _Tehsil:
    """A tehsil's open files."""

    tehsil: Tehsil
    survey: SurveyFile
    late_survey: SurveyFile | None
    billers: list[BillerFile]
    paid: list[PaidFile]


class _Set:
    """The files of a set, numbered in the order of their import."""

    def __init__(self, directory: Path, options: DemoOptions) -> None:
        self.directory = directory
        self.options = options
        self.schedule = build_schedule(options.today, options.months, options.cycle_start_day)
        self.world = World(options.seed, self.schedule, build_tehsils(options.seed, options.units))
        self.truths: list[FileTruth] = []
        self.truth = Truth()
        self._numbered = self._number()

    def _number(self) -> dict[tuple[str, int, int], FileTruth]:
        """Name every file and give it its place in the order: by day, surveys before billers before paid lists."""
        schedule, tehsils = self.schedule, self.world.tehsils
        small = self.options.units * tehsils[0].share <= WORKBOOK_UNITS
        start = schedule.cycles[0].first - 10
        found: list[tuple[int, int, str, str, int, tuple[str, int, int]]] = []
        for tehsil in tehsils:
            t, name = tehsil.index, tehsil.name
            suffix = "xlsx" if small else "csv"
            found.append((start, 0, "survey", f"01_Survey_{name}.{suffix}", t, ("survey", t, 0)))
            for cycle in schedule.cycles:
                file = f"02_Biller_{name}_{cycle.label.replace(' ', '')}.csv"
                found.append((cycle.download, 1, "biller", file, t, ("biller", t, cycle.index)))
            if t == schedule.reissue_tehsil and schedule.reissue_cycle is not None:
                day = schedule.reissue_day + 2
                label = month_label(schedule.cycles[schedule.reissue_cycle].month).replace(" ", "")
                file = f"02_Biller_{name}_{label}_{iso(day)}.csv"
                found.append((day, 1, "biller", file, t, ("biller", t, len(schedule.cycles))))
            if t == schedule.late_survey_tehsil:
                day = schedule.late_survey_day
                found.append((day, 0, "survey", f"01_Survey_{name}_{iso(day)}.csv", t, ("survey", t, 1)))
        for number, download in enumerate(schedule.paid):
            as_csv = download.as_csv or not small
            file = f"03_Paid_{tehsils[download.tehsil].name}_{iso(download.day)}.{'csv' if as_csv else 'xlsx'}"
            found.append((download.day, 2, "paid", file, download.tehsil, ("paid", download.tehsil, number)))
        self.areas = FileTruth(0, "areas", "00_Areas.csv", "", start)
        self.truths.append(self.areas)
        numbered = {}
        for day, _rank, kind, file, t, key in sorted(found, key=lambda entry: (entry[0], entry[1], entry[4], entry[3])):
            numbered[key] = FileTruth(len(self.truths), kind, file, tehsils[t].name, day)
            self.truths.append(numbered[key])
        return numbered

    def path(self, truth: FileTruth) -> Path:
        return self.directory / truth.file

    def _survey(self, tehsil: Tehsil, *, is_late: bool) -> SurveyFile:
        truth = self._numbered["survey", tehsil.index, int(is_late)]
        order = (tehsil.index + is_late) % 3
        header = survey_file.header(order)
        sink: Sink
        if truth.file.endswith(".xlsx"):
            sink = XlsxSink(self.path(truth), header, "Survey")
        else:
            sink = CsvSink(self.path(truth), header, "utf-8-sig" if is_late else "utf-8")
        return SurveyFile(sink, truth, order, is_late=is_late)

    def _biller(self, tehsil: Tehsil, number: int) -> BillerFile:
        truth = self._numbered["biller", tehsil.index, number]
        schedule = self.schedule
        is_again = number == len(schedule.cycles)
        month = (schedule.reissue_cycle or 0) if is_again else number
        encoding = "cp1252" if tehsil.index == 2 and number == 0 and len(schedule.cycles) > 1 else "utf-8-sig"
        sink = CsvSink(self.path(truth), BILLER_HEADER, encoding)
        return BillerFile(sink, truth, schedule, tehsil, month, encoding=encoding)

    def _paid(self, tehsil: Tehsil, number: int) -> PaidFile:
        truth = self._numbered["paid", tehsil.index, number]
        download = self.schedule.paid[number]
        as_csv = truth.file.endswith(".csv")
        if as_csv and not download.as_csv:
            download = type(download)(download.tehsil, download.day, download.form, True)
        paid = PaidFile(None, truth, self.schedule, tehsil, download)
        if as_csv:
            paid.sink = CsvSink(self.path(truth), paid.header)
        else:
            paid.sink = XlsxSink(self.path(truth), paid.header, "Paid List", paid.pivots)
        return paid

    def open_tehsil(self, tehsil: Tehsil) -> _Tehsil:
        """Open the tehsil's files, billers and paid lists each in the order of their import."""
        keys = [key for key in self._numbered if key[1] == tehsil.index]
        in_order = sorted(keys, key=lambda key: self._numbered[key].position)
        return _Tehsil(
            tehsil,
            self._survey(tehsil, is_late=False),
            self._survey(tehsil, is_late=True) if ("survey", tehsil.index, 1) in self._numbered else None,
            [self._biller(tehsil, key[2]) for key in in_order if key[0] == "biller"],
            [self._paid(tehsil, key[2]) for key in in_order if key[0] == "paid"],
        )

    def write_areas(self) -> None:
        sink = CsvSink(self.path(self.areas), areas_file.HEADER)
        areas_file.write(sink, self.areas, self.world.tehsils)
        sink.close()

    def write_unit(self, files: _Tehsil, number: int) -> None:
        """One unit's life into all its files."""
        tehsil = files.tehsil
        draw = self.world.stream(tehsil, number)
        unit = draw_unit(self.world, tehsil, number, draw)
        self._write_survey(files, unit, draw)
        accounts = draw_accounts(self.world, tehsil, unit, draw)
        late = files.late_survey.truth.position if files.late_survey else len(self.truths)
        results = []
        for account in accounts:
            result = self._write_account(files, account, late, draw)
            is_linked = account.survey_text != "-" and unit.register in (REGISTERED, ARRIVES_LATE)
            if result is None:
                continue
            self.truth.sums["accounts"] += 1
            if is_linked:
                results.append(result)
            else:
                self.truth.sums["pending_accounts"] += 1
        if results:
            self.truth.count_unit(results)

    def _write_survey(self, files: _Tehsil, unit: Unit, draw: Random) -> None:
        cells = survey_file.values(unit, files.tehsil, self.schedule.cycles[0].first, draw)
        is_changed, is_duplicate, is_keyless = draw.random() < 0.01, draw.random() < 0.003, draw.random() < 0.0005
        if unit.register in (REGISTERED, ARRIVES_LATE):
            self.truth.sums["units"] += 1
        for file in (files.survey, files.late_survey):
            if file is not None:
                file.add(unit, cells, is_changed=is_changed, is_duplicate=is_duplicate, is_keyless=is_keyless)

    def _write_account(self, files: _Tehsil, account: Account, late: int, draw: Random) -> AccountResult | None:
        """The account's rows. Returns what follows for it, None when no file made it known."""
        known = Known()
        cells = files.billers[0].cells(account)
        for file in files.billers:
            file.add(account, cells, known, late_survey=late, draw=draw)
        payer = Payer(account.psid, account.unit, known.first_position, account.payments())
        paid = self._write_payments(files, payer, draw)
        if known.first_position is None:
            for payment in paid:
                self.truth.collect(payment, matched=False)
            return None
        return self.truth.settle(files.tehsil.name, list(known.bills.values()), paid)

    def _write_payments(self, files: _Tehsil, payer: Payer, draw: Random) -> list[KnownPayment]:
        """The payments' rows in every paid list. Returns those that an importer can know."""
        if not payer.payments:
            return []
        known = [KnownPaid() for _ in payer.payments]
        for file in files.paid:
            file.add(payer, known, draw)
        return [
            KnownPayment(paying.month, paying.day, paying.amount, paying.fine, paying.paid)
            for paying, seen in zip(payer.payments, known, strict=True)
            if seen.is_known
        ]

    def write_ghosts(self, files: _Tehsil, count: int) -> None:
        """PSIDs that pay and stand on no biller list."""
        for number in range(count):
            draw = self.world.stream(files.tehsil, -1 - number)
            psid, unit, payments = draw_ghost(self.world, files.tehsil, number, draw)
            for payment in self._write_payments(files, Payer(psid, unit, None, payments), draw):
                self.truth.collect(payment, matched=False)

    def manifest(self) -> dict[str, Any]:
        return {
            "options": self.options.as_json(),
            "today": iso(self.schedule.today),
            "files": [truth.as_json() for truth in self.truths],
            "expected": self.truth.as_json(self.schedule),
        }


def file_names(options: DemoOptions) -> list[str]:
    """The names of a set's files, in the order of their import."""
    return [truth.file for truth in _Set(Path(), options).truths]


def generate(directory: Path, options: DemoOptions, progress: Progress) -> dict[str, Any]:
    """Write the files and the manifest into `directory` (made if missing). Returns the manifest."""
    directory.mkdir(parents=True, exist_ok=True)
    files_of = _Set(directory, options)
    files_of.write_areas()
    done = 0
    for tehsil in files_of.world.tehsils:
        count = max(1, round(options.units * tehsil.share))
        if tehsil.index == 2:
            count = max(1, options.units - done)
        files = files_of.open_tehsil(tehsil)
        for number in range(count):
            files_of.write_unit(files, number)
            done += 1
            if done % PROGRESS_EVERY == 0:
                progress(f"{done:,} of {options.units:,} units written")
        files_of.write_ghosts(files, max(2, count // 120))
        for file in (files.survey, files.late_survey, *files.billers, *files.paid):
            if file is not None:
                file.close()
        progress(f"{tehsil.name}: {count:,} units written")
    manifest = files_of.manifest()
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest
