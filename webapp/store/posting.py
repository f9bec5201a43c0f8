"""Lines of payments on their way to Alma: taken by a run, sent one at a time per fee, settled once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from webapp.models.scope import ScopedSession

PIPELINE = "payment_posting"
# Waits for its turn, is on its way, or nobody knows whether it arrived.
OPEN_STATES = ("waiting", "sending", "unknown")
# Whose account in Alma a line is posted to: as the line says, else as its payment does.
PATRON = "coalesce(nullif(l.patron_id, ''), nullif(p.patron_id, ''), p.emplid)"
_LINE = f"""
    SELECT l.payment_id, l.n, l.amount_cents, l.op, l.state, l.fee_ref, l.fee_id, {PATRON} AS patron_key, p.emplid,
           l.external_id, p.ref, l.attempts, l.sent_at, l.decision, p.kind, l.rule, l.run_id
    FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
    WHERE l.tenant_id = :tenant_id
"""


@dataclass(frozen=True, slots=True)
class LineToPost:
    """A line with whose account it goes to. ``patron_key`` is an id that Alma knows the patron by."""

    payment_id: int
    n: int
    amount_cents: int
    op: str
    state: str
    fee_ref: str
    fee_id: str
    patron_key: str
    emplid: str
    external_id: str
    ref: str
    attempts: int
    sent_at: datetime | None
    decision: str
    kind: str
    rule: str
    run_id: int | None

    @property
    def effect_key(self) -> str:
        """The name of its effect in the intent log; one for all ways to Alma."""
        return f"pay:{self.external_id}"


class LineMovedError(LookupError):
    """Somebody else dealt with the line: it was netted, replaced or posted."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Lines and their cents."""

    count: int = 0
    cents: int = 0


def take_lines(session: ScopedSession, run_id: int) -> dict[str, Tally]:
    """Give every open line of the campus to the run, whatever earlier run had it; returns them by state.

    Only one posting run of a campus is at work at a time.
    """
    rows = session.execute(
        text("""
            WITH taken AS (
                UPDATE payment_line SET run_id = :run_id
                WHERE tenant_id = :tenant_id AND state IN ('waiting', 'sending', 'unknown')
                RETURNING state, amount_cents
            ) SELECT state, count(*), sum(amount_cents)::bigint FROM taken GROUP BY state
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    return {state: Tally(count, cents) for state, count, cents in rows}


def open_tallies(session: ScopedSession) -> dict[str, Tally]:
    """Every open line of the campus, by state."""
    rows = session.execute(
        text("""
            SELECT state, count(*), sum(amount_cents)::bigint FROM payment_line
            WHERE tenant_id = :tenant_id AND state IN ('waiting', 'sending', 'unknown') GROUP BY state
        """),
        {"tenant_id": session.tenant_id},
    )
    return {state: Tally(count, cents) for state, count, cents in rows}


def open_patrons(session: ScopedSession, run_id: int) -> list[str]:
    """Whose lines the run has still to deal with, in a stable order: last those that were in trouble before.

    What fails every time may thus stop a run only when everybody else's turn is over.
    """
    rows = session.execute(
        text(f"""
            SELECT {PATRON} AS patron_key
            FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
            WHERE l.tenant_id = :tenant_id AND l.run_id = :run_id AND l.state IN ('waiting', 'sending', 'unknown')
            GROUP BY 1 ORDER BY bool_or(l.message <> ''), min(l.payment_id), 1
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    return [patron_key for (patron_key,) in rows]


def lines_of_patron(session: ScopedSession, run_id: int, patron_key: str) -> list[LineToPost]:
    """The run's open lines of one patron: those with an open question first, then the oldest payment's."""
    rows = session.execute(
        text(f"""
            {_LINE} AND l.run_id = :run_id AND l.state IN ('waiting', 'sending', 'unknown') AND {PATRON} = :patron_key
            ORDER BY l.state = 'waiting', l.payment_id, l.n
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "patron_key": patron_key},
    )
    return [LineToPost(*row) for row in rows]


def the_line(session: ScopedSession, payment_id: int, n: int, *, lock: bool = False) -> LineToPost | None:
    """One line, in whatever state; with ``lock`` nobody else changes it until the transaction ends."""
    found = session.execute(
        text(f"{_LINE} AND l.payment_id = :payment_id AND l.n = :n {'FOR UPDATE OF l' if lock else ''}"),
        {"tenant_id": session.tenant_id, "payment_id": payment_id, "n": n},
    ).first()
    return LineToPost(*found) if found else None


def start_sending(session: ScopedSession, line: LineToPost, fee_id: str, *, op: str | None = None) -> bool:
    """Mark the line as on its way to the fee, unless another one is: then it waits for its turn and this is False.

    ``op``: it goes another way than was planned.
    """
    moved = session.execute(
        text("""
            UPDATE payment_line l SET state = 'sending', fee_id = :fee_id, attempts = attempts + 1, message = '',
                                      sent_at = clock_timestamp(), op = coalesce(CAST(:op AS text), op)
            WHERE l.tenant_id = :tenant_id AND l.payment_id = :payment_id AND l.n = :n
              AND l.state IN ('waiting', 'sending', 'unknown') AND NOT EXISTS (
                  SELECT FROM payment_line other
                  WHERE other.tenant_id = l.tenant_id AND other.fee_id = :fee_id
                    AND other.state IN ('sending', 'unknown') AND (other.payment_id, other.n) <> (l.payment_id, l.n))
        """),
        _key(session, line) | {"fee_id": fee_id, "op": op},
    )
    return _count(moved) == 1


def settle_line(
    session: ScopedSession,
    line: LineToPost,
    state: str,
    *,
    rule: str = "",
    reason: str = "",
    message: str = "",
    tracking_id: str = "",
) -> bool:
    """Move an open line to what came of its try: waiting, unknown or unapplied. False when it was not open any more.

    ``reason`` replaces the line's own only where it is given; ``message`` is what the other side said.
    """
    moved = session.execute(
        text("""
            UPDATE payment_line SET state = :state, rule = :rule, reason = coalesce(nullif(:reason, ''), reason),
                message = :message, tracking_id = coalesce(nullif(:tracking_id, ''), tracking_id)
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n
              AND state IN ('waiting', 'sending', 'unknown')
        """),
        _key(session, line)
        | {"state": state, "rule": rule, "reason": reason, "message": message, "tracking_id": tracking_id},
    )
    return _count(moved) == 1


def note_trouble(session: ScopedSession, line: LineToPost, message: str) -> None:
    """Write down why a line that waits could not be posted just now."""
    session.execute(
        text("""
            UPDATE payment_line SET message = :message
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n AND state = 'waiting'
        """),
        _key(session, line) | {"message": message},
    )


def confirm_line(
    session: ScopedSession, line: LineToPost, fee_id: str, evidence: Mapping[str, Any], run_id: int | None
) -> bool:
    """Alma has it: the line is posted and the ledger says so, in the caller's transaction. False when it was already.

    ``evidence``: what is known of Alma's transaction (transaction_id, balance_cents), kept with the entry.
    """
    moved = session.execute(
        text("""
            UPDATE payment_line SET state = 'posted', fee_id = :fee_id, posted_at = clock_timestamp(), rule = '',
                message = '', tracking_id = coalesce(nullif(:tracking_id, ''), tracking_id)
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n
              AND state IN ('waiting', 'sending', 'unknown')
        """),
        _key(session, line) | {"fee_id": fee_id, "tracking_id": evidence.get("transaction_id") or ""},
    )
    if _count(moved) != 1:
        return False
    kept = {
        "payment_id": line.payment_id,
        "n": line.n,
        "external_id": line.external_id,
        "tracking_id": evidence.get("transaction_id") or "",
        "balance_cents": evidence.get("balance_cents"),
    }
    session.execute(
        text("""
            INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, fee_type,
                                      reference, run_id, evidence)
            SELECT :tenant_id, :fee_ref, 'alma', :event, :amount_cents, :patron_key, :emplid,
                   coalesce((SELECT fee_type FROM alma_fee WHERE tenant_id = :tenant_id AND fee_id = :fee_id), ''),
                   :external_id, CAST(:run_id AS bigint), CAST(:evidence AS jsonb)
        """),
        {
            "tenant_id": session.tenant_id,
            "fee_ref": line.fee_ref or fee_id,
            "fee_id": fee_id,
            "event": "waiver" if line.op == "waive" else "payment",
            "amount_cents": -line.amount_cents,
            "patron_key": line.patron_key,
            "emplid": line.emplid,
            "external_id": line.external_id,
            "run_id": run_id,
            "evidence": json.dumps(kept | {k: v for k, v in evidence.items() if k == "settled_by"}),
        },
    )
    return True


@dataclass(frozen=True, slots=True)
class NewPart:
    """A line that takes the place of (part of) another."""

    amount_cents: int
    state: str
    op: str = "pay"
    rule: str = ""
    reason: str = ""
    # None: the fee of the line whose place it takes.
    fee_ref: str | None = None
    fee_id: str | None = None


def replace_line(
    session: ScopedSession, line: LineToPost, parts: list[NewPart], run_id: int | None
) -> list[int]:
    """Put new lines in the place of one; together they are its amount. Returns their numbers.

    Raises: ValueError when they are not; LineMovedError when the line was dealt with meanwhile, and nothing is written.
    """
    if sum(part.amount_cents for part in parts) != line.amount_cents:
        raise ValueError(f"the parts of {line.external_id} do not add up to it")
    # Numbers of one payment are given one after the other.
    session.execute(
        text("""
            SELECT n FROM payment_line WHERE tenant_id = :tenant_id AND payment_id = :payment_id
            ORDER BY n FOR UPDATE
        """),
        {"tenant_id": session.tenant_id, "payment_id": line.payment_id},
    )
    last_n: int = session.scalar(
        text("SELECT max(n) FROM payment_line WHERE tenant_id = :tenant_id AND payment_id = :payment_id"),
        {"tenant_id": session.tenant_id, "payment_id": line.payment_id},
    )
    moved = session.execute(
        text("""
            UPDATE payment_line SET state = 'replaced'
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n
              AND state IN ('waiting', 'sending', 'unknown', 'unapplied')
        """),
        _key(session, line),
    )
    if _count(moved) != 1:
        raise LineMovedError(line.external_id)
    numbers = list(range(last_n + 1, last_n + 1 + len(parts)))
    session.execute(
        text("""
            INSERT INTO payment_line (tenant_id, payment_id, n, amount_cents, op, state, fee_ref, fee_id, patron_id,
                                      rule, reason, external_id, run_id, owner_id)
            SELECT l.tenant_id, l.payment_id, :new_n, :amount_cents, :op, :state, :fee_ref, :fee_id, l.patron_id,
                   :rule, coalesce(nullif(:reason, ''), l.reason), p.ref || '-' || :new_n_text,
                   CAST(:run_id AS bigint), l.owner_id
            FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
            WHERE l.tenant_id = :tenant_id AND l.payment_id = :payment_id AND l.n = :n
        """),
        [
            _key(session, line)
            | {
                "new_n": number,
                "new_n_text": str(number),
                "amount_cents": part.amount_cents,
                "op": part.op,
                "state": part.state,
                "fee_ref": line.fee_ref if part.fee_ref is None else part.fee_ref,
                "fee_id": line.fee_id if part.fee_id is None else part.fee_id,
                "rule": part.rule,
                "reason": part.reason,
                "run_id": run_id,
            }
            for number, part in zip(numbers, parts, strict=True)
        ],
    )
    return numbers


def decide_line(
    session: ScopedSession, payment_id: int, n: int, decision: str, person_id: int | None
) -> None:
    """Write down what a person decided about a line."""
    session.execute(
        text("""
            UPDATE payment_line SET decision = :decision, decided_by = CAST(:person_id AS int),
                                    decided_at = clock_timestamp()
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n
        """),
        {
            "tenant_id": session.tenant_id,
            "payment_id": payment_id,
            "n": n,
            "decision": decision,
            "person_id": person_id,
        },
    )


def make_refund_due(session: ScopedSession, line: LineToPost, reason: str, owner_id: int | None) -> None:
    """A posted line was wrong: its money is to be given back, and this person sees to it."""
    session.execute(
        text("""
            UPDATE payment_line SET state = 'refund_due', reason = :reason,
                                    owner_id = coalesce(CAST(:owner_id AS int), owner_id)
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n AND state = 'posted'
        """),
        _key(session, line) | {"reason": reason, "owner_id": owner_id},
    )


def sent_seconds_ago(session: ScopedSession, key: str) -> float | None:
    """How long ago the effect of this key may have begun, by the database's clock; None when it never was."""
    seconds: float | None = session.scalar(
        text("""
            SELECT extract(epoch FROM clock_timestamp() - sent_at)::float8 FROM effect
            WHERE tenant_id = :tenant_id AND key = :key
        """),
        {"tenant_id": session.tenant_id, "key": key},
    )
    return seconds


def youngest_doubt_s(session: ScopedSession, run_id: int) -> float | None:
    """How long ago the newest unknown line of the run was sent; None without one."""
    seconds: float | None = session.scalar(
        text("""
            SELECT extract(epoch FROM clock_timestamp() - max(x.sent_at))::float8
            FROM payment_line l JOIN effect x ON x.tenant_id = l.tenant_id AND x.key = 'pay:' || l.external_id
            WHERE l.tenant_id = :tenant_id AND l.run_id = :run_id AND l.state IN ('sending', 'unknown') AND l.op <> 'import'
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    return seconds


def tallies_of_run(session: ScopedSession, run_id: int) -> dict[tuple[str, str], Tally]:
    """What came of the run's lines: (state, rule) -> lines and cents."""
    rows = session.execute(
        text("""
            SELECT state, rule, count(*), sum(amount_cents)::bigint FROM payment_line
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND state <> 'replaced' GROUP BY state, rule
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    return {(state, rule): Tally(count, cents) for state, rule, count, cents in rows}


def follow_up_of(session: ScopedSession, run_id: int) -> int | None:
    """The run that goes on with what this one left open, if it was asked for already."""
    found: int | None = session.scalar(
        text("""
            SELECT id FROM run WHERE tenant_id = :tenant_id AND pipeline = 'payment_posting'
              AND options -> 'follows_run_id' = to_jsonb(CAST(:run_id AS bigint)) LIMIT 1
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    return found


def _key(session: ScopedSession, line: LineToPost) -> dict[str, Any]:
    return {"tenant_id": session.tenant_id, "payment_id": line.payment_id, "n": line.n}


def _count(result: Any) -> int:
    return int(result.rowcount)
