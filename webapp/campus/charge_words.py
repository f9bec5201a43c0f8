"""What pages about charges say in words: files that arrive, rules, ledger events, and what a recall will do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from webapp.campus.words import counted
from webapp.domain.money import format_cents

INBOUND_KINDS: Mapping[str, str] = {"bursar_xml": "Alma's bursar file", "load_result": "PeopleSoft's answer"}
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
}
SIDES: Mapping[str, str] = {
    "alma": "Alma",
    "bursar": "PeopleSoft",
    "gateway": "Payment page",
    "hold": "Holds",
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
RULES: Mapping[str, str] = {
    "": "No rule",
    "recalled": "Recalled by a person before the cut-off",
    "closed": "Closed or exported in Alma already",
    "not_campus_id": "The id is not one PeopleSoft knows",
    "no_emplid": "The row has no EMPLID",
    "community": "A person without an EMPLID",
    "group": "A patron group that is never billed",
    "fee_type": "A fee type that is not sent",
    "unknown_type": "A fee type nobody has decided about",
    "library": "A library that is not billed here",
    "minimum": "Below the smallest amount",
    "too_young": "Younger than the campus bills",
    "too_old": "Older than the campus bills",
    "already_told": "PeopleSoft was told it already",
    "duplicate": "The same id twice in one file",
    "unmapped": "No item type for it in the table",
    "no_term": "No term in the calendar for its date",
    "no_charge": "A credit without its charge",
    "several_charges": "A credit that could belong to several charges",
    "above_charge": "A credit above what is left of its charge",
    "layout": "It does not fit the layout",
    "ignored": "A person said to ignore it",
}


def rule_title(rule: str) -> str:
    """A rule as people call it."""
    return RULES.get(rule) or rule.replace("_", " ").capitalize()


def event_title(event: str) -> str:
    """A ledger event as people call it."""
    return EVENTS.get(event) or event.replace("_", " ").capitalize()


def field_title(name: str) -> str:
    """A field of a row as people call it: ``item_call_number`` is "Item call number"."""
    title = name.removesuffix("_cents").replace("_", " ").strip().capitalize()
    return title.replace("Emplid", "EMPLID").replace(" id", " id")


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
