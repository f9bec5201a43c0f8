"""Balances of open fees beside what the bursar was told: which of them differ, as set work on one collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.domain.balances import FeeState, first_wait
from webapp.domain.holds.verdicts import REFUSED, SEEN
from webapp.store.answers_desk import REJECTED
from webapp.store.ledger import charges_of
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from datetime import datetime

    from webapp.models.scope import ScopedSession

_BATCH = 1_000
_PIPELINE = "balance_export"


@dataclass(frozen=True, slots=True)
class FeeBeside:
    """One fee that is not plainly unchanged: its state, the source's columns and the newest charge the bursar was told.

    ``source`` is empty for a fee the source does not list, ``told`` for one the bursar was never told.
    """

    fee_ref: str
    state: FeeState
    source: Mapping[str, Any]
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UnusableRow:
    """A row that names no fee: refused by its source, or without an id."""

    rule: str
    reason: str
    emplid: str
    amount_cents: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gone:
    """Fees that the bursar was told and the source no longer lists, beside all it was told by balances."""

    gone: int
    gone_cents: int
    told: int


def compare(
    session: ScopedSession,
    tenant_id: int,
    *,
    covers_everyone: bool,
    posted_before_at: datetime | None = None,
) -> None:
    """Make the transaction's tables ``beside`` (every fee of the source or told by balances) from ``collected``.

    What was posted to Alma up to ``posted_before_at`` is in the source's balances; later postings may be. None: all are.
    """
    bound = {
        "tenant_id": tenant_id,
        "covers_everyone": covers_everyone,
        "posted_before_at": posted_before_at,
    }
    with by_hashing(session):
        for statement in (_OWED, _TOLD_BY_BALANCES, _TOLD, _POSTED, _WAITING, _UNREADABLE, _BESIDE):
            session.execute(text(statement), bound)
    session.execute(text("ANALYZE beside"))


# A fee that several rows give alike is one fee.
_OWED = """
    CREATE TEMPORARY TABLE owed ON COMMIT DROP AS
    SELECT DISTINCT ON (fee_id) fee_id AS fee_ref, patron_key, emplid, balance_cents, original_cents, fee_type, status,
           billed_on, user_type, library, title, barcode, patron_name, comment,
           min(balance_cents) OVER w <> max(balance_cents) OVER w OR min(emplid) OVER w <> max(emplid) OVER w
               OR min(status) OVER w <> max(status) OVER w AS differs
    FROM collected WHERE verdict IS NULL AND fee_id <> '' WINDOW w AS (PARTITION BY fee_id) ORDER BY fee_id, n
"""
_TOLD_BY_BALANCES = f"""
    CREATE TEMPORARY TABLE told_by_balances ON COMMIT DROP AS
    SELECT DISTINCT e.fee_ref FROM ledger_entry e JOIN run r ON r.tenant_id = e.tenant_id AND r.id = e.run_id
    WHERE e.tenant_id = :tenant_id AND e.side = 'bursar' AND e.event = 'charge' AND r.pipeline = '{_PIPELINE}'
"""
_TOLD = f"""
    CREATE TEMPORARY TABLE told ON COMMIT DROP AS
    {charges_of("SELECT fee_ref FROM owed UNION SELECT fee_ref FROM told_by_balances")}
"""
# Money that the bursar took and that was posted to Alma, or is on its way there: the bursar knows of it.
_POSTED_CENTS = """
    SELECT l.fee_id AS fee_ref, sum(l.amount_cents) FILTER (WHERE l.is_seen)::bigint AS cents,
           sum(l.amount_cents) FILTER (WHERE NOT l.is_seen)::bigint AS perhaps_cents
    FROM (
        SELECT fee_id, abs(l.amount_cents) AS amount_cents,
               posted_at IS NOT NULL AND posted_at <= coalesce(CAST(:posted_before_at AS timestamptz), 'infinity') AS is_seen
        FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
        WHERE l.tenant_id = :tenant_id AND l.fee_id <> '' AND p.source IN ('peoplesoft', 'cashier')
          AND (l.posted_at IS NOT NULL OR l.state IN ('sending', 'unknown'))
    ) l GROUP BY l.fee_id
"""
_POSTED = f"CREATE TEMPORARY TABLE posted ON COMMIT DROP AS {_POSTED_CENTS}"
_WAITING = f"""
    CREATE TEMPORARY TABLE waiting ON COMMIT DROP AS
    SELECT fee_ref, array_agg(DISTINCT why) AS whys FROM (
        SELECT raw ->> 'fee_ref' AS fee_ref, 'rejected_by_peoplesoft' AS why FROM quarantined_row
        WHERE tenant_id = :tenant_id AND rule = '{REJECTED}' AND (resolved_at IS NULL OR decision = 'ignored')
        UNION ALL
        SELECT raw ->> 'fee_ref', 'ignored' FROM quarantined_row
        WHERE tenant_id = :tenant_id AND pipeline = '{_PIPELINE}' AND decision = 'ignored'
        UNION ALL
        SELECT fee_ref, CASE kind WHEN 'resend' THEN 'sent_again' ELSE 'recalled' END FROM bursar_task
        WHERE tenant_id = :tenant_id AND CASE kind WHEN 'resend' THEN state IN ('open', 'taken') ELSE state <> 'withdrawn' END
    ) found WHERE fee_ref <> '' GROUP BY fee_ref
"""
_UNREADABLE = f"""
    CREATE TEMPORARY TABLE unreadable ON COMMIT DROP AS
    SELECT fee_id, emplid FROM collected WHERE verdict = '{REFUSED}' OR (verdict IS NULL AND fee_id = '')
"""
_BESIDE = f"""
    CREATE TEMPORARY TABLE beside ON COMMIT DROP AS
    SELECT fee_ref, o.fee_ref IS NOT NULL AS is_listed, o.patron_key, o.emplid, o.balance_cents, o.original_cents,
           o.fee_type, coalesce(o.status, '') AS status, o.billed_on, o.user_type, o.library, o.title, o.barcode,
           o.patron_name, o.comment, coalesce(o.differs, false) AS differs,
           t.fee_ref IS NOT NULL AS is_told, t.patron_id AS told_patron_id, t.emplid AS told_emplid,
           t.fee_type AS told_fee_type, t.item_type AS told_item_type, t.term AS told_term,
           t.billing_on AS told_billing_on, t.reference AS told_reference, t.barcode AS told_barcode,
           t.amount_cents AS told_amount_cents, coalesce(t.remaining_cents, 0)::bigint AS told_cents,
           coalesce(t.in_doubt, false) AS in_doubt,
           coalesce(p.cents, 0) AS posted_cents, coalesce(p.perhaps_cents, 0) AS perhaps_posted_cents,
           o.emplid IS NULL OR t.emplid IS NULL OR t.emplid = '' OR o.emplid = t.emplid AS is_same_patron,
           :covers_everyone OR EXISTS (SELECT FROM collected s WHERE s.verdict = '{SEEN}' AND s.emplid = t.emplid)
               AS is_covered,
           o.fee_ref IS NULL AND EXISTS (SELECT FROM unreadable u
               WHERE u.fee_id = t.fee_ref OR u.fee_id = '' AND u.emplid IN ('', t.emplid)) AS is_guarded,
           w.whys
    FROM owed o FULL JOIN told t USING (fee_ref) LEFT JOIN waiting w USING (fee_ref) LEFT JOIN posted p USING (fee_ref)
    WHERE o.fee_ref IS NOT NULL
       OR (t.remaining_cents > coalesce(p.cents, 0) AND EXISTS (SELECT FROM told_by_balances b WHERE b.fee_ref = t.fee_ref))
"""
_UNCHANGED = """
    is_listed AND upper(btrim(status)) IN ('', 'ACTIVE') AND NOT differs AND NOT in_doubt AND whys IS NULL
    AND balance_cents = told_cents AND balance_cents >= 0 AND posted_cents = 0 AND perhaps_posted_cents = 0
"""


def differing(session: ScopedSession) -> Generator[FeeBeside, None, None]:
    """Every fee of ``beside`` that is not plainly unchanged, by patron and fee, a batch at a time."""
    rows = session.execute(
        text(f"""
            SELECT * FROM beside WHERE NOT ({_UNCHANGED})
            ORDER BY coalesce(nullif(emplid, ''), told_emplid, ''), fee_ref
        """),
        execution_options={"yield_per": _BATCH},
    )
    with rows:
        for row in rows.mappings():
            yield _beside(dict(row))


def _beside(row: Mapping[str, Any]) -> FeeBeside:
    told = {name.removeprefix("told_"): row[name] for name in row if name.startswith("told_")}
    state = FeeState(
        balance_cents=row["balance_cents"] if row["is_listed"] else None,
        told_cents=row["told_cents"],
        status=row["status"],
        is_in_doubt=row["in_doubt"],
        is_covered=row["is_covered"],
        is_guarded=row["is_guarded"],
        differs=row["differs"],
        is_same_patron=row["is_same_patron"],
        waits=first_wait(set(row["whys"] or ())),
        posted_cents=row["posted_cents"],
        perhaps_posted_cents=row["perhaps_posted_cents"],
    )
    source = {name: value for name, value in row.items() if not name.startswith(("told_", "is_"))}
    return FeeBeside(
        row["fee_ref"], state, source if row["is_listed"] else {}, told if row["is_told"] else {}
    )


def unusable(session: ScopedSession) -> Iterator[UnusableRow]:
    """Rows of ``collected`` that name no fee, in their order."""
    rows = session.execute(
        text(f"""
            SELECT CASE WHEN verdict = '{REFUSED}' THEN 'unreadable' ELSE 'no_fee_id' END AS rule,
                   CASE WHEN verdict = '{REFUSED}' THEN detail::jsonb ->> 'reason' ELSE '' END AS reason,
                   emplid, coalesce(balance_cents, 0) AS amount_cents,
                   CASE WHEN verdict = '{REFUSED}' THEN detail::jsonb -> 'raw' ELSE
                       jsonb_build_object('patron_id', patron_key, 'fee_type', fee_type, 'item_title', title) END AS body
            FROM collected WHERE verdict = '{REFUSED}' OR (verdict IS NULL AND fee_id = '') ORDER BY n
        """)
    )
    for row in rows:
        yield UnusableRow(row.rule, row.reason or "", row.emplid or "", row.amount_cents, row.body or {})


def add_unchanged(session: ScopedSession, tenant_id: int, run_id: int, after_n: int, words: str) -> int:
    """Stage the fees of which the bursar was told just what is owed, numbered on; returns how many."""
    added = session.execute(
        text(f"""
            INSERT INTO bursar_row (tenant_id, run_id, n, fee_ref, patron_id, amount_cents, verdict, rule, reason, body)
            SELECT :tenant_id, :run_id, :after_n + row_number() OVER (ORDER BY fee_ref), fee_ref, coalesce(emplid, ''), 0,
                   'excluded', 'unchanged', :words, '{{}}'
            FROM beside WHERE {_UNCHANGED}
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "after_n": after_n, "words": words},
    )
    return int(added.rowcount)  # type: ignore[attr-defined]


def gone(session: ScopedSession) -> Gone:
    """How much of what the bursar was told by balances the source would have taken back because it is not listed."""
    row = session.execute(
        text("""
            SELECT count(*) FILTER (WHERE is_gone), coalesce(sum(left_cents) FILTER (WHERE is_gone), 0)::bigint, count(*)
            FROM (SELECT NOT is_listed AND is_covered AND NOT is_guarded AS is_gone,
                         told_cents - posted_cents - perhaps_posted_cents AS left_cents
                  FROM beside WHERE is_told) told
            WHERE left_cents > 0
        """)
    ).one()
    return Gone(*row)


def told_emplids(session: ScopedSession, tenant_id: int) -> list[str]:
    """EMPLIDs of everybody of whom the bursar holds a fee told by balances: a source of some patrons reads them too."""
    session.execute(
        text(_TOLD_BY_BALANCES.replace("TABLE told_by_balances", "TABLE told_before")),
        {"tenant_id": tenant_id},
    )
    with by_hashing(session):
        rows = session.scalars(
            text(f"""
                SELECT DISTINCT emplid FROM ({charges_of("SELECT fee_ref FROM told_before")}) o
                LEFT JOIN ({_POSTED_CENTS}) p USING (fee_ref)
                WHERE remaining_cents > coalesce(p.cents, 0) AND emplid <> '' ORDER BY 1
            """),
            {"tenant_id": tenant_id, "posted_before_at": None},
        )
    return list(rows)


def last_start(session: ScopedSession, tenant_id: int, run_id: int) -> datetime | None:
    """When the last run before this one began that looked at every balance; None without one."""
    began_at: datetime | None = session.scalar(
        text(f"""
            SELECT started_at FROM run WHERE tenant_id = :tenant_id AND pipeline = '{_PIPELINE}' AND id < :run_id
              AND NOT dry_run AND state IN ('succeeded', 'nothing_to_send') ORDER BY id DESC LIMIT 1
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return began_at


def close_settled_rows(session: ScopedSession, tenant_id: int) -> None:
    """Take off the desk what the newest finished run, which saw every fee, did not hold back again."""
    session.execute(
        text(f"""
            UPDATE quarantined_row SET resolved_at = now(), resolution = 'no longer in the source'
            WHERE tenant_id = :tenant_id AND pipeline = '{_PIPELINE}' AND resolved_at IS NULL AND run_id < (
                SELECT max(id) FROM run WHERE tenant_id = :tenant_id AND pipeline = '{_PIPELINE}' AND NOT dry_run
                  AND state IN ('succeeded', 'nothing_to_send'))
        """),
        {"tenant_id": tenant_id},
    )
