"""What pages about payments say in words: kinds, states of a line, and why money waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.domain.money import format_cents

KINDS: Mapping[str, str] = {
    "payment": "Payment",
    "reversal": "Reversal",
    "write_off": "Write-off",
    "charge_reversal": "Charge reversed",
    "refund": "Refund",
}
SOURCES: Mapping[str, str] = {
    "peoplesoft": "PeopleSoft",
    "cashier": "Cashier",
    "gateway": "Payment page",
}
STATES: Mapping[str, str] = {
    "waiting": "To be posted",
    "sending": "On its way to Alma",
    "posted": "Posted in Alma",
    "unknown": "Posted or not?",
    "unapplied": "Without a fee",
    "refund_due": "Refund asked for",
    "refunded": "Refunded",
    "ignored": "Ignored",
    "netted": "Taken back before posting",
    "replaced": "Replaced by other lines",
}
# States in which a person has to do something about a part.
ON_THE_DESK = frozenset({"unknown", "unapplied", "refund_due"})
# How so much of a payment stands, after its amount.
IN_A_SENTENCE: Mapping[str, str] = {
    "waiting": "is to be posted",
    "sending": "is on its way to Alma",
    "posted": "is posted in Alma",
    "unknown": "may or may not be posted",
    "unapplied": "has no fee yet",
    "refund_due": "is to be refunded",
    "refunded": "was refunded",
    "ignored": "is ignored",
    "netted": "was taken back before it was posted",
}
# What would be done with the rows of a file.
VERDICTS: Mapping[str, str] = {
    "post": "To be booked",
    "known": "Known already",
    "excluded": "Left out",
    "quarantined": "Not readable",
}
OPS: Mapping[str, str] = {"pay": "Payment", "waive": "Waiver", "import": "Alma's bursar import"}
# Why money is at the desk.
REASONS: Mapping[str, str] = {
    "unmatched": "No fee was found for it",
    "ambiguous": "Several fees could be meant",
    "overpaid": "More than was owed",
    "closed": "Its fee is closed already",
    "disputed": "Its fee is disputed",
    "exported": "Alma has handed its fee to the bursar",
    "shrunk": "PeopleSoft shows less than before",
    "rejected": "Alma refused it",
    "other_patron": "Its fee belongs to somebody else",
    "reversal": "PeopleSoft took a payment back",
    "write_off": "PeopleSoft wrote it off",
    "repeat": "It may be a repeat",
    "charge_reversal": "PeopleSoft reversed the charge",
    "refund": "PeopleSoft gave it back",
    "pulled_back": "Somebody took it back from its fee",
}


_DECISIONS: Mapping[str, str] = {
    "applied": "Applied to a fee",
    "refund": "Refund asked for",
    "refunded": "Refunded",
    "ignored": "Ignored",
    "posted": "Seen in Alma",
    "not_posted": "Not in Alma",
    "waive": "To be waived",
    "restore": "Dispute ended",
    "refund_of_posting": "Posted wrongly, to be refunded",
    "pulled_back": "Taken back to the desk",
}


# What a ledger entry keeps besides its file and line, for whoever checks it.
_PROOFS: Mapping[str, str] = {
    "ref": "Payment",
    "payment_id": "Payment number",
    "n": "Part",
    "external_id": "Its name in Alma",
    "tracking_id": "Alma's tracking id",
    "balance_cents": "Left in Alma",
    "settled_by": "Settled by",
    "file": "File",
    "line": "Line",
}


def proofs(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an entry's evidence says, with its names in words; what is empty or names nobody outside is left out."""
    return [
        (title, format_cents(value) if name.endswith("_cents") else str(value))
        for name, title in _PROOFS.items()
        if (value := evidence.get(name)) not in (None, "")
    ]


def decision_title(decision: str) -> str:
    """What a person decided, as a sentence of its own."""
    title = _DECISIONS.get(decision) or decision.replace("_", " ").capitalize()
    return f"{title}."


def rule_title(rule: str) -> str:
    """Why money is at the desk, as people call it."""
    title = REASONS.get(rule) or rule.replace("_", " ")
    return f"{title[:1].upper()}{title[1:]}"


def signed_as(kind: str) -> str:
    """What a payment is called in a sentence: "payment", "reversal", "write-off"."""
    return (KINDS.get(kind) or kind.replace("_", " ")).lower()
