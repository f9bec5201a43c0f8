"""What pages about charges say in words: files that arrive, rules, ledger events, and what a recall will do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from webapp.campus.words import counted
from webapp.domain.bursar.policy import RULES as POLICY_RULES
from webapp.domain.money import format_cents

INBOUND_KINDS: Mapping[str, str] = {
    "bursar_xml": "Alma's bursar file",
    "load_result": "PeopleSoft's answer",
    "payments": "Payments",
    "hold_list": "PeopleSoft's list of holds",
    "student_list": "The registrar's list of students",
}
ORIGINS: Mapping[str, str] = {
    "sftp": "SFTP pick-up",
    "folder": "Watched folder",
    "upload": "Upload",
    "api": "API",
    "webhook": "Alma's webhook",
}
INBOUND_STATES: Mapping[str, str] = {
    "waiting": "Waits for its run",
    "taken": "Being converted",
    "done": "Done",
    "refused": "Refused",
    "duplicate": "Came before",
}
VERDICTS: Mapping[str, str] = {"send": "Sent", "quarantined": "Held back", "excluded": "Left out"}
KINDS: Mapping[str, str] = {"charge": "Charge", "credit": "Credit", "reversal": "Reversal"}
EVENTS: Mapping[str, str] = {
    **KINDS,
    "accepted": "Accepted by PeopleSoft",
    "posted": "Posted by PeopleSoft",
    "rejected": "Rejected by PeopleSoft",
    "payment": "Payment",
    "waiver": "Waiver",
    "write_off": "Write-off",
}
SIDES: Mapping[str, str] = {
    "alma": "Alma",
    "bursar": "PeopleSoft",
    "gateway": "Payment page",
    "hold": "Holds",
}
_FIELDS: Mapping[str, str] = {
    "emplid": "EMPLID",
    "fee_ref": "Fee",
    "debit_credit": "Debit or credit",
    "transaction_on": "Date",
    "transaction_at": "Time",
    "due_on": "Due on",
    "item_title": "Title",
    "item_barcode": "Barcode",
    "patron_id": "Patron's id",
    "patron_name": "Name",
    "kind": "What",
    "id_type": "Kind of id",
    "original_reference": "Reference of its charge",
}
# What a ledger line is worth, by what became of its file.
WORTH: Mapping[str, str] = {"told": "Told", "in_doubt": "Not known whether it arrived", "dead": "Never left"}
TASKS: Mapping[str, str] = {"recall": "Recall", "credit": "Credit that takes it back", "resend": "Send again"}
TASK_STATES: Mapping[str, str] = {
    "open": "Goes with the next run",
    "taken": "In a run now",
    "done": "Done",
    "withdrawn": "Withdrawn",
}
_HELD_AND_OTHER_RULES: Mapping[str, str] = {
    "recalled": "Recalled by a person before the cut-off",
    "ignored": "Ignored by a person at the desk",
    "decided_meanwhile": "Decided about at the desk while the run read it",
    "released": "Let go by a person as it is",
    "already_sent": "PeopleSoft was told it already",
    "told_other_amount": "PeopleSoft was told it with another amount",
    "in_doubt": "Nobody knows whether its file arrived",
    "repeated_id": "One id on several rows",
    "bad_id": "The patron's id cannot be read",
    "no_emplid": "No EMPLID",
    "unknown_type": "A fee type nobody has decided about",
    "no_date": "No date",
    "credit_above_zero": "A credit with an amount above zero",
    "credit_ambiguous": "A credit that could belong to several charges",
    "credit_above_charge": "A credit above what is left of its charge",
    "credit_without_charge": "A credit without its charge",
    "charge_too_old": "Its charge is too old to be reversed",
    "charge_partly_credited": "Its charge is credited in part already",
    "charge_not_told_yet": "Its charge leaves with the same run",
    "one_reversal_a_run": "Its charge is reversed in this run already",
    "unreadable": "The row cannot be read",
    "layout": "It does not fit the layout or its tables",
    "rejected_by_peoplesoft": "Rejected by PeopleSoft",
    "answer_unplaced": "An answer about a line we did not send",
    "answer_ambiguous": "An answer that may mean several lines",
    "answer_unreadable": "An answer that cannot be read",
}
RULES: Mapping[str, str] = {**POLICY_RULES, **_HELD_AND_OTHER_RULES}


def rule_title(rule: str) -> str:
    """A rule as people call it."""
    title = RULES.get(rule) or rule.replace("_", " ")
    return f"{title[:1].upper()}{title[1:]}"


def sentence(text: str) -> str:
    """A reason as a sentence of its own: with a capital, and a full stop unless it ends with one."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) or not text else '.'}"


def event_title(event: str) -> str:
    """A ledger event as people call it."""
    return EVENTS.get(event) or event.replace("_", " ").capitalize()


def field_title(name: str) -> str:
    """A field of a row as people call it: ``item_call_number`` is "Item call number"."""
    known = _FIELDS.get(name)
    return known or name.removesuffix("_cents").replace("_", " ").strip().capitalize()


def field_text(name: str, value: object) -> str:
    """A field's value as people read it: cents as dollars, the rest as it stands."""
    if value is None:
        return "–"
    if name.endswith("_cents") and isinstance(value, int):
        return format_cents(value)
    return str(value)


def countdown(until: datetime, now: datetime) -> str:
    """How long until a moment: "2 h 13 min", "12 min", "less than a minute", "the cut-off has passed"."""
    seconds = int((until - now).total_seconds())
    if seconds <= 0:
        return "the cut-off has passed"
    minutes = seconds // 60
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return counted(minutes // 1440, "day")
