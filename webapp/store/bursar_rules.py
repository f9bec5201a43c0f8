"""The rules of a conversion that take more than one row to see, as set work on the run's staged rows.

Every rule moves rows from one verdict to another; none takes a row away. Slugs of rules are counted on the run and
shown at the desk.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.store import ledger

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession

_SET = "UPDATE bursar_row b SET verdict = '{verdict}', rule = '{rule}', reason = {reason}"
_OF_RUN = "b.tenant_id = :tenant_id AND b.run_id = :run_id"


def leave_out_ignored(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """A fee that a person ignored at the desk stays out when its file is read once more."""
    _execute(
        session,
        f"""
        {_SET.format(verdict="excluded", rule="ignored", reason="'ignored at the desk: ' || q.resolution")}
        FROM quarantined_row q
        WHERE {_OF_RUN} AND b.origin = 'file' AND b.verdict <> 'excluded' AND b.fee_ref <> ''
          AND q.tenant_id = b.tenant_id AND q.pipeline = 'bursar_conversion' AND q.decision = 'ignored'
          AND q.raw ->> 'fee_ref' = b.fee_ref AND q.raw ->> 'patron_id' = b.patron_id
          AND q.amount_cents = b.amount_cents AND q.raw ->> 'fee_type' = b.body ->> 'fee_type'
        """,
        tenant_id,
        run_id,
    )


def leave_out_recalled(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """A recalled fee never leaves; a fee recalled after sending does not leave once more if that file never arrived."""
    _execute(
        session,
        f"""
        {_SET.format(verdict="excluded", rule="recalled", reason="'recalled: ' || t.reason")}
        FROM bursar_task t
        WHERE {_OF_RUN} AND b.verdict <> 'excluded' AND t.tenant_id = b.tenant_id AND b.fee_ref <> ''
          AND t.fee_ref = b.fee_ref AND t.state <> 'withdrawn' AND b.amount_cents > 0
          AND (t.kind = 'recall' OR t.kind = 'credit' AND NOT EXISTS (
              SELECT FROM ({ledger.IN_FORCE}) e WHERE e.fee_ref = b.fee_ref))
          AND b.origin <> 'task'
        """,
        tenant_id,
        run_id,
    )
    reason = "'nothing to take back: ' || t.fee_ref || ' was never told'"
    _execute(
        session,
        f"""
        {_SET.format(verdict="excluded", rule="recalled", reason=reason)}
        FROM bursar_task t
        WHERE {_OF_RUN} AND b.origin = 'task' AND t.tenant_id = b.tenant_id AND t.id = b.origin_id AND t.kind = 'credit'
          AND NOT EXISTS (SELECT FROM ({ledger.IN_FORCE}) e WHERE e.fee_ref = t.fee_ref)
        """,
        tenant_id,
        run_id,
    )


def hold_back_repeated(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """An id that stands on more than one row says which fee is meant on none of them; all of them wait."""
    _execute(
        session,
        f"""
        {_SET.format(verdict="quarantined", rule="repeated_id", reason="'the id ' || b.fee_ref || ' stands on ' || r.times || ' rows'")}
        FROM (
            SELECT fee_ref, count(*) AS times FROM bursar_row
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND fee_ref <> '' AND origin <> 'task'
            GROUP BY fee_ref HAVING count(*) > 1
        ) r
        WHERE {_OF_RUN} AND b.verdict = 'send' AND b.rule <> 'released' AND b.origin <> 'task' AND b.fee_ref = r.fee_ref
        """,
        tenant_id,
        run_id,
    )


def leave_out_told(session: ScopedSession, tenant_id: int, run_id: int, *, only_tasks: bool) -> None:
    """A fee that the bursar was told already is not told again; with another amount, a person must look.

    A line sent again after PeopleSoft rejected it is no repetition. ``only_tasks``: the other rows are differences.
    """
    said = "coalesce((e.evidence ->> 'row_cents')::bigint, e.amount_cents)"
    reason = """CASE m.rule
        WHEN 'already_sent' THEN 'sent before, in run ' || m.in_run
        WHEN 'in_doubt' THEN 'it is in a file of run ' || m.in_run || ' of which nobody knows whether it arrived'
        ELSE 'run ' || m.in_run || ' told this id with ' || to_char(m.cents / 100.0, 'FM999999990.00') END"""
    _execute(
        session,
        f"""
        UPDATE bursar_row b SET verdict = CASE m.rule WHEN 'already_sent' THEN 'excluded' ELSE 'quarantined' END,
               rule = m.rule, reason = {reason}
        FROM (
            SELECT n, min(in_run) AS in_run, min(cents) AS cents, CASE
                WHEN bool_or(file_state = 'told' AND is_same) THEN 'already_sent'
                WHEN bool_or(file_state = 'in_doubt') THEN 'in_doubt' ELSE 'told_other_amount' END AS rule
            FROM (
                SELECT b.n, e.run_id AS in_run, e.file_state, {said} AS cents, {said} = b.amount_cents AS is_same
                FROM bursar_row b JOIN ({ledger.IN_FORCE}) e ON e.fee_ref = b.fee_ref
                WHERE {_OF_RUN} AND b.verdict = 'send' AND b.fee_ref <> ''
                  AND CASE WHEN b.origin = 'task' THEN NOT e.is_rejected ELSE NOT :only_tasks END
            ) met GROUP BY n
        ) m
        WHERE {_OF_RUN} AND b.n = m.n AND NOT (b.rule = 'released' AND m.rule = 'told_other_amount')
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
        SELECT n, patron_id, barcode, amount_cents, rule = 'released' AS is_released,
               coalesce(body ->> 'original_reference', '') AS named,
               regexp_split_to_array(coalesce(body ->> 'comment', ''), '[^A-Za-z0-9_-]+') AS words
        FROM bursar_row
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND verdict = 'send' AND amount_cents < 0
        """,
        tenant_id,
        run_id,
    )
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
                   count(l.fee_ref) FILTER (WHERE NOT l.is_named AND l.remaining_cents >= -c.amount_cents) AS enough,
                   min(l.fee_ref) FILTER (WHERE l.is_named) AS named_ref,
                   min(l.fee_ref) FILTER (WHERE NOT l.is_named AND l.remaining_cents >= -c.amount_cents) AS item_ref,
                   string_agg(l.fee_ref, ', ' ORDER BY l.fee_ref) AS refs
            FROM credit c LEFT JOIN lead l ON l.n = c.n
            GROUP BY c.n, c.amount_cents, c.is_released, c.named
        ), chosen AS (
            SELECT *, CASE WHEN named_charges = 1 THEN named_ref
                           WHEN named_charges = 0 AND enough = 1 THEN item_ref END AS fee_ref,
                   CASE WHEN named_charges > 1 OR named_charges = 0 AND enough > 1 THEN 'credit_ambiguous'
                        WHEN named_charges = 0 AND enough = 0 AND item_charges > 0 THEN 'credit_above_charge'
                        WHEN named_charges = 0 AND enough = 0 THEN 'credit_without_charge' ELSE '' END AS fault
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
        _execute(
            session,
            """
            UPDATE bursar_row b SET body = body || CAST(:named AS jsonb) FROM matched m
            WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.n = m.n AND m.fault = 'credit_without_charge'
              AND m.named = ''
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
    _execute(
        session,
        """
        UPDATE matched m SET fault = 'charge_not_told_yet' FROM credit c
        WHERE m.fault = 'credit_without_charge' AND c.n = m.n AND EXISTS (
            SELECT FROM bursar_row b
            WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.verdict = 'send' AND b.amount_cents > 0
              AND b.patron_id = c.patron_id AND (b.fee_ref = c.named OR b.fee_ref = ANY(c.words)
                                                 OR c.barcode <> '' AND b.barcode = c.barcode))
        """,
        tenant_id,
        run_id,
    )


def _hold_back_credits(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    _execute(
        session,
        """
        UPDATE bursar_row b SET verdict = 'quarantined', rule = m.fault, reason = CASE m.fault
            WHEN 'credit_ambiguous' THEN 'several charges could be meant: ' || left(m.refs, 200)
            WHEN 'credit_above_charge' THEN 'it takes back more than is left of its charge'
                 || coalesce(' ' || m.fee_ref || ' (' || to_char(m.remaining_cents / 100.0, 'FM999999990.00') || ')', '')
            WHEN 'in_doubt' THEN 'nobody knows yet whether the file with its charge ' || m.fee_ref || ' arrived'
            WHEN 'charge_too_old' THEN 'its charge ' || m.fee_ref || ' of ' || m.billing_on || ' is too old to be reversed'
            WHEN 'one_reversal_a_run' THEN 'its charge ' || m.fee_ref || ' is reversed in this run already; it goes next time'
            WHEN 'charge_partly_credited' THEN 'only whole charges are reversed, and part of ' || m.fee_ref || ' is credited'
            WHEN 'charge_not_told_yet' THEN 'its charge leaves with this very run; it goes next time'
            ELSE 'no charge that the bursar was told is named by it' END
        FROM matched m WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.n = m.n AND m.fault <> ''
        """,
        tenant_id,
        run_id,
    )


def _name_originals(session: ScopedSession, tenant_id: int, run_id: int, *, whole_only: bool) -> None:
    """The row carries what its original line said; with ``whole_only`` also how it is split in two."""
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


def _execute(session: ScopedSession, statement: str, tenant_id: int, run_id: int, **bound: Any) -> None:
    session.execute(text(statement), {"tenant_id": tenant_id, "run_id": run_id, **bound})
