"""The rules of a conversion that take more than one row to see, as set work on the run's staged rows.

Every rule moves rows from one verdict to another; none takes a row away. Slugs of rules are counted on the run and
shown at the desk.

PostgreSQL has no statistics about rows that came a moment ago and takes them for one; a million of them joined row by
row would take days. So the rules look at ``this_run``, a small copy that it knows the size of, and what they find is
joined back by hashing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.store import ledger
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession

_CHANGE = "CREATE TEMPORARY TABLE change ON COMMIT DROP AS "


def begin(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """Make the transaction's small copy of the run's rows, which every rule looks at."""
    _execute(
        session,
        """
        CREATE TEMPORARY TABLE this_run ON COMMIT DROP AS
        SELECT n, origin, origin_id, fee_ref, patron_id, barcode, amount_cents, verdict, rule,
               CASE WHEN amount_cents < 0 THEN coalesce(body ->> 'original_reference', '') END AS named,
               CASE WHEN amount_cents < 0 THEN coalesce(body ->> 'comment', '') END AS comment
        FROM bursar_row WHERE tenant_id = :tenant_id AND run_id = :run_id
        """,
        tenant_id,
        run_id,
    )
    session.execute(text("ANALYZE this_run"))


def leave_out_ignored(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """A fee that a person ignored at the desk stays out when its file is read once more."""
    _change(
        session,
        """
        SELECT t.n, 'excluded' AS verdict, 'ignored' AS rule, 'ignored at the desk: ' || min(q.resolution) AS reason
        FROM this_run t JOIN quarantined_row q ON q.tenant_id = :tenant_id AND q.raw ->> 'fee_ref' = t.fee_ref
             AND q.raw ->> 'patron_id' = t.patron_id AND q.amount_cents = t.amount_cents
        WHERE t.origin = 'file' AND t.verdict <> 'excluded' AND t.fee_ref <> '' AND q.pipeline = 'bursar_conversion'
          AND q.decision = 'ignored'
        GROUP BY t.n
        """,
        tenant_id,
        run_id,
    )


def leave_out_recalled(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """A recalled fee never leaves; a fee recalled after sending does not leave once more if that file never arrived."""
    _change(
        session,
        f"""
        SELECT t.n, 'excluded' AS verdict, 'recalled' AS rule, 'recalled: ' || min(task.reason) AS reason
        FROM this_run t JOIN bursar_task task ON task.tenant_id = :tenant_id AND task.fee_ref = t.fee_ref
        WHERE t.verdict <> 'excluded' AND t.fee_ref <> '' AND t.origin <> 'task' AND task.state <> 'withdrawn'
          AND (task.kind = 'recall' AND sign(t.amount_cents) = sign(task.amount_cents)
              OR task.kind = 'credit' AND t.amount_cents > 0 AND NOT EXISTS (
              SELECT FROM ({ledger.IN_FORCE}) e WHERE e.fee_ref = task.fee_ref))
        GROUP BY t.n
        UNION ALL
        SELECT t.n, 'excluded', 'recalled', 'nothing to take back: ' || task.fee_ref || ' was never told'
        FROM this_run t JOIN bursar_task task ON task.tenant_id = :tenant_id AND task.id = t.origin_id
        WHERE t.origin = 'task' AND task.kind = 'credit' AND NOT EXISTS (
            SELECT FROM ({ledger.IN_FORCE}) e WHERE e.fee_ref = task.fee_ref)
        """,
        tenant_id,
        run_id,
    )


def leave_to_the_desk(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """A row of the desk that a person ignored or corrected while the run read it does not go as it was read."""
    _change(
        session,
        """
        SELECT t.n, CASE WHEN q.resolved_at IS NULL THEN 'quarantined' ELSE 'excluded' END AS verdict,
               'decided_meanwhile' AS rule, CASE WHEN q.resolved_at IS NULL
                   THEN 'it was corrected while the run read it; it goes next time'
                   ELSE 'decided at the desk while the run read it: ' || q.resolution END AS reason
        FROM this_run t JOIN quarantined_row q ON q.tenant_id = :tenant_id AND q.id = t.origin_id
        JOIN bursar_row b ON b.tenant_id = q.tenant_id AND b.run_id = :run_id AND b.n = t.n
        WHERE t.origin = 'desk' AND t.verdict <> 'quarantined'
          AND (q.resolved_at IS NOT NULL OR NOT b.body @> q.patch)
        """,
        tenant_id,
        run_id,
    )


def hold_back_repeated(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """An id that stands on more than one row says which fee is meant on none of them; all of them wait.

    Of those that people let go, one goes; the next run looks at the others beside what was told by then.
    """
    _change(
        session,
        """
        SELECT t.n, 'quarantined' AS verdict, 'repeated_id' AS rule,
               'the id ' || t.fee_ref || ' stands on ' || r.times || ' rows' AS reason
        FROM this_run t JOIN (
            SELECT fee_ref, count(*) AS times,
                   min(n) FILTER (WHERE verdict = 'send' AND rule = 'released') AS let_go
            FROM this_run WHERE fee_ref <> '' AND origin <> 'task'
            GROUP BY fee_ref HAVING count(*) > 1
        ) r ON r.fee_ref = t.fee_ref
        WHERE t.verdict = 'send' AND (t.rule <> 'released' OR t.n > r.let_go) AND t.origin <> 'task'
        """,
        tenant_id,
        run_id,
    )


def leave_out_told(session: ScopedSession, tenant_id: int, run_id: int, *, only_tasks: bool) -> None:
    """A fee that the bursar was told already is not told again; with another amount, a person must look.

    A line sent again after PeopleSoft rejected it is no repetition, also when it has waited at the desk meanwhile.
    ``only_tasks``: the other rows are differences.
    """
    said = "coalesce((e.evidence ->> 'row_cents')::bigint, e.amount_cents)"
    _change(
        session,
        f"""
        SELECT n, CASE rule WHEN 'already_sent' THEN 'excluded' ELSE 'quarantined' END AS verdict, rule, CASE rule
            WHEN 'already_sent' THEN 'sent before, in run ' || in_run
            WHEN 'in_doubt' THEN 'it is in a file of run ' || in_run || ' of which nobody knows whether it arrived'
            ELSE 'run ' || in_run || ' told this id with ' || to_char(cents / 100.0, 'FM999999990.00') END AS reason
        FROM (
            SELECT n, is_released, min(in_run) AS in_run, min(cents) AS cents, CASE
                WHEN bool_or(file_state = 'told' AND is_same) THEN 'already_sent'
                WHEN bool_or(file_state = 'in_doubt') THEN 'in_doubt' ELSE 'told_other_amount' END AS rule
            FROM (
                SELECT t.n, t.rule = 'released' AS is_released, e.run_id AS in_run, e.file_state, {said} AS cents,
                       {said} = t.amount_cents AS is_same
                FROM this_run t JOIN ({ledger.IN_FORCE}) e ON e.fee_ref = t.fee_ref
                WHERE t.verdict = 'send' AND t.fee_ref <> ''
                  AND CASE t.origin WHEN 'task' THEN NOT e.is_rejected
                      WHEN 'desk' THEN NOT (e.is_rejected AND EXISTS (
                          SELECT FROM bursar_task asked WHERE asked.tenant_id = :tenant_id AND asked.kind = 'resend'
                            AND asked.state = 'done' AND asked.entry_id = e.id))
                      ELSE NOT :only_tasks END
            ) met GROUP BY n, is_released
        ) found WHERE NOT (is_released AND rule = 'told_other_amount')
        """,
        tenant_id,
        run_id,
        only_tasks=only_tasks,
    )


def find_charges(session: ScopedSession, tenant_id: int, run_id: int, *, by_item: bool) -> None:
    """Make the temporary table ``credit``: each credit to send with the charges it may take back from (``lead``).

    A credit names its charge by its reference, in its comment or because a person said so; else, with ``by_item``, by
    patron and item barcode. Always of the same patron, and never by its amount.
    """
    _execute(
        session,
        """
        CREATE TEMPORARY TABLE credit ON COMMIT DROP AS
        SELECT n, patron_id, barcode, amount_cents, rule = 'released' AS is_released, named,
               regexp_split_to_array(comment, '[^A-Za-z0-9_-]+') AS words
        FROM this_run WHERE verdict = 'send' AND amount_cents < 0
        """,
        tenant_id,
        run_id,
    )
    session.execute(text("ANALYZE credit"))
    _execute(
        session,
        f"""
        CREATE TEMPORARY TABLE candidate ON COMMIT DROP AS
        SELECT DISTINCT c.n, e.fee_ref, CASE
            WHEN c.named <> '' THEN c.named IN (e.fee_ref, e.reference)
            ELSE e.fee_ref = ANY(c.words) OR e.reference <> '' AND e.reference = ANY(c.words) END AS is_named
        FROM credit c JOIN ledger_entry e ON e.tenant_id = :tenant_id AND e.patron_id = c.patron_id
             AND e.side = '{ledger.BURSAR}' AND e.event = 'charge'
        WHERE c.patron_id <> '' AND CASE WHEN c.named <> '' THEN c.named IN (e.fee_ref, e.reference)
            ELSE e.fee_ref = ANY(c.words) OR e.reference <> '' AND e.reference = ANY(c.words)
                 OR :by_item AND c.barcode <> '' AND e.barcode = c.barcode END
        """,
        tenant_id,
        run_id,
        by_item=by_item,
    )
    session.execute(text("ANALYZE candidate"))
    _execute(
        session,
        f"""
        CREATE TEMPORARY TABLE lead ON COMMIT DROP AS
        SELECT candidate.n, candidate.is_named, o.*
        FROM candidate JOIN ({ledger.charges_of("SELECT fee_ref FROM candidate")}) o USING (fee_ref)
        """,
        tenant_id,
        run_id,
    )
    session.execute(text("ANALYZE lead"))


def match_credits(
    session: ScopedSession,
    tenant_id: int,
    run_id: int,
    *,
    no_charge_item_type: str,
    whole_only: bool,
    not_before: Any,
) -> None:
    """Give each credit its one charge, or say why it waits. Needs ``find_charges``.

    ``no_charge_item_type``: a campus's one item type for credits without a charge; empty: they wait.
    ``whole_only``: the whole charge is reversed and what is left charged again. ``not_before``: the oldest billing day
    that PeopleSoft still reverses, or None.
    """
    _execute(
        session,
        """
        CREATE TEMPORARY TABLE matched ON COMMIT DROP AS
        WITH counted AS (
            SELECT c.n, c.amount_cents, c.is_released, c.named,
                   count(l.fee_ref) FILTER (WHERE l.is_named) AS named_charges,
                   count(l.fee_ref) FILTER (WHERE NOT l.is_named AND l.remaining_cents > 0) AS item_charges,
                   count(l.fee_ref) FILTER (WHERE NOT l.is_named AND l.remaining_cents <= 0) AS spent_charges,
                   min(l.fee_ref) FILTER (WHERE l.is_named) AS named_ref,
                   min(l.fee_ref) FILTER (WHERE NOT l.is_named AND l.remaining_cents > 0) AS item_ref,
                   string_agg(l.fee_ref, ', ' ORDER BY l.fee_ref) AS refs
            FROM credit c LEFT JOIN lead l ON l.n = c.n
            GROUP BY c.n, c.amount_cents, c.is_released, c.named
        ), chosen AS (
            SELECT *, CASE WHEN named_charges = 1 THEN named_ref
                           WHEN named_charges = 0 AND item_charges = 1 THEN item_ref END AS fee_ref,
                   -- That only one of several charges is large enough would be a guess by the amount.
                   CASE WHEN named_charges > 1 OR named_charges = 0 AND item_charges > 1 THEN 'credit_ambiguous'
                        WHEN named_charges = 0 AND item_charges = 0 AND spent_charges > 0 THEN 'credit_above_charge'
                        WHEN named_charges = 0 AND item_charges = 0 THEN 'credit_without_charge' ELSE '' END AS fault
            FROM counted
        )
        SELECT ch.n, ch.amount_cents, ch.is_released, ch.named, ch.fault, ch.refs, o.*,
               sum(-ch.amount_cents) OVER (PARTITION BY ch.fee_ref ORDER BY ch.n) AS taken_cents,
               row_number() OVER (PARTITION BY ch.fee_ref ORDER BY ch.n) AS turn
        FROM chosen ch LEFT JOIN LATERAL (
            SELECT l.fee_ref, l.fee_type, l.item_type, l.term, l.billing_on, l.reference, l.amount_cents AS charge_cents,
                   l.remaining_cents, l.in_doubt
            FROM lead l WHERE l.n = ch.n AND l.fee_ref = ch.fee_ref
        ) o ON true
        """,
        tenant_id,
        run_id,
    )
    _execute(
        session,
        """
        UPDATE matched SET fault = CASE
            WHEN in_doubt THEN 'in_doubt'
            WHEN taken_cents > remaining_cents THEN 'credit_above_charge'
            WHEN billing_on < CAST(:not_before AS date) AND NOT is_released THEN 'charge_too_old'
            WHEN :whole_only AND turn > 1 THEN 'one_reversal_a_run'
            WHEN :whole_only AND charge_cents <> remaining_cents THEN 'charge_partly_credited'
            ELSE '' END
        WHERE fault = ''
        """,
        tenant_id,
        run_id,
        not_before=not_before,
        whole_only=whole_only,
    )
    _without_charge(session, tenant_id, run_id, no_charge_item_type)
    _hold_back_credits(session, tenant_id, run_id)
    _name_originals(session, tenant_id, run_id, whole_only=whole_only)


def _without_charge(session: ScopedSession, tenant_id: int, run_id: int, item_type: str) -> None:
    if item_type:
        with by_hashing(session):
            _execute(
                session,
                """
                UPDATE bursar_row b SET body = body || CAST(:named AS jsonb) FROM matched m
                WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.n = m.n
                  AND m.fault = 'credit_without_charge' AND m.named = ''
                """,
                tenant_id,
                run_id,
                named=json.dumps({"original_item_type": item_type}),
            )
        session.execute(text("DELETE FROM matched WHERE fault = 'credit_without_charge' AND named = ''"))
    # What a person lets go as it is goes without a charge; only a charge of this very run is worth waiting for.
    session.execute(
        text(
            "DELETE FROM matched WHERE fault IN ('credit_without_charge', 'credit_ambiguous') AND is_released"
        )
    )
    session.execute(
        text("""
            UPDATE matched m SET fault = 'charge_not_told_yet' FROM credit c
            WHERE m.fault = 'credit_without_charge' AND c.n = m.n AND EXISTS (
                SELECT FROM this_run t
                WHERE t.verdict = 'send' AND t.amount_cents > 0 AND t.patron_id = c.patron_id
                  AND (t.fee_ref = c.named OR t.fee_ref = ANY(c.words) OR c.barcode <> '' AND t.barcode = c.barcode))
        """)
    )


def _hold_back_credits(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    _change(
        session,
        """
        SELECT m.n, 'quarantined' AS verdict, m.fault AS rule, CASE m.fault
            WHEN 'credit_ambiguous' THEN 'several charges could be meant: ' || left(m.refs, 200)
            WHEN 'credit_above_charge' THEN 'it takes back more than is left of its charge'
                 || coalesce(' ' || m.fee_ref || ' (' || to_char(m.remaining_cents / 100.0, 'FM999999990.00') || ')', '')
            WHEN 'in_doubt' THEN 'nobody knows yet whether the file with its charge ' || m.fee_ref || ' arrived'
            WHEN 'charge_too_old' THEN 'its charge ' || m.fee_ref || ' of ' || m.billing_on || ' is too old to be reversed'
            WHEN 'one_reversal_a_run' THEN 'its charge ' || m.fee_ref || ' is reversed in this run already; it goes next time'
            WHEN 'charge_partly_credited' THEN 'only whole charges are reversed, and part of ' || m.fee_ref || ' is credited'
            WHEN 'charge_not_told_yet' THEN 'its charge leaves with this very run; it goes next time'
            ELSE 'no charge that the bursar was told is named by it' END AS reason
        FROM matched m WHERE m.fault <> ''
        """,
        tenant_id,
        run_id,
    )


def _name_originals(session: ScopedSession, tenant_id: int, run_id: int, *, whole_only: bool) -> None:
    """The row carries what its original line said; with ``whole_only`` also how it is split in two."""
    with by_hashing(session):
        _execute(
            session,
            """
            UPDATE bursar_row b SET
                kind = CASE WHEN :whole_only THEN 'reversal' ELSE b.kind END,
                body = b.body || jsonb_build_object(
                    'original_reference', m.reference, 'original_item_type', m.item_type, 'original_term', m.term,
                    'original_fee_type', m.fee_type, 'original_amount_cents', m.charge_cents,
                    'original_billing_on', m.billing_on, 'original_fee_ref', m.fee_ref)
                  || CASE WHEN :whole_only THEN jsonb_build_object(
                        'kind', 'reversal', 'reverse_cents', m.remaining_cents, 'recharge_cents',
                        m.remaining_cents + m.amount_cents) ELSE '{}'::jsonb END
            FROM matched m WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.n = m.n AND m.fault = ''
            """,
            tenant_id,
            run_id,
            whole_only=whole_only,
        )


def _change(session: ScopedSession, found: str, tenant_id: int, run_id: int, **bound: Any) -> None:
    """Carry out a rule: ``found`` is SQL that gives (n, verdict, rule, reason), each row once."""
    _execute(session, _CHANGE + found, tenant_id, run_id, **bound)
    if session.scalar(text("SELECT EXISTS (SELECT FROM change)")):
        with by_hashing(session):
            _execute(
                session,
                """
                UPDATE bursar_row b SET verdict = c.verdict, rule = c.rule, reason = c.reason FROM change c
                WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.n = c.n
                """,
                tenant_id,
                run_id,
            )
            session.execute(
                text("UPDATE this_run t SET verdict = c.verdict, rule = c.rule FROM change c WHERE t.n = c.n")
            )
    session.execute(text("DROP TABLE change"))


def _execute(session: ScopedSession, statement: str, tenant_id: int, run_id: int, **bound: Any) -> None:
    session.execute(text(statement), {"tenant_id": tenant_id, "run_id": run_id, **bound})
