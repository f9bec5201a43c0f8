"""Money that named a fee nobody knew when it came: whether its fee is known by now."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import text

from webapp.store import money, payment_match, posting
from webapp.store.payment_match import UNAPPLIED, WAITING

if TYPE_CHECKING:
    from webapp.domain.payments.patron_fees import MatchRules
    from webapp.models.scope import ScopedSession

MOST_LOOKED_AT = 20_000

# What somebody looks after, or decided about in part, is theirs; and what had a fee once did not miss one.
_NEWS_OF_THE_DESK = """
    CREATE TEMPORARY TABLE news ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY p.id, l.n) AS n, p.id AS payment_id, l.n AS line_n, p.line, p.kind, p.item_key,
           p.emplid, p.patron_id, p.reference, p.item_type, p.term, i.amount_cents, i.applied_cents,
           l.amount_cents AS cents, 'post' AS verdict, '' AS rule, '' AS reason
    FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
    LEFT JOIN payment_item i ON i.tenant_id = p.tenant_id AND i.item_key = p.item_key AND p.event_key LIKE 'item:%'
    WHERE l.tenant_id = :tenant_id AND l.state = 'unapplied' AND l.rule = 'unmatched' AND l.amount_cents > 0
      AND l.owner_id IS NULL AND p.kind = 'payment' AND p.reference <> ''
      AND NOT EXISTS (SELECT FROM payment_line o WHERE o.tenant_id = l.tenant_id AND o.payment_id = l.payment_id
                        AND (o.fee_ref <> '' OR o.decision <> ''))
    ORDER BY p.id DESC, l.n LIMIT :most
"""
_FOUND = """
    SELECT n.payment_id, n.line_n, p.fee_ref, p.fee_id, p.amount_cents, p.op, p.state, p.rule, p.reason
    FROM plan p JOIN news n USING (n)
    WHERE p.n IN (SELECT n FROM plan WHERE state = 'waiting') ORDER BY n.payment_id, n.line_n, p.part
"""


def apply_what_is_known_now(session: ScopedSession, rules: MatchRules) -> int:
    """Have money on the desk that names a fee posted to it, where the fee is known by now; returns how many lines wait.

    Lines that somebody decides about at this moment are left to them.
    """
    session.execute(text(_NEWS_OF_THE_DESK), {"tenant_id": session.tenant_id, "most": MOST_LOOKED_AT})
    if not session.scalar(text("SELECT count(*) FROM news")):
        return 0
    session.execute(text("ANALYZE news (n, emplid, reference)"))
    payment_match.match(session, rules)
    found = session.execute(text(_FOUND)).all()
    return sum(
        _apply(session, payment_id, line_n, [posting.NewPart(
            part.amount_cents, part.state, part.op, part.rule, part.reason, part.fee_ref, part.fee_id
        ) for part in parts])
        for (payment_id, line_n), parts in groupby(found, key=lambda row: (row.payment_id, row.line_n))
    )  # fmt: skip


def _apply(session: ScopedSession, payment_id: int, n: int, parts: list[posting.NewPart]) -> int:
    line = posting.the_line(session, payment_id, n, lock=True)
    if line is None or line.state != UNAPPLIED:
        return 0
    numbers = posting.replace_line(session, line, parts, None)
    waiting = [number for number, part in zip(numbers, parts, strict=True) if part.state == WAITING]
    money.tell_ledger(session, payment_id, waiting)
    return len(waiting)
