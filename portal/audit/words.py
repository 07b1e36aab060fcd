"""What the audit log's codes mean, in words: actions with their sentence, things, and the fields of before and after.

Every action that the code records stands here (a test looks for them); one that does not is still shown, by its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.audit.sightings import VIEW


@dataclass(frozen=True)
class ActionWords:
    """`title` names the action; `sentence` tells it, with `%(thing)s` for what it was done to. Who stands before it."""

    group: str
    title: Any
    sentence: Any


(
    SIGNING_IN, STAFF, IMPORTS, BILLS, REGISTERS, DOWNLOADS, PERSONAL, SETTINGS, LOG, FIELD, FILES, TICKETS,
) = (
    "signing-in", "staff", "imports", "bills", "registers", "downloads", "personal", "settings",
    "log", "field", "files", "tickets",
)  # fmt: skip

GROUPS: dict[str, Any] = {
    SIGNING_IN: _l("Signing in"),
    STAFF: _l("Staff"),
    IMPORTS: _l("Imports"),
    BILLS: _l("Bills and places"),
    FIELD: _l("Field work"),
    FILES: _l("Photos and documents"),
    TICKETS: _l("Tickets"),
    REGISTERS: _l("Registers"),
    DOWNLOADS: _l("Downloads"),
    PERSONAL: _l("Personal data seen"),
    SETTINGS: _l("Settings"),
    LOG: _l("Audit log"),
}

ACTIONS: dict[str, ActionWords] = {
    "staff.sign_in": ActionWords(SIGNING_IN, _l("Signed in"), _l("signed in")),
    "staff.sign_in_failed": ActionWords(SIGNING_IN, _l("Sign-in failed"), _l("failed to sign in as %(thing)s")),
    "staff.sign_out": ActionWords(SIGNING_IN, _l("Signed out"), _l("signed out")),
    "staff.create": ActionWords(STAFF, _l("Account made"), _l("made the account of %(thing)s")),
    "staff.edit": ActionWords(STAFF, _l("Account edited"), _l("edited the account of %(thing)s")),
    "staff.role": ActionWords(STAFF, _l("Role changed"), _l("changed the role of %(thing)s")),
    "staff.areas": ActionWords(STAFF, _l("Areas changed"), _l("changed the areas of %(thing)s")),
    "staff.deactivate": ActionWords(STAFF, _l("Deactivated"), _l("deactivated %(thing)s")),
    "staff.reactivate": ActionWords(STAFF, _l("Activated again"), _l("activated %(thing)s again")),
    "staff.password": ActionWords(STAFF, _l("Password set"), _l("set the password of %(thing)s")),
    "staff.reset_password": ActionWords(STAFF, _l("Password reset"), _l("reset the password of %(thing)s")),
    "staff.reset_second_factor": ActionWords(
        STAFF, _l("Second factor removed"), _l("removed the second factor of %(thing)s")
    ),
    "staff.sign_out_everywhere": ActionWords(STAFF, _l("Signed out everywhere"), _l("signed out %(thing)s everywhere")),
    "staff.unlock": ActionWords(STAFF, _l("Unlocked"), _l("unlocked %(thing)s")),
    "staff.invite": ActionWords(STAFF, _l("Invited"), _l("invited %(thing)s")),
    "staff.revoke_invitation": ActionWords(
        STAFF, _l("Invitation taken back"), _l("took back the invitation of %(thing)s")
    ),
    "staff.invite_failed": ActionWords(
        STAFF, _l("Invitation not mailed"), _l("could not mail the invitation of %(thing)s")
    ),
    "staff.bulk": ActionWords(STAFF, _l("People from a file"), _l("made accounts from a file")),
    "staff.sessions_ended": ActionWords(SIGNING_IN, _l("Sessions ended"), _l("ended sessions of %(thing)s")),
    "staff.second_factor_on": ActionWords(
        SIGNING_IN, _l("Second factor set up"), _l("set up the second factor of %(thing)s")
    ),
    "staff.second_factor_replaced": ActionWords(
        SIGNING_IN, _l("Second factor replaced"), _l("replaced the second factor of %(thing)s")
    ),
    "staff.second_factor_off": ActionWords(
        SIGNING_IN, _l("Second factor switched off"), _l("switched off the second factor of %(thing)s")
    ),
    "staff.second_factor_failed": ActionWords(
        SIGNING_IN, _l("Wrong second factor"), _l("gave a wrong second factor for %(thing)s")
    ),
    "staff.recovery_codes": ActionWords(
        SIGNING_IN, _l("New recovery codes"), _l("made new recovery codes for %(thing)s")
    ),
    "staff.reset_link": ActionWords(SIGNING_IN, _l("Reset link sent"), _l("sent a reset link to %(thing)s")),
    "mail.address_reset": ActionWords(
        STAFF, _l("Mail address reset"), _l("let mails go to the address of %(thing)s again")
    ),
    "notifications.unsubscribe": ActionWords(
        STAFF, _l("Mails switched off by a link"), _l("switched off mails to %(thing)s by the link of a mail")
    ),
    "assignment.assign": ActionWords(FIELD, _l("Work assigned"), _l("assigned work to %(thing)s")),
    "assignment.end": ActionWords(FIELD, _l("Work taken away"), _l("ended work of %(thing)s")),
    "assignment.hand_over": ActionWords(FIELD, _l("Work handed over"), _l("handed work over to %(thing)s")),
    "correction.propose": ActionWords(FIELD, _l("Correction proposed"), _l("proposed %(thing)s")),
    "correction.approve": ActionWords(FIELD, _l("Correction approved"), _l("approved %(thing)s")),
    "correction.reject": ActionWords(FIELD, _l("Correction rejected"), _l("rejected %(thing)s")),
    "correction.withdraw": ActionWords(FIELD, _l("Correction taken back"), _l("took back %(thing)s")),
    "import.upload": ActionWords(IMPORTS, _l("File uploaded"), _l("uploaded %(thing)s")),
    "import.options": ActionWords(
        IMPORTS, _l("Months of an import changed"), _l("changed months or as-of time of %(thing)s")
    ),
    "import.confirm": ActionWords(IMPORTS, _l("Import confirmed"), _l("confirmed %(thing)s")),
    "import.commit": ActionWords(IMPORTS, _l("File imported"), _l("imported %(thing)s")),
    "import.cancel": ActionWords(IMPORTS, _l("Import cancelled"), _l("cancelled %(thing)s")),
    "import.download": ActionWords(DOWNLOADS, _l("Rows of an import"), _l("began to download rows of %(thing)s")),
    "bills.move": ActionWords(BILLS, _l("Bills moved"), _l("moved %(thing)s to another month")),
    "bills.move.confirm": ActionWords(BILLS, _l("Move of bills confirmed"), _l("confirmed the move of %(thing)s")),
    "bills.move.cancel": ActionWords(BILLS, _l("Move of bills cancelled"), _l("cancelled the move of %(thing)s")),
    "place.link": ActionWords(BILLS, _l("Place matched"), _l("matched %(thing)s with a location")),
    "place.create": ActionWords(BILLS, _l("Place made a location"), _l("made a location of %(thing)s")),
    "visit.log": ActionWords(FIELD, _l("Visit logged"), _l("logged %(thing)s")),
    "visit.correct": ActionWords(FIELD, _l("Visit corrected"), _l("corrected %(thing)s")),
    "visit.approve": ActionWords(FIELD, _l("Visit approved"), _l("approved %(thing)s")),
    "visit.return": ActionWords(FIELD, _l("Visit returned"), _l("returned %(thing)s")),
    "unit.edit": ActionWords(REGISTERS, _l("Edited by hand"), _l("edited %(thing)s")),
    "unit.create": ActionWords(REGISTERS, _l("Made by hand"), _l("made %(thing)s by hand")),
    "unit.close": ActionWords(REGISTERS, _l("Closed"), _l("closed %(thing)s")),
    "unit.restore": ActionWords(REGISTERS, _l("Restored"), _l("restored %(thing)s")),
    "unit.release": ActionWords(REGISTERS, _l("Holds released"), _l("let files decide again over %(thing)s")),
    "account.edit": ActionWords(REGISTERS, _l("Edited by hand"), _l("edited %(thing)s")),
    "account.create": ActionWords(REGISTERS, _l("Made by hand"), _l("made %(thing)s by hand")),
    "account.close": ActionWords(REGISTERS, _l("Closed"), _l("closed %(thing)s")),
    "account.restore": ActionWords(REGISTERS, _l("Restored"), _l("restored %(thing)s")),
    "account.release": ActionWords(REGISTERS, _l("Holds released"), _l("let files decide again over %(thing)s")),
    "units.move": ActionWords(REGISTERS, _l("Units moved"), _l("moved units to %(thing)s")),
    "location.create": ActionWords(REGISTERS, _l("Location made"), _l("made %(thing)s")),
    "location.edit": ActionWords(REGISTERS, _l("Location edited"), _l("edited %(thing)s")),
    "location.move": ActionWords(REGISTERS, _l("Location moved"), _l("moved %(thing)s")),
    "location.merge": ActionWords(REGISTERS, _l("Locations merged"), _l("merged %(thing)s into another one")),
    "location.close": ActionWords(REGISTERS, _l("Location given up"), _l("gave up %(thing)s")),
    "location.restore": ActionWords(REGISTERS, _l("Location restored"), _l("restored %(thing)s")),
    "location.release": ActionWords(REGISTERS, _l("Holds released"), _l("let area lists decide again over %(thing)s")),
    "location.name": ActionWords(REGISTERS, _l("Names of a location"), _l("changed the names of %(thing)s")),
    "location.spelling": ActionWords(REGISTERS, _l("Spelling unlinked"), _l("unlinked a spelling of %(thing)s")),
    "lookup.create": ActionWords(REGISTERS, _l("Word added"), _l("added a word to %(thing)s")),
    "lookup.edit": ActionWords(REGISTERS, _l("Word changed"), _l("changed a word of %(thing)s")),
    "report.export.csv": ActionWords(DOWNLOADS, _l("Report as CSV"), _l("began to download %(thing)s as CSV")),
    "report.export.xlsx": ActionWords(DOWNLOADS, _l("Report as Excel"), _l("began to download %(thing)s as Excel")),
    "list.export.csv": ActionWords(DOWNLOADS, _l("List as CSV"), _l("began to download %(thing)s as CSV")),
    "list.export.xlsx": ActionWords(DOWNLOADS, _l("List as Excel"), _l("began to download %(thing)s as Excel")),
    "dashboard.export.csv": ActionWords(DOWNLOADS, _l("Dashboard as CSV"), _l("downloaded figures of %(thing)s")),
    "audit.export.csv": ActionWords(DOWNLOADS, _l("Audit log as CSV"), _l("began to download %(thing)s as CSV")),
    "audit.export.xlsx": ActionWords(DOWNLOADS, _l("Audit log as Excel"), _l("began to download %(thing)s as Excel")),
    "export.done": ActionWords(DOWNLOADS, _l("Download complete"), _l("has the whole download of %(thing)s")),
    "export.broken": ActionWords(DOWNLOADS, _l("Download broken off"), _l("got a part only of %(thing)s")),
    "file.upload": ActionWords(FILES, _l("File added"), _l("added %(thing)s")),
    "file.edit": ActionWords(FILES, _l("Title changed"), _l("changed the title of %(thing)s")),
    "file.delete": ActionWords(FILES, _l("File deleted"), _l("deleted %(thing)s")),
    "file.restore": ActionWords(FILES, _l("File brought back"), _l("brought back %(thing)s")),
    "file.download": ActionWords(DOWNLOADS, _l("Document downloaded"), _l("downloaded %(thing)s")),
    VIEW: ActionWords(PERSONAL, _l("Numbers seen"), _l("saw CNIC or mobile numbers of %(thing)s")),
    "cutover.run": ActionWords(IMPORTS, _l("Old system taken over"), _l("took over the old system’s tables")),
    "cutover.upload": ActionWords(IMPORTS, _l("Old tables uploaded"), _l("uploaded tables of the old system")),
    "cutover.confirm": ActionWords(IMPORTS, _l("Cutover confirmed"), _l("confirmed the cutover")),
    "cutover.cancel": ActionWords(IMPORTS, _l("Cutover cancelled"), _l("cancelled the cutover")),
    "settings.change": ActionWords(SETTINGS, _l("Setting changed"), _l("changed %(thing)s")),
    "settings.undo": ActionWords(SETTINGS, _l("Change of a setting undone"), _l("undid a change of %(thing)s")),
    "settings.test_mail": ActionWords(SETTINGS, _l("Test mail sent"), _l("sent a test mail, with %(thing)s")),
    "ticket.create": ActionWords(TICKETS, _l("Ticket made"), _l("made %(thing)s")),
    "ticket.edit": ActionWords(TICKETS, _l("Ticket edited"), _l("edited %(thing)s")),
    "ticket.comment": ActionWords(TICKETS, _l("Comment written"), _l("wrote to %(thing)s")),
    "ticket.comment_internal": ActionWords(
        TICKETS, _l("Comment made internal"), _l("took a comment of %(thing)s off the status page")
    ),
    "ticket.assign": ActionWords(TICKETS, _l("Ticket assigned"), _l("assigned %(thing)s")),
    "ticket.status": ActionWords(TICKETS, _l("Status of a ticket"), _l("changed the status of %(thing)s")),
    "ticket.merge": ActionWords(TICKETS, _l("Ticket merged"), _l("merged %(thing)s into another")),
    "ticket.approve": ActionWords(TICKETS, _l("Ticket approved"), _l("approved %(thing)s")),
    "ticket.reject": ActionWords(TICKETS, _l("Ticket rejected"), _l("rejected %(thing)s")),
    "ticket.escalate": ActionWords(TICKETS, _l("Ticket escalated"), _l("told people that time runs out for %(thing)s")),
    "ticket.category": ActionWords(TICKETS, _l("Ticket category"), _l("changed %(thing)s")),
    "ticket.holiday": ActionWords(TICKETS, _l("Holiday added"), _l("added %(thing)s")),
    "ticket.holiday_removed": ActionWords(TICKETS, _l("Holiday removed"), _l("took back %(thing)s")),
    "audit.retention": ActionWords(LOG, _l("Old month dropped"), _l("dropped an old month of %(thing)s")),
}

ENTITIES: dict[str, Any] = {
    "staff": _l("Person"),
    "unit": _l("Unit"),
    "correction": _l("Correction"),
    "file": _l("File"),
    "visit": _l("Visit"),
    "account": _l("Account"),
    "import_batch": _l("Import"),
    "ticket": _l("Ticket"),
    "ticket_category": _l("Ticket category"),
    "holiday": _l("Holiday"),
    "bills": _l("Bills"),
    "cutover": _l("Cutover"),
    "place": _l("Place"),
    "location": _l("Location"),
    "lookup": _l("List of words"),
    "report": _l("Report"),
    "list": _l("List"),
    "dashboard": _l("Dashboard"),
    "setting": _l("Setting"),
    "audit_log": _l("Audit log"),
}

FIELDS: dict[str, Any] = {
    "username": _l("user name"),
    "units": _l("units"),
    "area": _l("area"),
    "valid_from": _l("from"),
    "valid_to": _l("to"),
    "survey_id": _l("survey id"),
    "fields": _l("fields"),
    "photos": _l("photos"),
    "full_name": _l("full name"),
    "email": _l("e-mail"),
    "mobile": _l("mobile"),
    "role": _l("role"),
    "areas": _l("areas"),
    "is_active": _l("active"),
    "language": _l("language"),
    "file": _l("file"),
    "kind": _l("kind"),
    "sha256": _l("SHA-256 of the file"),
    "bytes": _l("size in bytes"),
    "options": _l("months and as-of time"),
    "status": _l("status"),
    "media_type": _l("type of file"),
    "visit_type": _l("type of visit"),
    "outcome": _l("outcome"),
    "unit_id": _l("number of the unit"),
    "bill_month": _l("bill's month"),
    "distance_m": _l("metres from the unit"),
    "next_date": _l("next visit"),
    "promise_date": _l("promised for"),
    "promise_amount": _l("promised amount"),
    "review_state": _l("review"),
    "by_itself": _l("without a reviewer"),
    "owner": _l("belongs to"),
    "owner_id": _l("number of what it belongs to"),
    "title": _l("title"),
    "rows": _l("rows"),
    "format": _l("format"),
    "inserted": _l("new"),
    "updated": _l("updated"),
    "unchanged": _l("unchanged"),
    "duplicates": _l("duplicates"),
    "rejected": _l("rejected"),
    "pending": _l("waiting"),
    "month": _l("month"),
    "issued_on": _l("issued on"),
    "tehsil": _l("tehsil"),
    "district": _l("district"),
    "name": _l("name"),
    "location": _l("location"),
    "location_id": _l("location"),
    "bills": _l("bills"),
    "live": _l("live bills"),
    "accounts": _l("accounts"),
    "fees": _l("monthly fees"),
    "demand": _l("demand"),
    "superseded": _l("superseded bills"),
    "revived": _l("revived bills"),
    "payments": _l("payments"),
    "paid_amount": _l("paid"),
    "query": _l("address of the view"),
    "filters": _l("filters"),
    "panel": _l("panel"),
    "lines": _l("lines"),
    "of": _l("download of"),
    "began": _l("began with line"),
    "types": _l("kinds of notifications"),
    "kept_months": _l("months kept"),
    "value": _l("value"),
    "category": _l("category"),
    "priority": _l("priority"),
    "mentions": _l("people mentioned"),
    "public": _l("shown to the complainant"),
    "assigned_to": _l("assigned to"),
    "assigned_role": _l("role that works it"),
    "into": _l("merged into"),
    "decision": _l("decision"),
    "amount": _l("amount"),
    "step": _l("step"),
    "told": _l("people told"),
    "moved": _l("deadlines moved"),
    "effect": _l("what an approval does"),
    "name_ur": _l("name in Urdu"),
    "is_public": _l("public"),
    "position": _l("place in the list"),
    "hours": _l("working hours"),
    "consumer_name": _l("name"),
    "cnic": _l("CNIC"),
    "address": _l("address"),
    "use": _l("use"),
    "size_band": _l("size"),
    "business_type": _l("business"),
    "house_type": _l("house type"),
    "water_connection": _l("water connection"),
    "gps": _l("position"),
    "uc_type": _l("urban or rural"),
    "monthly_fee": _l("monthly fee"),
    "closed": _l("closed"),
    "hold": _l("kept by hand"),
    "parent_id": _l("lies in"),
    "alias": _l("other name"),
    "merged": _l("merged"),
    "spelling": _l("spelling of a file"),
    "move": _l("move"),
}


def title(action: str) -> str:
    """The action in a few words; the code itself when nobody has said what it means."""
    known = ACTIONS.get(action)
    return str(known.title) if known else action


def field_label(field: str) -> str:
    """A key of before or after as people say it."""
    return str(FIELDS.get(field, field.replace("_", " ")))


def actions_of(group: str) -> list[str]:
    """The actions of a group."""
    return [action for action, words in ACTIONS.items() if words.group == group]


def nobody_of_ours(actor: str) -> str:
    """Who did it where it was nobody of the staff, or somebody under another name."""
    return {"system": str(_("The system")), "public": str(_("Somebody of the public"))}.get(actor, actor)
