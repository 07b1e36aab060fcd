"""Writes docs/schema.md from the models: `python docs/make_schema.py` (from the project's folder, in its environment).

The models give tables, columns and types; the words for columns and constraints stand here. A column or a
constraint without words is an error, so that nobody adds one without saying what it is.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT_DIR))

from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint  # noqa: E402
from sqlalchemy.dialects import postgresql  # noqa: E402

from portal.extensions import Base  # noqa: E402
from portal.factory import MODELS  # noqa: E402

TARGET = PROJECT_DIR / "docs" / "schema.md"

HEAD = """# Tables and columns

Written by `docs/make_schema.py` from the models; do not edit by hand. Why the tables are as they are:
[architecture.md](architecture.md#schema).

Conventions: money is whole rupees in integers. A billing month is the date of its first day. Times are
`timestamptz`, shown in Asia/Karachi. A column without "no" under NULL may be empty; what a file does not say stays
NULL. The queue's tables (`procrastinate_*`) belong to procrastinate and are not listed.
"""

AFTER = """
## Views, functions and triggers

Made by the migrations; they hold whoever writes.

- `location_ancestry`: the view from which the closure is computed.
- `keep_location_closure`, `post_tree_change`: after every change of `locations`, bring `location_closure` up to date
  and raise the data version for everybody. A cycle, or a tree deeper than 10 levels, is refused.
- `post_<table>_<event>`: after every insert, update or delete on `bills`, `payments`, `account_balances`,
  `survey_units`, `unit_states` and `unit_cycles`, post the deltas to the rollups and to `data_versions`.
- `post_<table>_days_<event>`: the same for `rollup_days`, after every change of `bills` and `unit_cycles`.
- `refuse_truncate`: these tables cannot be truncated, since no delta would be posted.
- `audit_log_append_only`, `audit_log_no_truncate`: the audit log takes inserts only.
- `ensure_audit_partition(month)`: makes the audit log's partition of a month, `audit_log_yYYYYmMM`, if it is missing,
  and moves the month's lines from the default partition `audit_log_other` into it.
- `ensure_bill_partition(month)`: makes the partition of a month, `bills_yYYYYmMM`, if it is missing.
"""

# Words for columns, by table and column, or for a column that means the same in every table.
COLUMNS: dict[str, str] = {
    "id": "Number of the row.",
    "created_at": "When the row was made.",
    "updated_at": "When the row was last changed.",
    "as_of": "As-of time of the newest file that wrote the row; an older file overwrites nothing.",
    "first_batch_id": "The import that brought the row.",
    "last_batch_id": "The import that last changed it.",
    "place_id": "The place as the file spelled it.",
    "location_id": "Where it lies in the tree.",
    "uc_type": "URBAN or RURAL.",
    "use": "DOMESTIC or COMMERCIAL.",
    "size_band": "Marla band (M0_5 ... M40_PLUS) or SMALL, MEDIUM, LARGE.",
    "size_text": "The size as written, where it is none of the bands.",
    "psid": "The account's PSID: 11 to 20 digits, text.",
    "consumer_name": "Name, English or Urdu.",
    "mobile": "Mobile number, 03xxxxxxxxx.",
    "mobile_text": "The mobile number as written, where it is none.",
    "cnic": "CNIC, 13 digits.",
    "cnic_text": "The CNIC as written, where it is none.",
    "address": "Address, English or Urdu.",
    "wmc": "The waste management company the file names.",
    "office": "The office the file names.",
    "search": "Name and address, folded and indexed for the search. Computed.",
    "monthly_fee": "Monthly fee.",
    "billing_month": "First day of the billing month.",
    "bills": "Live bills.",
    "paid_bills": "Live bills that are paid.",
    "payments": "Number of payments.",
    "amount": "Rupees paid.",
    "demand": "What the bills ask for.",
    "paid_on": "The day it was paid.",
    "staff_id": "The staff member.",
    "accounts": "Number of accounts.",
    "channel": "Channel of payment, one spelling for each.",
    "unpaid_bills": "Consecutive unpaid live bills up to the latest.",
    "outstanding": "What is owed now.",
    "credit": "What was paid beyond amount and fine.",
    "bill_keys.portal_bill_id": "The portal's id of the bill, once over all months.",
    "bill_keys.billing_month": "The month its bill stands in; changing it here moves the bill.",
    "data_versions.location_id": "The location concerned; NULL: everybody.",
    "data_versions.changes": "How many changes; only the sum means anything.",
    "locations.parent_id": "The node above; NULL for the province.",
    "locations.kind": "PROVINCE, DIVISION, DISTRICT, TEHSIL, UNION_COUNCIL (also wards), MOHALLA.",
    "locations.name": "Name as the area list spells it.",
    "locations.name_ur": "Name in Urdu.",
    "locations.portal_id": "The portal's id within its kind; NULL for nodes made by hand.",
    "locations.match_key": "The name folded: case, blanks, punctuation and the Urban/Rural prefix ignored.",
    "login_attempts.username": "The user name typed, in lower case.",
    "login_attempts.address": "The address it came from.",
    "login_attempts.succeeded": "Whether it let the person in.",
    "login_attempts.at": "When.",
    "mail_deliveries.key": "The mail: mails of one key are sent once.",
    "mail_deliveries.state": "WAITING, HANDED_OVER (its content was on the way), SENT or FAILED (given up).",
    "mail_deliveries.attempts": "How often it was tried.",
    "mail_deliveries.answer": "The mail server's last answer, or why it could not be asked.",
    "settings.name": "The setting; `logo_image:` and a digest for the picture of a logo.",
    "settings.value": "Its value. A setting at its default has no row.",
    "setting_changes.id": "Number of the change; the greatest is the version of all settings.",
    "setting_changes.at": "When.",
    "setting_changes.actor": "User name.",
    "setting_changes.name": "The setting.",
    "setting_changes.before": "Its value before; NULL is the default.",
    "setting_changes.after": "Its value after; NULL is the default.",
    "rollup_accounts.pending": "Of these, waiting for their survey.",
    "rollup_accounts.debtors": "Of these, owing something.",
    "rollup_accounts.never_paid": "Of these, billed and never paid.",
    "rollup_days.day": "The day it happened: of issue, of the last payment, of being carried over.",
    "rollup_days.monthly_fee": "Fees of the live bills issued.",
    "rollup_days.outstanding": "By how much what is owed rose or fell.",
    "rollup_days.paid_units": "Units that became paying ones.",
    "rollup_collected.state": "POSTED (account known) or UNMATCHED.",
    "rollup_received.bill_month": "Month of the bills paid.",
    "rollup_unit_cycles.billed": "Units with a live bill in the month.",
    "rollup_unit_cycles.paid": "Units with a paid bill in the month.",
    "rollup_units.surveyed": "Units in the survey register.",
    "rollup_units.listed": "Units with at least one account.",
    "staff.username": "Name to sign in with; unique without regard to case.",
    "staff.password_hash": "bcrypt hash.",
    "staff.full_name": "Name as shown.",
    "staff.role": "AGENT, SUPERVISOR, ADMIN, MANAGER or HEAD.",
    "staff.is_active": "Whether the person may sign in.",
    "staff.language": "en or ur.",
    "staff.theme": "system, light or dark.",
    "staff.list_columns": "Columns chosen for lists; a list that is not in it shows its own choice.",
    "audit_log.at": "When it happened.",
    "login_attempts.known_device": "Whether the browser had signed this person in before; counted apart.",
    "login_attempts.forgiven": "Set by an unlock: no longer counted.",
    "recovery_codes.code_hash": "Hash of the code; the code itself is kept nowhere.",
    "recovery_codes.used_at": "When it was used; it works once.",
    "staff.email": "Where mails go; nobody else has it.",
    "staff.deactivated_at": "When the account was switched off.",
    "staff.must_change_password": "Whether a new password has to be chosen at the next sign-in.",
    "staff.password_changed_at": "When the password was last set.",
    "staff.totp_secret": "Secret of the second factor, encrypted.",
    "staff.totp_confirmed_at": "When the second factor came into force.",
    "staff.totp_last_step": "Last time step used, so that a code works once.",
    "staff.created_by": "Who made the account.",
    "staff.version": "Counts the edits: a form made of an older one is refused.",
    "staff_sessions.awaits_second_factor": "Password accepted, second factor not yet.",
    "staff_tokens.kind": "INVITE (link for a first password), RESET (link of a mail) or CODE (read out).",
    "staff_tokens.token_hash": "Hash of the secret; the secret itself is kept nowhere.",
    "staff_tokens.created_by": "Who had it made; empty for the person himself.",
    "staff_tokens.expires_at": "Until when it may be used.",
    "staff_tokens.used_at": "When it was used, or taken back.",
    "staff_tokens.failures": "Wrong tries at a code.",
    "audit_log.actor": "User name, or system.",
    "audit_log.action": "What was done, such as import.commit.",
    "audit_log.entity": "Kind of thing it was done to.",
    "audit_log.entity_id": "Its number or name.",
    "audit_log.batch_id": "The import it belongs to.",
    "audit_log.address": "Where the request came from.",
    "audit_log.reason": "The reason given.",
    "audit_log.before": "Values before.",
    "audit_log.after": "Values after.",
    "import_batches.kind": "areas, survey, biller or paid; NULL until recognised.",
    "import_batches.file_name": "Name of the file.",
    "import_batches.file_sha256": "SHA-256 of the file.",
    "import_batches.file_size": "Size in bytes.",
    "import_batches.stored_path": "Where the upload lies; NULL on the command line and after 90 days.",
    "import_batches.status": "UPLOADED, CHECKING, PREVIEW, QUEUED, COMMITTING, DONE, REFUSED, FAILED, CANCELLED.",
    "import_batches.options": "Months and as-of time chosen.",
    "import_batches.as_of": "As-of time of the file.",
    "import_batches.rows_read": "Rows of the file.",
    "import_batches.rows_inserted": "New rows.",
    "import_batches.rows_updated": "Rows that changed something known.",
    "import_batches.rows_unchanged": "Rows known already.",
    "import_batches.rows_duplicate": "Rows that stand again further down in the file.",
    "import_batches.rows_rejected": "Rows left out, with a reason.",
    "import_batches.rows_pending": "Of the first three, rows waiting for a partner.",
    "import_batches.totals": "Control totals of the kind.",
    "import_batches.preview": "What the preview page shows.",
    "import_batches.result": "What the result page shows.",
    "import_batches.error": "Why it was refused or failed, in each language.",
    "import_batches.phase": "What it is doing now.",
    "import_batches.progress": "Percent done.",
    "import_batches.staff_id": "Who uploaded it; NULL: the command line.",
    "import_batches.area_ids": "Where the uploader may write; NULL: the whole province.",
    "import_batches.started_at": "When writing began.",
    "import_batches.finished_at": "When it ended, however it ended.",
    "location_closure.ancestor_id": "The node above, or the node itself.",
    "location_closure.location_id": "The node below, or the node itself.",
    "location_closure.depth": "Levels between them; 0 for the node itself.",
    "places.division_key": "Folded name of the division.",
    "places.district_key": "Folded name of the district.",
    "places.tehsil_key": "Folded name of the tehsil, or of the city of a short paid list.",
    "places.name_key": "Folded name of the union council or ward.",
    "places.uc_type": "URBAN, RURAL, or '' where the file does not say.",
    "places.division": "Division as spelled.",
    "places.district": "District as spelled.",
    "places.tehsil": "Tehsil or city as spelled.",
    "places.name": "Union council or ward as spelled.",
    "places.location_id": "The location it stands for; while OPEN, the deepest known one above.",
    "places.state": "MATCHED by name, LINKED by a person, OPEN (waits), NONE (the file names no union council).",
    "places.ambiguous": "Several locations bore the name.",
    "staff_areas.location_id": "The node under which the role holds.",
    "staff_sessions.token_hash": "Hash of the token in the cookie.",
    "staff_sessions.address": "Address at sign-in.",
    "staff_sessions.user_agent": "Browser at sign-in.",
    "staff_sessions.last_seen_at": "Last request of the person; polling does not count.",
    "staff_sessions.ended_at": "When it was ended; NULL: open.",
    "import_findings.batch_id": "The import.",
    "import_findings.line_no": "Line in the file; 0: the file as a whole.",
    "import_findings.severity": "REJECT, DUPLICATE or NOTE.",
    "import_findings.code": "What was found; see portal/imports/findings.py.",
    "import_findings.column_name": "The column, as the portal spells it.",
    "import_findings.value": "The text as found.",
    "import_rows.batch_id": "The import.",
    "import_rows.line_no": "Line in the file.",
    "import_rows.outcome": "INSERTED, UPDATED, UNCHANGED, DUPLICATE or REJECTED.",
    "import_rows.pending": "The row waits for a partner.",
    "import_rows.entity_key": "Survey id, PSID or area id.",
    "import_rows.changes": "{column: [old, new]} of an updated row.",
    "import_rows.raw": "The row as the file had it (rejected and duplicate rows).",
    "survey_units.survey_id": "The portal's number of the survey; the key.",
    "survey_units.email": "E-mail address.",
    "survey_units.business_type": "Kind of business, for commercial units.",
    "survey_units.house_type": "Kind of house, for domestic units.",
    "survey_units.water_connection": "As the survey states it.",
    "survey_units.gps_text": "Coordinates as written.",
    "survey_units.gps_lat": "Latitude, inside Punjab.",
    "survey_units.gps_lon": "Longitude, inside Punjab.",
    "survey_units.image_urls": "Addresses of the photos.",
    "survey_units.surveyor_name": "Who surveyed.",
    "survey_units.surveyed_at": "When.",
    "survey_units.extra_text": "The column of the survey master that has no heading.",
    "accounts.survey_id": "The survey id the biller list states.",
    "accounts.unit_id": "The unit; NULL: pending sync.",
    "accounts.total_payable": "Total payable as the portal stated it last.",
    "accounts.portal_balance": "The file's Balance; nothing is derived from it.",
    "accounts.portal_current_bill": "The file's Current Bill; nothing is derived from it.",
    "accounts.is_active": "The portal's status of the account.",
    "unit_cycles.unit_id": "The unit.",
    "unit_cycles.location_id": "The unit's own location.",
    "unit_cycles.bills": "Live bills of the unit in the month.",
    "unit_cycles.paid_bills": "Of these, paid.",
    "unit_cycles.paid_on": "The day it became a paying unit of the month. Derived.",
    "unit_states.unit_id": "The unit.",
    "unit_states.location_id": "The unit's own location.",
    "account_balances.account_id": "The account.",
    "account_balances.location_id": "The account's location.",
    "account_balances.is_pending": "The account waits for its survey.",
    "account_balances.latest_bill_month": "Month of the latest live bill.",
    "account_balances.latest_bill_id": "Number of the latest live bill.",
    "account_balances.payments_count": "All payments of the account; 0: never paid.",
    "bills.account_id": "The account.",
    "bills.portal_bill_id": "The portal's id of the bill.",
    "bills.source": "BILLER, OLD_SYSTEM or OWN.",
    "bills.issued_at": "When the bill was issued.",
    "bills.monthly_fee": "Monthly fee stated with the bill.",
    "bills.arrears": "Arrears brought forward, where stated.",
    "bills.fine": "Fine, where stated.",
    "bills.amount_payable": "Payable as stated (the biller list's Total Payable).",
    "bills.amount_after_due": "Payable after the due date, where stated.",
    "bills.status": "UNPAID, PARTIAL, PAID, ARREARS, CANCELLED. Derived.",
    "bills.paid_amount": "Payments allocated to it. Derived.",
    "bills.demand": "What it asks for. Derived.",
    "bills.last_paid_on": "Day of its last payment. Derived.",
    "bills.carried_on": "Day of issue of the account's next live bill, which carries it over. Derived.",
    "bills.month_source": "Where the month came from: ISSUED, MONTH, FILE_NAME, CALENDAR, MOVED.",
    "bills.month_as_of": "As-of time of the file that decided the month.",
    "bill_moves.tehsil_id": "Where the bills lie.",
    "bill_moves.issued_on": "The day they were issued.",
    "bill_moves.from_month": "The month they stood in.",
    "bill_moves.to_month": "The month they were to go to.",
    "bill_moves.status": "QUEUED, MOVING, DONE, CHANGED, FAILED or CANCELLED.",
    "bill_moves.promised": "What it was to do, as confirmed: bills, accounts, fees, demand, payments.",
    "bill_moves.result": "What it did.",
    "bill_moves.problem": "Why nothing was moved, in each language.",
    "bill_moves.phase": "What it is doing now.",
    "bill_moves.progress": "Percent done.",
    "bill_moves.staff_id": "Who confirmed it.",
    "bill_moves.address": "From where.",
    "bill_moves.started_at": "When moving began.",
    "bill_moves.finished_at": "When it ended, however it ended.",
    "payments.month": "The month the portal says was paid.",
    "payments.paid_amount": "Rupees paid.",
    "payments.amount": "Payable within the due date, as the paid list states it.",
    "payments.fine": "Late surcharge, as the paid list states it.",
    "payments.billing_category": "Billing category as written.",
    "payments.bill_pdf": "Address of the portal's bill.",
    "payments.portal_status": "Status as written.",
    "payments.is_active": "The paid list's Active.",
    "payments.location_id": "The payment's own location; it never follows the consumer.",
    "payments.place_is_long": "Whether a long paid list gave the place.",
    "payments.place_as_of": "As-of time of the file that gave the place.",
    "payments.account_id": "The account; NULL: unmatched.",
    "payments.bill_month": "Month of the bill it is allocated to; NULL: unallocated.",
    "payments.bill_id": "Number of the bill it is allocated to.",
    "stored_files.client_uuid": "Made where the file was sent from: sent twice, it is one file.",
    "stored_files.kind": "PHOTO or DOCUMENT.",
    "stored_files.key": "Its name in the storage.",
    "stored_files.thumb_key": "That of its small version; NULL: there is none.",
    "stored_files.file_name": "Name it was sent under, cleaned; its ending is that of the content.",
    "stored_files.title": "What it shows, as people say.",
    "stored_files.media_type": "What it is, by its bytes.",
    "stored_files.bytes": "Size as stored.",
    "stored_files.sha256": "Of the bytes as stored.",
    "stored_files.width": "Pixels; NULL: no picture.",
    "stored_files.height": "Pixels; NULL: no picture.",
    "stored_files.location_id": "That of what it belongs to; kept by a trigger.",
    "stored_files.unit_id": "The unit it belongs to.",
    "stored_files.account_id": "The account it belongs to.",
    "stored_files.visit_id": "The visit it belongs to.",
    "stored_files.ticket_id": "The ticket it belongs to.",
    "stored_files.comment_id": "The comment it belongs to.",
    "stored_files.correction_id": "The proposed correction it belongs to.",
    "stored_files.uploaded_by": "Who added it; NULL: the system or the public.",
    "stored_files.deleted_at": "When it was taken out of sight; its bytes stay.",
    "stored_files.deleted_by": "Who did.",
    "stored_files.delete_reason": "Why.",
    "stored_files.search": "Words of title and file name.",
}  # fmt: skip

# Words for constraints, by name, or by what follows the table's name.
CONSTRAINTS: dict[str, str] = {
    "uq_bill_moves_running": "The same bills are moved once, however often that is confirmed.",
    "kind": "The kind is one of those listed.",
    "use": "The use is one of those listed.",
    "size_band": "The size band is one of those listed.",
    "uc_type": "Urban or rural is one of those listed.",
    "status": "The status is one of those listed.",
    "state": "The state is one of those listed.",
    "role": "The role is one of those listed.",
    "outcome": "The outcome is one of those listed.",
    "severity": "The severity is one of those listed.",
    "source": "The source is one of those listed.",
    "psid": "A PSID has 11 to 20 digits.",
    "monthly_fee": "The monthly fee is not negative.",
    "total_payable": "The total payable is not negative.",
    "never_negative": "No amount is negative.",
    "first_of_month": "The month is the first day of a month.",
    "ck_staff_theme": "The theme is one of those listed.",
    "ck_survey_units_survey_id": "A survey id has 1 to 18 digits.",
    "ck_locations_root_is_province": "The province, and nothing else, has no node above it.",
    "ck_import_batches_every_row_accounted_for": "The outcomes of the rows add up to the rows read.",
    "ck_survey_units_gps_in_punjab": "Coordinates come in pairs and lie inside Punjab.",
    "ck_payments_allocated_is_matched": "Only a payment of a known account is allocated to a bill.",
    "uq_bill_keys_portal_bill_id_billing_month": "Lets bills reference id and month together.",
    "uq_places_key": "Each spelling of a place stands once.",
    "uq_staff_sessions_token_hash": "Each session has a token of its own.",
    "uq_survey_units_survey_id": "Each survey id stands once.",
    "uq_accounts_psid": "Each PSID stands once.",
    "uq_payments_psid_month_paid_on_paid_amount_channel": "A payment counts once, however often files repeat it.",
    "uq_locations_kind_portal_id": "Each portal id stands once within its kind.",
    "uq_staff_username_lower": "User names differ by more than case.",
    "uq_staff_email_lower": "E-mail addresses differ by more than case.",
    "uq_staff_tokens_token_hash": "Each secret is one of its own.",
    "uq_stored_files_key": "A name in the storage belongs to one file.",
    "uq_stored_files_client_uuid": "The same file sent twice is one.",
    "ck_stored_files_kind": "The kind is one of those listed.",
    "ck_stored_files_not_empty": "A file has bytes.",
    "ck_stored_files_one_owner": "A file belongs to exactly one thing.",
    "uq_bills_live_account_month": "At most one live bill for an account and month.",
}  # fmt: skip


def words_of_column(table: Table, column: Column[Any]) -> str:
    """What the column means. Raises KeyError when nobody has said so."""
    words = COLUMNS.get(f"{table.name}.{column.name}") or COLUMNS.get(column.name)
    if words is None:
        raise KeyError(f"docs/make_schema.py has no words for the column {table.name}.{column.name}")
    return words


def words_of_constraint(table: Table, name: str) -> str:
    """What the constraint holds. Raises KeyError when nobody has said so."""
    words = CONSTRAINTS.get(name) or CONSTRAINTS.get(name.removeprefix(f"ck_{table.name}_"))
    if words is None:
        raise KeyError(f"docs/make_schema.py has no words for the constraint {name} of {table.name}")
    return words


def purpose(table: Table) -> str:
    """The docstring of the table's model."""
    for mapper in Base.registry.mappers:
        if mapper.local_table is table:
            lines = [line.strip() for line in (mapper.class_.__doc__ or "").strip().splitlines()]
            return "\n".join(lines)
    raise KeyError(f"no model for {table.name}")


def column_line(table: Table, column: Column[Any]) -> str:
    type_name = column.type.compile(dialect=postgresql.dialect()).lower().replace("without time zone", "").strip()
    marks = []
    if column.primary_key:
        marks.append("key")
    marks += [f"→ {key.target_fullname}" for key in sorted(column.foreign_keys, key=lambda k: k.target_fullname)]
    null = "" if column.nullable else "no"
    words = words_of_column(table, column)
    note = f" ({', '.join(marks)})" if marks else ""
    return f"| `{column.name}` | {type_name} | {null} | {words}{note} |"


def constraint_lines(table: Table) -> list[str]:
    """Checks and uniqueness in words. Foreign keys stand with their columns."""
    found: dict[str, None] = {}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint | UniqueConstraint):
            found[str(constraint.name)] = None
    for index in table.indexes:
        if isinstance(index, Index) and index.unique:
            found[str(index.name)] = None
    return sorted(f"- {words_of_constraint(table, name)} (`{name}`)" for name in found)


def render() -> str:
    """The whole page."""
    for feature in MODELS:
        import_module(f"portal.{feature}.models")
    tables = sorted(Base.metadata.tables.values(), key=lambda table: table.name)
    parts = [HEAD, "\n".join(f"- [`{table.name}`](#{table.name})" for table in tables)]
    for table in tables:
        lines = [f"## {table.name}", "", purpose(table), "", "| column | type | NULL | meaning |", "|---|---|---|---|"]
        lines += [column_line(table, column) for column in table.columns]
        if constraints := constraint_lines(table):
            lines += ["", "Held by the database:", "", *constraints]
        parts.append("\n".join(lines))
    return "\n\n".join(part.strip("\n") for part in [*parts, AFTER]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    print(f"Written: {TARGET}")
