"""What can be found in a row or a file: one sentence and one remedy each, shown in previews, results and downloads."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _l

REJECT, DUPLICATE, NOTE = SEVERITIES = ("REJECT", "DUPLICATE", "NOTE")


class Finding(NamedTuple):
    """One thing found in a row; `column` is the header as the portal spells it, `value` the text as found."""

    severity: str
    code: str
    column: str = ""
    value: str = ""


class FindingType(NamedTuple):
    """What a code means. `sentence` says what is so, `remedy` what to do ('' when nothing needs doing)."""

    severity: str
    sentence: Any
    remedy: Any


NOTHING_TO_DO = _l("Nothing needs to be done.")
_KEEP_TEXT = _l("The text is kept as it is; correct it in the portal, the next file brings the correction.")
_FRESH_CSV = _l("Download the file again and upload it unopened: a spreadsheet program damages long numbers.")

FINDINGS: dict[str, FindingType] = {
    # --- a row that cannot be taken: its key is unreadable -------------------------------------------------------
    "PSID_MISSING": FindingType(
        REJECT, _l("The row has no PSID."), _l("Look the account up in the portal and download the file again.")
    ),
    "PSID_MANGLED": FindingType(
        REJECT,
        _l("The PSID was turned into a rounded number (like 2.67701E+19); its last digits are lost."),
        _FRESH_CSV,
    ),
    "PSID_UNREADABLE": FindingType(
        REJECT,
        _l("The PSID is not a number of 11 to 20 digits."),
        _l("Correct the PSID in the portal and download the file again."),
    ),
    "SURVEY_ID_MISSING": FindingType(
        REJECT, _l("The row has no survey id."), _l("Look the survey up in the portal and download the file again.")
    ),
    "SURVEY_ID_UNREADABLE": FindingType(
        REJECT,
        _l("The survey id is not a whole number."),
        _l("Correct the survey id in the portal and download the file again."),
    ),
    "MONTH_UNREADABLE": FindingType(
        REJECT,
        _l("The month is missing or cannot be read."),
        _l("A month looks like Nov 2025 or 2025-11-01. Correct it and upload the file again."),
    ),
    "MONTH_IN_FUTURE": FindingType(
        REJECT,
        _l("The month lies in the future: no bill of that month can have been issued."),
        _l("Check the month in the portal; if it is right, upload the file again when the month has come."),
    ),
    "PAID_DATE_UNREADABLE": FindingType(
        REJECT,
        _l("The paid date is missing or cannot be read."),
        _l("A paid date looks like Dec 05, 2025 or 2025-12-05. Correct it and upload the file again."),
    ),
    "PAID_DATE_IN_FUTURE": FindingType(
        REJECT,
        _l("The paid date lies in the future."),
        _l("Check the date in the portal (and the clock of this server), then upload the file again."),
    ),
    "PAID_AMOUNT_UNREADABLE": FindingType(
        REJECT,
        _l("The paid amount is missing or is not a number of rupees."),
        _l("Correct the paid amount and upload the file again."),
    ),
    "AREA_ID_UNREADABLE": FindingType(
        REJECT,
        _l("The id is missing or is not a whole number."),
        _l("District, tehsil and area each need their id. Download the area list again."),
    ),
    "AREA_NAME_MISSING": FindingType(
        REJECT, _l("The name is missing."), _l("District, tehsil and area each need a name. Download the list again.")
    ),
    "ROW_TOO_LONG": FindingType(
        REJECT,
        _l("The row has more values than the file has columns, so its values stand in the wrong columns."),
        _l("Usually a comma inside an address without quotation marks. Put the value in quotation marks."),
    ),
    "FORMULA_IN_KEY": FindingType(
        REJECT,
        _l("The cell holds a formula where the row's key is expected."),
        _l("Replace the formulas of this column by their values (copy, paste as values) and upload again."),
    ),
    "ERROR_IN_KEY": FindingType(
        REJECT,
        _l("The cell holds an error value (like #N/A) where the row's key is expected."),
        _l("Download the file again from the portal and upload it unopened."),
    ),
    # --- kept, and worth a look ----------------------------------------------------------------------------------
    "FORMULA": FindingType(
        NOTE,
        _l("The cell holds a formula; the value it last showed was taken."),
        _l("Check the value; portal files hold no formulas."),
    ),
    "FORMULA_NO_VALUE": FindingType(
        NOTE,
        _l("The cell holds a formula that was never calculated; no value was taken."),
        _l("Open the file in a spreadsheet program, save it and upload it again."),
    ),
    "CELL_ERROR": FindingType(
        NOTE,
        _l("The cell holds an error value (like #N/A); no value was taken."),
        _l("Correct the cell in the portal."),
    ),
    "ROW_TOO_SHORT": FindingType(
        NOTE,
        _l("The row has fewer values than the file has columns; the missing ones are taken as empty."),
        _l("If it is the last row, the download was cut off: download the file again."),
    ),
    "QUOTE_UNCLOSED": FindingType(
        NOTE,
        _l("A quotation mark is opened and never closed; the line was read by itself."),
        _l("Check the values of this row."),
    ),
    "ENCODING_DAMAGED": FindingType(
        NOTE,
        _l("Some characters of the file were damaged (mixed encodings); they were read as well as possible."),
        _l("If names look wrong, download the file again from the portal."),
    ),
    "PSID_ENDS_IN_ZEROS": FindingType(
        NOTE,
        _l("Everything after the 15th digit of the PSID is zero: a spreadsheet program may have rounded it."),
        _FRESH_CSV,
    ),
    "ACCOUNT_SURVEY_ID_UNREADABLE": FindingType(
        NOTE, _l("The account's survey id is not a whole number; the account has no survey."), _KEEP_TEXT
    ),
    "MOBILE_UNREADABLE": FindingType(NOTE, _l("The mobile number is not a Pakistani mobile number."), _KEEP_TEXT),
    "CNIC_UNREADABLE": FindingType(NOTE, _l("The CNIC does not have 13 digits or is a filler."), _KEEP_TEXT),
    "GPS_UNREADABLE": FindingType(NOTE, _l("The coordinates cannot be read."), _KEEP_TEXT),
    "GPS_OUTSIDE": FindingType(
        NOTE, _l("The coordinates lie outside Punjab; they are kept as text and not shown on maps."), _KEEP_TEXT
    ),
    "SURVEYED_AT_UNREADABLE": FindingType(
        NOTE, _l("The time of the survey cannot be read; none was taken."), _l("A time looks like 2025-11-26 15:54:53.")
    ),
    "SURVEYED_AT_IN_FUTURE": FindingType(
        NOTE, _l("The time of the survey lies in the future; none was taken."), _l("Correct the time in the portal.")
    ),
    "IMAGE_URL_UNREADABLE": FindingType(
        NOTE, _l("A picture's address does not begin with http:// or https://; it was left out."), _KEEP_TEXT
    ),
    "SIZE_UNREADABLE": FindingType(NOTE, _l("The size or category is none that is known."), _KEEP_TEXT),
    "USE_UNREADABLE": FindingType(NOTE, _l("Domestic or commercial: the row does not say which."), _KEEP_TEXT),
    "USE_CONFLICT": FindingType(
        NOTE,
        _l("The row describes a house and a business at once, or its use and its size disagree."),
        _l("Check the unit's category in the portal."),
    ),
    "UC_TYPE_UNREADABLE": FindingType(NOTE, _l("Urban or rural: the text says neither."), _KEEP_TEXT),
    "AMOUNT_UNREADABLE": FindingType(
        NOTE, _l("The amount is not a whole number of rupees; none was taken."), _l("Correct the amount in the portal.")
    ),
    "AMOUNT_ROUNDED": FindingType(NOTE, _l("The amount has paisas; it was rounded to the rupee."), NOTHING_TO_DO),
    "STATUS_UNREADABLE": FindingType(NOTE, _l("Active or inactive: the text says neither (1 or 0)."), _KEEP_TEXT),
    "CHANNEL_MISSING": FindingType(
        NOTE, _l("The payment names no channel; it is kept under the channel Unknown."), _l("Check it in the portal.")
    ),
    "ISSUED_WITHOUT_BILL_ID": FindingType(
        NOTE,
        _l("The row has an issue date but no bill id; no bill was taken, the account is listed."),
        _l("Check the account's last bill in the portal."),
    ),
    "BILL_ID_WITHOUT_ISSUED": FindingType(
        NOTE,
        _l("The row has a bill id but no issue date; no bill was taken, the account is listed."),
        _l("Check the account's last bill in the portal."),
    ),
    "ISSUED_UNREADABLE": FindingType(
        NOTE,
        _l("The issue date cannot be read; no bill was taken, the account is listed."),
        _l("An issue date looks like 25/10/2025 04:45 AM, the day first."),
    ),
    "ISSUED_IN_FUTURE": FindingType(
        NOTE,
        _l("The issue date lies in the future; no bill was taken, the account is listed."),
        _l("Check the date in the portal (and the clock of this server), then upload the file again."),
    ),
    "BILL_ID_UNREADABLE": FindingType(
        NOTE,
        _l("The bill id was turned into a rounded number; no bill was taken, the account is listed."),
        _FRESH_CSV,
    ),
    # --- found against the rest of the file and the registers ----------------------------------------------------
    "DUPLICATE_ROW": FindingType(DUPLICATE, _l("The same row stands further down in the file."), NOTHING_TO_DO),
    "DUPLICATE_KEY_DIFFERENT": FindingType(
        DUPLICATE,
        _l("The same key stands further down in the file with different values; the last row counts."),
        _l("Check which of the rows is right."),
    ),
    "OUTSIDE_AREA": FindingType(
        REJECT,
        _l("The row belongs to a place outside your area."),
        _l("Ask an administrator of that area or the head office to import it."),
    ),
    "OUTSIDE_AREA_ACCOUNT": FindingType(
        REJECT,
        _l("The account or unit of this row stands in a place outside your area."),
        _l("Ask an administrator of that area or the head office to import it."),
    ),
    "UNKNOWN_PLACE": FindingType(
        NOTE,
        _l("The union council is not known; the row hangs on the nearest known place above it."),
        _l("Match the place under Places to match; its rows follow."),
    ),
    "NO_UNION_COUNCIL": FindingType(
        NOTE, _l("The row names no union council; it hangs on its tehsil."), _l("Correct it in the portal.")
    ),
    "AMBIGUOUS_PLACE": FindingType(
        NOTE,
        _l("Several places bear this name; urban or rural decided, then the lowest area id."),
        _l("Match the place under Places to match if the choice is wrong."),
    ),
    "DISTRICT_IN_TWO_DIVISIONS": FindingType(
        NOTE,
        _l("The files name different divisions for the district; it stands under the alphabetically first."),
        _l("Find out which division is right, and have the other lists corrected in the portal."),
    ),
    "PENDING_SURVEY": FindingType(
        NOTE,
        _l("The survey of this account is not known yet; the account waits for it."),
        _l("Import the survey master; the account matches itself."),
    ),
    "SECOND_PSID": FindingType(
        NOTE,
        _l("The survey of this account already has another PSID."),
        _l("Find out which of the accounts is the right one."),
    ),
    "UNKNOWN_PSID": FindingType(
        NOTE,
        _l("The PSID is not known; the payment is kept as unmatched money."),
        _l("Import the biller list that holds this account; the payment matches itself."),
    ),
    "OLDER_FILE": FindingType(
        NOTE,
        _l("A newer file already brought this record; nothing of it was overwritten."),
        NOTHING_TO_DO,
    ),
    "KEPT_BY_HAND": FindingType(
        NOTE,
        _l("The file says something else than a person has set; what he set was kept."),
        _l("If the file is right, open the record and release the hold; the next file decides then."),
    ),
    "CLOSED_BY_HAND": FindingType(
        NOTE,
        _l("The file still holds a unit or account that a person has closed; it stays closed."),
        _l("If it exists after all, open the record and restore it."),
    ),
    "MONTH_DIFFERS": FindingType(
        NOTE,
        _l("The portal's month of this payment is not the month of the bill it was allocated to."),
        _l("If the bills of that issue date stand in the wrong month, move them."),
    ),
    "AMOUNT_DIFFERS": FindingType(
        NOTE,
        _l("The paid list's amount is not the biller list's payable of the same bill; both are kept."),
        NOTHING_TO_DO,
    ),
    "SUPERSEDED_BILL": FindingType(
        NOTE,
        _l("The account has a later bill of the same month; the earlier one is cancelled (superseded)."),
        NOTHING_TO_DO,
    ),
    "NAME_IN_FUTURE": FindingType(
        NOTE,
        _l("The date or month in the file's name lies in the future; it was not used."),
        _l("Check the as-of time and the billing months, or correct the file's name."),
    ),
    "ISSUED_NOT_IN_FILE": FindingType(
        NOTE,
        _l("A month was given for an issue date that no row of the file has."),
        _l("Check the date; the month given for it was not used."),
    ),
    "MONTH_FROM_EARLIER_FILE": FindingType(
        NOTE,
        _l("The bill is known with another month, from a newer file; the older file decides, and the bill moved."),
        _l("Move the bills of that issue date if the month is wrong."),
    ),
    "BILL_OTHER_ACCOUNT": FindingType(
        NOTE,
        _l("The bill id belongs to another account; no bill was taken from this row."),
        _l("Check both accounts in the portal."),
    ),
    "BILL_TAKEN_OVER": FindingType(
        NOTE,
        _l("The bill stood with another account; of several that claim a bill id the lowest PSID has it."),
        _l("Check both accounts in the portal."),
    ),
}
