"""Who lives in the invented district: units, their accounts, the bills these got and what was paid on them.

Every unit is drawn from a random stream of its own, `(seed, tehsil, number)`, and lives its whole history at
once; nothing of it is kept. Days are ordinals, months are indices into the schedule's cycles, money is rupees.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from random import Random

from portal.demo import economics, names
from portal.demo.places import NO_PLACE, Area, Tehsil
from portal.demo.schedule import Schedule

CHANNELS = ("1Bill", "BOP OTC", "OTC/Cash", "JazzCash", "Easypaisa")
_CHANNEL_WEIGHTS = ((0.42, 0.60, 0.78, 0.91, 1.0), (0.33, 0.52, 0.76, 0.90, 1.0), (0.30, 0.44, 0.78, 0.92, 1.0))
_MONTH_PAYS = (1.0, 0.93, 1.08, 0.97, 1.04, 0.88)
REGISTERED, ARRIVES_LATE, UNKNOWN = "registered", "late", "unknown"
# Last Bill IDs grow with time and stand once over all accounts: a block of ids for each month.
_BILL_ID_BLOCK = 20_000_000


@dataclass(slots=True)
class Unit:
    """A property. `register` says whether its survey is in the register, arrives later, or is missing."""

    number: int
    survey_id: int
    area: Area
    is_domestic: bool
    size: str
    business: str
    name: str
    urdu: bool
    address: str
    mobile: str
    cnic: str
    register: str


@dataclass(slots=True)
class Paying:
    """A payment. `month` is what the portal calls the month paid."""

    month: int
    day: int
    amount: int
    fine: int
    paid: int
    channel: str


@dataclass(slots=True)
class Bill:
    """A bill within an account's life. `reissued` is the id that replaced it, 0 if none did."""

    month: int
    issued: int
    minute: int
    bill_id: int
    amount: int
    fine: int
    due: int
    reissued: int = 0
    payments: list[Paying] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    """A PSID with its life. `fee` is None where the portal states none; `first_month` is when it is listed first."""

    psid: str
    unit: Unit
    survey_text: str
    place: str
    name: str
    mobile: str
    cnic: str
    fee: int | None
    first_month: int
    inactive_from: int
    shows_fine: bool
    bills: list[Bill] = field(default_factory=list)
    strays: list[Paying] = field(default_factory=list)

    def payments(self) -> list[Paying]:
        return [paying for bill in self.bills for paying in bill.payments] + self.strays


@dataclass(frozen=True, slots=True)
class World:
    """The invented district: what all draws depend on."""

    seed: int
    schedule: Schedule
    tehsils: tuple[Tehsil, ...]

    def stream(self, tehsil: Tehsil, number: int) -> Random:
        """The random stream of one unit (or of one ghost: negative numbers)."""
        return Random((self.seed * 8 + tehsil.index) * 100_000_000 + number + 50_000_000)


def person(draw: Random) -> tuple[str, bool]:
    """A name, and whether it is in Urdu."""
    if draw.random() < 0.3:
        return f"{draw.choice(names.URDU_FIRST_NAMES)} {draw.choice(names.URDU_LAST_NAMES)}", True
    name = f"{draw.choice(names.FIRST_NAMES)} {draw.choice(names.LAST_NAMES)}"
    if draw.random() < 0.01:
        name += draw.choice(names.LATIN_ODDITIES)
    return name, False


def _address(draw: Random, *, urdu: bool) -> str:
    house, street = int(draw.random() * 480) + 1, int(draw.random() * 24) + 1
    if urdu:
        return f"مکان نمبر {house} گلی {street} {draw.choice(names.URDU_MOHALLAS)}"
    return f"House {house}, Street {street}, {draw.choice(names.MOHALLAS)}"


def mobile(draw: Random) -> str:
    """A number of no real network (039...), in one of the usual forms, or words."""
    digits = int(draw.random() * 100_000_000)
    kind = draw.random()
    if kind < 0.62:
        return f"039{digits:08d}"
    if kind < 0.78:
        return f"039{digits // 10_000_000} {digits % 10_000_000:07d}"
    if kind < 0.93:
        return f"+9239{digits:08d}"
    return draw.choice(names.MOBILE_WORDS) if kind < 0.95 else ""


def cnic(draw: Random) -> str:
    """13 digits beginning 99 (no real province), with or without dashes; mostly nothing, now and then junk."""
    kind = draw.random()
    if kind >= 0.42:
        return ""
    digits = f"99{int(draw.random() * 100_000_000_000):011d}"
    if kind < 0.2:
        return digits
    if kind < 0.4:
        return f"{digits[:5]}-{digits[5:12]}-{digits[12]}"
    return draw.choice(names.CNIC_JUNK)


def draw_unit(world: World, tehsil: Tehsil, number: int, draw: Random) -> Unit:
    """The unit's facts."""
    area = tehsil.areas[bisect(tehsil.weights, draw.random() * tehsil.weights[-1])]
    is_domestic = draw.random() < (0.86 if area.uc_type == "Urban" else 0.93)
    if is_domestic:
        size = tuple(economics.DOMESTIC_FEES)[bisect(economics.DOMESTIC_WEIGHTS, draw.random())]
        business = ""
    else:
        size = tuple(economics.COMMERCIAL_FEES)[bisect(economics.COMMERCIAL_WEIGHTS, draw.random())]
        business = draw.choice(names.BUSINESS_TYPES)
    name, urdu = person(draw)
    known = draw.random()
    register = REGISTERED
    if known < 0.011:
        is_late = tehsil.index == world.schedule.late_survey_tehsil and known < 0.005
        register = ARRIVES_LATE if is_late else UNKNOWN
    return Unit(
        number, 200_001 + number * 3 + tehsil.index, area, is_domestic, size, business, name, urdu,
        _address(draw, urdu=urdu), mobile(draw), cnic(draw), register,
    )  # fmt: skip


def draw_accounts(world: World, tehsil: Tehsil, unit: Unit, draw: Random) -> list[Account]:
    """No account (surveyed only), one, or two (the survey was sent twice)."""
    kind = draw.random()
    if kind < 0.035 and unit.register == REGISTERED:
        return []
    count = 2 if kind > 0.989 else 1
    return [_draw_account(world, tehsil, unit, copy, draw) for copy in range(count)]


def _psid(tehsil: Tehsil, number: int, copy: int, draw: Random) -> str:
    account = number * 2 + copy
    account = account * 10 + account % 9 + 1  # the last digit is never 0, as on a PSID that a spreadsheet has cut
    if draw.random() < 0.01:  # some are shorter
        return f"7{tehsil.index + 1:02d}{account:012d}"
    return f"111100{tehsil.index + 1:02d}{account:012d}"


def _draw_account(world: World, tehsil: Tehsil, unit: Unit, copy: int, draw: Random) -> Account:
    schedule = world.schedule
    months = len(schedule.cycles)
    is_urban = unit.area.uc_type == "Urban"
    fee: int | None = economics.monthly_fee(is_domestic=unit.is_domestic, size=unit.size, is_urban=is_urban)
    place = unit.area.in_biller
    odd = draw.random()
    if odd < 0.008:
        place = NO_PLACE
    elif odd < 0.012:
        place = draw.choice(tehsil.unknown_names)
    elif odd < 0.020:  # the two registers disagree about the place
        place = draw.choice(tehsil.areas).in_biller
    elif odd < 0.023:
        fee = None
    survey_text = str(unit.survey_id) if draw.random() > 0.001 else "-"
    own_name = draw.random()
    name = unit.name if own_name < 0.8 else person(draw)[0] if own_name < 0.95 else "-"
    starts = draw.random()
    first_month = 0 if starts < 0.86 else int(draw.random() * months)
    ends = draw.random()
    inactive_from = int(draw.random() * months) if ends < 0.015 else months + 1
    account = Account(
        _psid(tehsil, unit.number, copy, draw), unit, survey_text, place, name,
        unit.mobile or "-", unit.cnic or "-", fee, first_month, inactive_from,
        draw.random() < tehsil.states_fine,
    )  # fmt: skip
    if draw.random() < 0.055:  # listed, never billed
        if draw.random() < 0.02:
            day = schedule.cycles[0].first + int(draw.random() * 25)
            if day <= schedule.today:
                amount = fee or 300
                fine = economics.surcharge(amount)
                account.strays.append(Paying(0, day, amount, fine, amount, _channel(tehsil, draw)))
        return account
    _live(world, tehsil, account, draw, copy)
    return account


def _channel(tehsil: Tehsil, draw: Random) -> str:
    return CHANNELS[bisect(_CHANNEL_WEIGHTS[tehsil.index], draw.random())]


def _issues(schedule: Schedule, tehsil: Tehsil, account: Account, draw: Random) -> list[tuple[int, int, int]]:
    """(month, day, minute) of the account's bills: some months it gets none."""
    is_early = draw.random() < 0.22
    found: list[tuple[int, int, int]] = []
    for cycle in schedule.cycles[account.first_month : account.inactive_from]:
        if draw.random() < tehsil.skips:
            continue
        early = is_early != (draw.random() < 0.04)
        days = cycle.issues[tehsil.index][0 if early else 1]
        at = draw.random()
        day = next(day for day, weight in days if at <= weight)
        minute = int(draw.random() * 1440)
        if day < schedule.today and (not found or day > found[-1][1]):
            found.append((cycle.index, day, minute))
    return found


def _live(world: World, tehsil: Tehsil, account: Account, draw: Random, copy: int) -> None:
    """Bill by bill: arrears, surcharge, whether and when it is paid."""
    schedule = world.schedule
    unit = account.unit
    fee = account.fee if account.fee is not None else 300
    temper = draw.random()
    habit = 0.03 if temper < 0.34 else 0.38 if temper < 0.66 else 0.82
    habit *= unit.area.pays * (1.12 if not unit.is_domestic else 1.0)
    owed = 0
    if draw.random() < 0.45:  # debts from before
        for _ in range(int(draw.random() * 5) + 1):
            owed += fee
            owed += economics.surcharge(owed)
    issues = _issues(schedule, tehsil, account, draw)
    base = (schedule.cycles[0].month.year - 2020) * 12 + schedule.cycles[0].month.month
    next_days = [day for _month, day, _minute in issues[1:]] + [schedule.today + 1]
    for (month, day, minute), next_day in zip(issues, next_days, strict=False):
        amount = owed + fee
        fine = economics.surcharge(amount)
        number = (base + month) * _BILL_ID_BLOCK + ((unit.number * 2 + copy) * 3 + tehsil.index) * 2
        bill = Bill(month, day, minute, number, amount, fine, day + economics.DUE_DAYS)
        account.bills.append(bill)
        chance = habit * _MONTH_PAYS[month % len(_MONTH_PAYS)] * (0.7 if amount > 6 * fee else 1.0)
        if draw.random() < chance:
            _pay(schedule, tehsil, bill, next_day - 1, draw)
        if month == schedule.reissue_cycle and tehsil.index == schedule.reissue_tehsil and draw.random() < 0.025:
            bill.reissued = bill.bill_id + 1
        owed = owed_on(bill, next_day, with_fine=True)


def _pay(schedule: Schedule, tehsil: Tehsil, bill: Bill, until: int, draw: Random) -> None:
    """Pay a bill: at once, in the rush before the due date, or late with the fine; all, in parts, or twice."""
    when = draw.random()
    if when < 0.24:
        day = bill.issued + 1 + int(draw.random() * 9)
    elif when < 0.76:
        day = bill.due - int(6 * draw.random() ** 2)
    else:
        day = bill.due + 1 + int(draw.random() * 22)
    if day > until:
        return
    amount, fine = bill.amount, bill.fine
    if draw.random() < 0.015:  # the portal's two lists do not agree
        amount = max(100, amount * 6 // 10)
        fine = economics.surcharge(amount)
    paid = amount if day <= bill.due else amount + fine
    month = bill.month
    naming = draw.random()
    if bill.issued < schedule.cycles[month].month.toordinal() and naming < 0.12:
        month -= 1  # "the portal calls this bill Oct, we call it Nov"
    elif day > schedule.cycles[month].last and naming < 0.5:
        month = min(month + 1, len(schedule.cycles) - 1)  # named by the day it was paid
    channel = _channel(tehsil, draw)
    kind = draw.random()
    if kind < 0.012 and day + 2 <= until and paid == amount:  # in two parts
        half = amount // 2
        bill.payments.append(Paying(month, day, amount, fine, half, channel))
        second = day + 2
        rest = amount - half if second <= bill.due else amount - half + fine
        bill.payments.append(Paying(month, second, amount, fine, rest, channel))
    elif kind < 0.02:  # in part only
        bill.payments.append(Paying(month, day, amount, fine, amount // 2, channel))
    else:
        bill.payments.append(Paying(month, day, amount, fine, paid, channel))
        if kind > 0.996 and day + 1 <= until:  # twice
            bill.payments.append(Paying(month, day + 1, amount, fine, paid, CHANNELS[0]))


def owed_on(bill: Bill, day: int, *, with_fine: bool) -> int:
    """What is owed on a bill at the end of a day: 0 when paid, with the fine (if wanted) after the due date."""
    paid = 0
    stated = bill.amount
    for paying in bill.payments:
        if paying.day <= day:
            paid += paying.paid
            stated = paying.amount
    if paid >= stated:
        return 0
    return _with_fine(bill, stated - paid, day) if with_fine else stated - paid


def stated_on(bill: Bill, day: int, *, with_fine: bool, resets: bool) -> int:
    """The `Total Payable` of a biller list of that day. Where the portal does not reset it, payments leave it alone."""
    if resets:
        return owed_on(bill, day, with_fine=with_fine)
    return _with_fine(bill, bill.amount, day) if with_fine else bill.amount


def _with_fine(bill: Bill, amount: int, day: int) -> int:
    return amount + economics.surcharge(amount) if day > bill.due else amount


def draw_ghost(world: World, tehsil: Tehsil, number: int, draw: Random) -> tuple[str, Unit, list[Paying]]:
    """A PSID that pays but stands on no biller list."""
    unit = draw_unit(world, tehsil, number, draw)
    psid = f"111100{tehsil.index + 1:02d}9{number:010d}7"
    is_urban = unit.area.uc_type == "Urban"
    fee = economics.monthly_fee(is_domestic=unit.is_domestic, size=unit.size, is_urban=is_urban)
    payments = []
    for cycle in world.schedule.cycles:
        day = cycle.first + 2 + int(draw.random() * 26)
        if draw.random() < 0.3 and day <= world.schedule.today:
            payments.append(Paying(cycle.index, day, fee, economics.surcharge(fee), fee, _channel(tehsil, draw)))
    return psid, unit, payments
