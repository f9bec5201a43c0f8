"""The life of one fee, put together from the ledger, the runs that met it, and what people asked for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.campus import charge_words
from webapp.domain.money import format_cents
from webapp.store.fee_pages import PAID_EVENTS
from webapp.store.ledger import LedgerLine, ToldCharge
from webapp.store.ledger_pages import AskedTask, DecidedRow, FeeSurroundings

# The look of each event; what is not named here is plain news.
_LOOKS: Mapping[str, str] = {
    "charge": "delivered",
    "credit": "delivered",
    "reversal": "delivered",
    "accepted": "confirmed",
    "posted": "confirmed",
    "rejected": "failed",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a fee. ``look`` is the state whose icon and colour it has.

    ``side``: whose book says so. ``file_id`` is a file we sent, ``inbound_id`` one that came; ``file_name`` and
    ``line_no`` belong to either. ``evidence``: further (name, value) by which it can be proved.
    """

    at: datetime
    look: str
    title: str
    detail: str = ""
    amount_cents: int | None = None
    run_id: int | None = None
    file_id: int | None = None
    file_name: str = ""
    line_no: int | None = None
    inbound_id: int | None = None
    payment_id: int | None = None
    side: str = ""
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with a fee now: a kind (good, ask, bad or quiet), a few words and a sentence."""

    kind: str
    title: str
    sentence: str


def life_of(fee_ref: str, lines: Sequence[LedgerLine], around: FeeSurroundings) -> list[Moment]:
    """Everything that happened, oldest first."""
    told_by = {line.run_id for line in lines if line.fee_ref == fee_ref}
    found = [
        # Money that comes back is told with its own evidence.
        *(_of_line(fee_ref, line) for line in lines if line.event not in PAID_EVENTS),
        *_of_rows(around.rows, told_by),
        *(moment for asked in around.tasks for moment in _of_task(asked)),
    ]
    return sorted(found, key=lambda moment: moment.at)


def standing(
    fee_ref: str,
    told: ToldCharge | None,
    lines: Sequence[LedgerLine],
    around: FeeSurroundings,
    *,
    is_leaving: bool,
) -> Standing:
    """The first thing a person reads about a fee."""
    if told is not None and told.in_doubt:
        return Standing(
            "ask",
            "Not known whether it arrived.",
            "Its file was sent and the answer was lost; whoever receives the files can say. Nothing is sent again before.",
        )
    if told is not None and told.remaining_cents <= 0:
        return Standing(
            "quiet", "Taken back.", f"The charge of {format_cents(told.amount_cents)} was credited in full."
        )
    if told is not None:
        return Standing("good", "At PeopleSoft.", _charged(told))
    if is_leaving:
        return Standing(
            "ask", "About to leave.", "It goes with the next file, unless somebody recalls it before."
        )
    if any(line.is_rejected and line.fee_ref == fee_ref for line in lines):
        return Standing(
            "bad",
            "PeopleSoft rejected it.",
            "Nobody is charged for it. Correct its line on the desk and send it again.",
        )
    return _not_sent(around)


def _charged(told: ToldCharge) -> str:
    if told.remaining_cents == told.amount_cents:
        return f"PeopleSoft was told to charge {format_cents(told.amount_cents)}; nothing was taken back."
    return (
        f"PeopleSoft was told to charge {format_cents(told.amount_cents)}; {format_cents(told.remaining_cents)} of it "
        "is left after credits."
    )


def _not_sent(around: FeeSurroundings) -> Standing:
    newest = next((met.row for met in around.rows if not met.run.dry_run), None)
    if newest is not None and newest.verdict == "quarantined":
        return Standing(
            "ask", "Held back.", charge_words.sentence(newest.reason or charge_words.rule_title(newest.rule))
        )
    if newest is not None and newest.verdict == "excluded":
        return Standing(
            "quiet", "Left out.", charge_words.sentence(newest.reason or charge_words.rule_title(newest.rule))
        )
    return Standing("quiet", "Not at PeopleSoft.", "PeopleSoft was not told to charge this fee.")


def _of_line(fee_ref: str, line: LedgerLine) -> Moment:
    parts = []
    if line.item_type:
        parts.append(f"Item type {line.item_type}" + (f", term {line.term}" if line.term else ""))
    if line.billing_on:
        parts.append(f"billed on {line.billing_on.isoformat()}")
    if line.reference and line.reference != line.fee_ref:
        parts.append(f"reference {line.reference}")
    if line.fee_ref != fee_ref:
        parts.append(f"by fee {line.fee_ref}")
    if line.state != "told":
        parts.append(charge_words.WORTH[line.state].lower())
    is_dead = line.state == "dead"
    title = charge_words.event_title(line.event)
    return Moment(
        line.at,
        "cancelled"
        if is_dead
        else "unknown"
        if line.state == "in_doubt"
        else _LOOKS.get(line.event, "queued"),
        f"{title} that never left" if is_dead else title,
        "; ".join(parts),
        line.amount_cents,
        line.run_id,
        line.file_id,
        line.file_name,
        line.line_no,
        side=charge_words.SIDES[line.side],
    )


def _of_rows(rows: Sequence[DecidedRow], told_by: set[int | None]) -> Iterator[Moment]:
    """What runs decided; a row whose line is in the ledger is told by that line."""
    for met in rows:
        row, run = met.row, met.run
        if row.verdict == "send" and run.id in told_by:
            continue
        title = (
            f"{charge_words.VERDICTS[row.verdict]} by a dry run"
            if run.dry_run
            else charge_words.VERDICTS[row.verdict]
        )
        if row.verdict == "send" and not run.dry_run:
            title = "Read, and to be sent" if run.finished_at is None else "Read, and not sent after all"
        yield Moment(
            run.started_at or run.created_at,
            {"send": "pending", "quarantined": "quarantined", "excluded": "skipped"}[row.verdict],
            title,
            charge_words.sentence(row.reason or (charge_words.rule_title(row.rule) if row.rule else "")),
            row.amount_cents,
            run.id,
            side="Feebridge",
        )


def _of_task(asked: AskedTask) -> Iterator[Moment]:
    task = asked.task
    who = asked.created_by or "Feebridge"
    yield Moment(
        task.created_at,
        "awaiting_approval",
        f"{charge_words.TASKS[task.kind]} asked for by {who}",
        task.reason,
        task.amount_cents,
        side="A person",
    )
    if task.settled_at is not None:
        look = "done" if task.state == "done" else "cancelled"
        title = f"{charge_words.TASKS[task.kind]}: {charge_words.TASK_STATES[task.state].lower()}"
        yield Moment(task.settled_at, look, title, run_id=task.run_id, side="Feebridge")
