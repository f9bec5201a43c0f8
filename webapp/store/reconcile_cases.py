"""What counts as unequal between two books: queries that each give the columns of ``found``."""

from __future__ import annotations

from typing import Final

# The form of what Alma gets of us as external transaction id.
OURS: Final = "^FB[0-9A-Z]{18}-[0-9]+$"
IS_OPEN: Final = (
    "EXISTS (SELECT FROM difference d WHERE d.tenant_id = :tenant_id AND d.closed_at IS NULL AND d.key = {})"
)
# What happened after the last day that is compared is left to a later run, unless it is open already: then it is told as it
# is now, and closed by nothing but its own settlement.
HAD_HAPPENED: Final = "({at} < :last_at OR " + IS_OPEN.format("{key}") + ")"
# The moment as of which time is told: the end of the last day, and now of what is open already.
_AS_OF: Final = (
    "CASE WHEN "
    + IS_OPEN.format("{key}")
    + " THEN clock_timestamp() ELSE least(clock_timestamp(), :last_at) END"
)
# A line counts as posted, and Alma's list, which was read after it, has nothing of it.
NOT_SHOWN: Final = f"""
    l.posted_at < :began_at AND (l.posted_at >= :first_at AND l.posted_at < :last_at
        OR {IS_OPEN.format("'line:' || l.external_id")})
    AND NOT EXISTS (SELECT FROM shown s WHERE s.payment_id = l.payment_id AND s.n = l.n)
"""
_LINE = """
    SELECT {case} AS "case", 'line:' || l.external_id AS key, coalesce(nullif(l.fee_ref, ''), l.fee_id) AS fee_ref,
           l.payment_id, p.emplid, l.amount_cents AS ours_cents, {theirs} AS theirs_cents, {at} AS happened_at,
           jsonb_build_object('external_id', l.external_id, {words}) AS words
    FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
"""
_STATE_WORDS = """
    CASE l.state WHEN 'waiting' THEN 'still to be posted' WHEN 'sending' THEN 'on its way'
        WHEN 'unknown' THEN 'unknown' WHEN 'unapplied' THEN 'money without a fee' ELSE replace(l.state, '_', ' ') END
"""

_LINE_NOT_SHOWN = f"""
    {_LINE.format(case="'line_not_shown'", theirs="NULL::bigint", at="l.posted_at", words="'op', l.op")}
    WHERE l.tenant_id = :tenant_id AND l.state = 'posted' AND l.op = 'pay' AND {NOT_SHOWN}
"""
# Money to be given back after a wrong posting was posted all the same: Alma takes no payment back.
RETURNED: Final = "l.posted_at IS NOT NULL AND l.state IN ('refund_due', 'refunded')"
_WAS_POSTED = f"(l.state = 'posted' OR {RETURNED})"
# One transaction is as it should be; several with our number are money posted twice.
_LINES_SHOWN = f"""
    WITH mine AS (
        SELECT payment_id, n, sum(amount_cents)::bigint AS cents, count(*) AS times, max(transaction_at) AS at
        FROM shown WHERE payment_id IS NOT NULL GROUP BY payment_id, n
    )
    {
    _LINE.format(
        case=f"CASE WHEN {_WAS_POSTED} THEN 'line_amount' ELSE 'line_not_posted' END",
        theirs="m.cents",
        at=f"CASE WHEN NOT ({_WAS_POSTED}) THEN coalesce(m.at, clock_timestamp()) END",
        words=f"'state', {_STATE_WORDS}, 'times', CASE WHEN m.times > 1 THEN ' in ' || m.times || ' transactions' END",
    )
}
    JOIN mine m ON m.payment_id = l.payment_id AND m.n = l.n
    WHERE l.tenant_id = :tenant_id AND (NOT ({_WAS_POSTED}) OR m.cents <> l.amount_cents)
      AND {HAD_HAPPENED.format(at="coalesce(m.at, '-infinity')", key="'line:' || l.external_id")}
"""
_NOT_OURS = f"""
    SELECT 'payment_not_ours', 'alma:' || fee_id || ':' || transaction_key, coalesce(nullif(bursar_ref, ''), fee_id),
           NULL::bigint, '', NULL::bigint, amount_cents, NULL::timestamptz,
           jsonb_build_object('external_id', external_id)
    FROM shown WHERE payment_id IS NULL AND external_id ~ '{OURS}'
      AND {HAD_HAPPENED.format(at="coalesce(transaction_at, '-infinity')", key="'alma:' || fee_id || ':' || transaction_key")}
"""
# What a line explains is said of the line, not of its fee once more.
_FEES = """
    SELECT b.gap, 'fee:' || b.fee_ref, b.fee_ref, NULL::bigint, coalesce(b.emplid, ''),
           CASE b.gap WHEN 'paid_at_desk' THEN
               least(b.asked_cents, CASE WHEN b.by_balances THEN b.open_cents - b.alma_cents
                                         ELSE least(b.open_cents, b.untold_cents) END)
               WHEN 'fee_balance' THEN b.open_cents ELSE least(b.open_cents, b.asked_cents) END::bigint,
           CASE WHEN b.gap = 'paid_at_desk' THEN b.untold_cents ELSE b.alma_cents END::bigint,
           CASE b.gap WHEN 'fee_exported' THEN NULL WHEN 'fee_balance' THEN coalesce(d.first_seen_at, clock_timestamp())
               ELSE coalesce(b.foreign_at, d.first_seen_at, clock_timestamp()) END,
           jsonb_build_object('by', coalesce(nullif(b.by_whom, ''), 'somebody'))
    FROM fee_beside b
    LEFT JOIN difference d ON d.tenant_id = :tenant_id AND d.closed_at IS NULL AND d.key = 'fee:' || b.fee_ref
    WHERE (b.is_fresh OR d.key IS NOT NULL)
      AND NOT EXISTS (SELECT FROM found f WHERE f.fee_ref = b.fee_ref)
      AND NOT EXISTS (SELECT FROM found f WHERE f.fee_ref = b.fee_id)
"""
ALMA_CASES: Final = (_LINE_NOT_SHOWN, _LINES_SHOWN, _NOT_OURS, _FEES)

# PeopleSoft's items, by the fee that their reference names. A reference of several fees names none.
_BY_REFERENCE = """
    SELECT reference, min(fee_ref) AS fee_ref, count(*) AS fees FROM charged
    WHERE reference <> '' AND reference <> fee_ref GROUP BY 1
"""
ITEMS: Final = f"""
    CREATE TEMPORARY TABLE item ON COMMIT DROP AS
    SELECT i.item_key, i.emplid, i.reference, i.item_type, i.amount_cents, i.applied_cents, i.seen_at,
           coalesce(c.fee_ref, CASE WHEN r.fees = 1 THEN r.fee_ref END) AS fee_ref,
           c.fee_ref IS NULL AND r.reference IS NULL AS is_strange, coalesce(i.updated_at, i.seen_at) AS stands_at
    FROM payment_item i LEFT JOIN charged c ON c.fee_ref = i.reference
    LEFT JOIN ({_BY_REFERENCE}) r ON r.reference = i.reference
    WHERE i.tenant_id = :tenant_id AND i.reference <> ''
"""
# Items of ours only: a list of a whole account has other departments' charges too.
_ITEM_NOT_SENT = f"""
    SELECT 'item_not_sent', 'item:' || item_key, '', NULL::bigint, emplid, NULL::bigint,
           (amount_cents - applied_cents)::bigint, NULL::timestamptz, jsonb_build_object('reference', reference)
    FROM item WHERE is_strange AND amount_cents > applied_cents
      AND item_type IN (SELECT DISTINCT item_type FROM charged WHERE item_type <> '')
      AND {HAD_HAPPENED.format(at="stands_at", key="'item:' || item_key")}
"""
# Only where PeopleSoft's lists show items that nobody has paid yet does a list tell of what it leaves out, or says as before.
_NEWEST_LIST = """
    SELECT max(seen_at) AS at FROM payment_item
    WHERE tenant_id = :tenant_id HAVING bool_or(applied_cents = 0 AND amount_cents > 0)
"""
# A charge taken back in part is there as a smaller item, or whole beside a credit: both are right.
_ITEM_AMOUNT = f"""
    WITH newest AS ({_NEWEST_LIST}), listed AS (
        SELECT fee_ref, sum(amount_cents)::bigint AS cents, count(*) - count(amount_cents) AS without, max(seen_at) AS seen_at,
               max(stands_at) AS stands_at
        FROM item WHERE fee_ref IS NOT NULL GROUP BY 1
    )
    SELECT 'item_amount', 'bursar:' || c.fee_ref, c.fee_ref, NULL::bigint, coalesce(c.emplid, ''), c.left_cents, l.cents,
           c.moved_at, '{{}}'::jsonb
    FROM listed l JOIN charged c USING (fee_ref) LEFT JOIN newest ON true
    WHERE l.without = 0 AND NOT c.in_doubt AND l.cents <> c.left_cents AND l.cents <> c.charged_cents
      AND (greatest(l.seen_at, newest.at) > c.moved_at AND greatest(l.stands_at, c.moved_at) < :last_at
           OR {IS_OPEN.format("'bursar:' || c.fee_ref")})
"""
# What the campus only notes, write-offs where it says so, is remembered of the item and is no payment.
_ITEM_APPLIED = f"""
    SELECT 'item_applied', 'applied:' || i.item_key, i.reference, NULL::bigint, i.emplid, coalesce(p.cents, 0)::bigint,
           i.applied_cents, NULL::timestamptz, jsonb_build_object('item', i.item_key)
    FROM payment_item i LEFT JOIN (
        SELECT item_key, sum(amount_cents) AS cents FROM payment
        WHERE tenant_id = :tenant_id AND item_key <> '' AND event_key LIKE 'item:%' GROUP BY 1
    ) p ON p.item_key = i.item_key
    LEFT JOIN (
        SELECT w.item_key, sum(w.cents) AS cents FROM payment_row w
        JOIN run r ON r.tenant_id = w.tenant_id AND r.id = w.run_id
        WHERE w.tenant_id = :tenant_id AND w.verdict = 'excluded' AND w.event_key LIKE 'item:%'
          AND r.state IN ('succeeded', 'nothing_to_send') AND NOT r.dry_run GROUP BY 1
    ) noted ON noted.item_key = i.item_key
    WHERE i.tenant_id = :tenant_id AND i.applied_cents <> coalesce(p.cents, 0) + coalesce(noted.cents, 0)
      AND {HAD_HAPPENED.format(at="coalesce(i.updated_at, i.seen_at)", key="'applied:' || i.item_key")}
"""
_CHARGE_NOT_LISTED = f"""
    WITH newest AS ({_NEWEST_LIST})
    SELECT 'charge_not_listed', 'bursar:' || c.fee_ref, c.fee_ref, NULL::bigint, coalesce(c.emplid, ''), c.left_cents,
           NULL::bigint, c.charged_at, '{{}}'::jsonb
    FROM charged c CROSS JOIN newest LEFT JOIN paid p USING (fee_ref)
    WHERE c.moved_at < newest.at AND NOT c.in_doubt
      AND {HAD_HAPPENED.format(at="c.moved_at", key="'bursar:' || c.fee_ref")}
      AND c.left_cents > coalesce(p.cents, 0)
      AND NOT EXISTS (SELECT FROM item i WHERE i.fee_ref = c.fee_ref)
      AND NOT EXISTS (SELECT FROM ({_BY_REFERENCE}) r WHERE r.reference = c.reference AND r.fees > 1)
"""
BURSAR_CASES: Final = (_ITEM_NOT_SENT, _ITEM_AMOUNT, _ITEM_APPLIED, _CHARGE_NOT_LISTED)

# A file that repeats an earlier one has come all the same: nothing was paid since.
_LAST_FILE = """
    SELECT max(received_at) AS at FROM inbound_file
    WHERE tenant_id = :tenant_id AND kind = 'payments' AND state <> 'refused'
"""
_FILE_OVERDUE = f"""
    SELECT 'file_missing', 'file:payments', '', NULL::bigint, '', NULL::bigint, NULL::bigint, NULL::timestamptz,
           jsonb_build_object('since', coalesce('since ' || to_char(last.at AT TIME ZONE t.time_zone, 'FMMonth FMDD, HH24:MI'),
                                                'so far'),
                              'expected', 'every ' || :expected_every_hours || ' hours')
    FROM ({_LAST_FILE}) last JOIN tenant t ON t.id = :tenant_id
    WHERE :expected_every_hours > 0
      AND coalesce(last.at, '-infinity') < {_AS_OF.format(key="'file:payments'")} - make_interval(hours => :expected_every_hours)
"""
# A look at a fixed hour that found nothing, where the rule is no look every few minutes.
_FILE_AT_ITS_HOUR = f"""
    SELECT 'file_missing', 'file:payments', '', NULL::bigint, '', NULL::bigint, NULL::bigint, NULL::timestamptz,
           jsonb_build_object('since', coalesce('since ' || to_char(last.at AT TIME ZONE t.time_zone, 'FMMonth FMDD, HH24:MI'),
                                                'so far'),
                              'expected', 'by ' || to_char(due.at AT TIME ZONE t.time_zone, 'HH24:MI on FMMonth FMDD'))
    FROM ({_LAST_FILE}) last JOIN tenant t ON t.id = :tenant_id
    CROSS JOIN LATERAL (
        SELECT max(o.due_at) AS at, max(before.due_at) AS before_at FROM schedule s
        JOIN occurrence o ON o.tenant_id = s.tenant_id AND o.schedule_id = s.id
        JOIN run r ON r.tenant_id = o.tenant_id AND r.occurrence_id = o.id AND r.state = 'nothing_to_send'
        LEFT JOIN occurrence before ON before.tenant_id = s.tenant_id AND before.schedule_id = s.id
             AND before.due_at < o.due_at
        WHERE s.tenant_id = :tenant_id AND s.pipeline = 'payment_import' AND s.is_enabled
          AND s.rule ->> 'kind' NOT IN ('minutes', 'every_hours', 'none')
          AND o.due_at = (SELECT max(n.due_at) FROM occurrence n
                          WHERE n.tenant_id = s.tenant_id AND n.schedule_id = s.id
                            AND n.due_at < {_AS_OF.format(key="'file:payments'")})
    ) due
    WHERE :expected_every_hours = 0 AND due.at IS NOT NULL
      AND coalesce(last.at, '-infinity') < coalesce(due.before_at, due.at)
"""
FILE_CASES: Final = (_FILE_OVERDUE, _FILE_AT_ITS_HOUR)

_MONEY_WAITS = f"""
    SELECT CASE WHEN w.cents < 0 THEN 'money_taken_back' ELSE 'money_waits' END, w.key, w.fee_ref, w.id, w.emplid,
           abs(w.cents), NULL::bigint, NULL::timestamptz,
           jsonb_build_object('reference', w.ref, 'hours', :clearing_hours, 'state', w.states)
    FROM (
        SELECT 'clearing:' || p.id AS key, max(l.fee_ref) AS fee_ref, p.id, p.emplid, p.ref, p.at,
               sum(l.amount_cents)::bigint AS cents, string_agg(DISTINCT {_STATE_WORDS}, ', ') AS states
        FROM payment p JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.kind IN ('payment', 'reversal')
          AND l.state IN ('waiting', 'sending', 'unknown', 'unapplied')
        GROUP BY p.tenant_id, p.id
    ) w WHERE w.at < {_AS_OF.format(key="w.key")} - make_interval(hours => :clearing_hours)
"""
_MONEY_SUM = f"""
    SELECT 'money_sum', 'sum:' || p.id, '', p.id, p.emplid, coalesce(l.cents, 0)::bigint, p.amount_cents,
           NULL::timestamptz, jsonb_build_object('reference', p.ref)
    FROM payment p LEFT JOIN (
        SELECT payment_id, sum(amount_cents) AS cents FROM payment_line
        WHERE tenant_id = :tenant_id AND state <> 'replaced' GROUP BY 1
    ) l ON l.payment_id = p.id
    WHERE p.tenant_id = :tenant_id AND p.kind IN ('payment', 'reversal') AND p.amount_cents <> coalesce(l.cents, 0)
      AND {HAD_HAPPENED.format(at="p.at", key="'sum:' || p.id")}
"""
MONEY_CASES: Final = (_MONEY_WAITS, _MONEY_SUM)
