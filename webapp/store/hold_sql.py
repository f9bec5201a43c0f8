"""The statements of the hold decision. ``webapp.domain.holds.decide`` is their specification, row by row.

They work on the transaction's temporary tables: ``collected`` (a row per fee), ``fate`` (a row per kind of fee),
``left_out`` (rows that do not count, by patron and verdict), ``released`` (temporary releases), ``decided`` (a row per
patron and hold code that differs, and one row for all that do not).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.holds.verdicts import (
    CONFLICTING,
    IGNORED,
    MOST_CENTS,
    PAID_SINCE,
    QUARANTINED,
    REFUSED,
    REPEATED,
    SEEN,
)

if TYPE_CHECKING:
    from webapp.domain.holds.policy import HoldPolicy

# Doubtful rows; written out because a constant list lets PostgreSQL plan for it.
_QUARANTINED_LIST = ", ".join(f"'{name}'" for name in sorted(QUARANTINED))

CREATE_FATE = """
    CREATE TEMPORARY TABLE fate (
        fee_type text, status text, user_type text,
        verdict text, is_trigger boolean, hold_code text COLLATE "C", hold_reason text
    ) ON COMMIT DROP
"""

# A report is last night's copy. What we have seen closed in Alma itself since is not owed; no report is a week old.
MARK_PAID_SINCE = f"""
    UPDATE collected c SET verdict = '{PAID_SINCE}' FROM alma_fee f
    WHERE f.tenant_id = :tenant_id AND f.fee_id = c.fee_id AND f.status = 'CLOSED' AND f.balance_cents = 0
      AND f.seen_at > clock_timestamp() - interval '7 days' AND c.verdict IS NULL AND c.balance_cents <> 0
"""
# One fee, several rows: Analytics prints a fee once for each of its transactions. Alike, the first counts.
MARK_REPEATED = f"""
    WITH several AS (
        SELECT fee_id FROM collected WHERE fee_id <> '' AND verdict IS NULL GROUP BY fee_id HAVING count(*) > 1
    ), compared AS (
        SELECT c.fee_id, min(c.n) AS first_n,
               min(c.balance_cents) <> max(c.balance_cents) OR min(c.emplid) <> max(c.emplid) AS differ
        FROM collected c JOIN several USING (fee_id) WHERE c.verdict IS NULL GROUP BY c.fee_id
    )
    UPDATE collected c SET verdict = CASE WHEN differ THEN '{CONFLICTING}' ELSE '{REPEATED}' END
    FROM compared WHERE c.fee_id = compared.fee_id AND c.verdict IS NULL AND (differ OR c.n <> first_n)
"""

# A refused row that names a fee but no patron belongs to whoever is on hold for that fee. Only the changes that the
# register stands on are read: the items of the whole history would be years of them.
OWNERS_OF_REFUSED = f"""
    UPDATE collected c SET emplid = owner.emplid
    FROM (
        SELECT DISTINCT ON (item ->> 'fee_id') item ->> 'fee_id' AS fee_id, h.emplid
        FROM hold_register r
        JOIN hold_change h USING (tenant_id, run_id, emplid, hold_code)
        CROSS JOIN LATERAL jsonb_array_elements(h.items) item
        WHERE r.tenant_id = :tenant_id AND h.confirmed_at IS NOT NULL
          AND item ->> 'fee_id' IN (
              SELECT fee_id FROM collected WHERE verdict = '{REFUSED}' AND emplid = '' AND fee_id <> '')
        ORDER BY item ->> 'fee_id', h.id DESC
    ) owner
    WHERE c.fee_id = owner.fee_id AND c.verdict = '{REFUSED}' AND c.emplid = ''
"""


def verdict_expression(policy: HoldPolicy) -> str:
    """``judge_row`` in SQL, on ``collected c`` and ``fate f``; binds ``grace_limit`` where grace is given."""
    grace = ""
    if policy.grace_days:
        grace = """
            WHEN c.balance_cents > 0 AND c.billed_on IS NULL THEN 'no_date'
            WHEN c.balance_cents > 0 AND c.billed_on > :grace_limit THEN 'grace'"""
    return f"""CASE
            WHEN c.verdict IS NOT NULL THEN c.verdict
            WHEN c.balance_cents = 0 THEN 'zero_balance'
            WHEN c.balance_cents NOT BETWEEN -{MOST_CENTS} AND {MOST_CENTS} THEN 'impossible_amount'
            WHEN f.verdict IS NOT NULL THEN f.verdict
            WHEN c.emplid = '' THEN 'no_emplid'{grace}
        END"""


def create_left_out(policy: HoldPolicy) -> str:
    """The rows that do not count: one for each (patron, verdict)."""
    verdict = verdict_expression(policy)
    return f"""
        CREATE TEMPORARY TABLE left_out ON COMMIT DROP AS
        SELECT c.emplid, {verdict} AS verdict, count(*) AS fee_rows, coalesce(sum(c.balance_cents), 0)::bigint AS cents,
               bool_or(c.balance_cents IS NULL OR c.balance_cents >= 0) AS has_debt,
               bool_or(c.balance_cents < 0) AS has_credit
        FROM collected c JOIN fate f USING (fee_type, status, user_type)
        WHERE {verdict} IS NOT NULL GROUP BY 1, 2
    """


# What makes a doubtful row of tonight the same row as last night's: not its line, and not its balance where it has an id.
FINGERPRINT = f"""
    CASE WHEN final = '{REFUSED}' THEN detail::jsonb ->> 'fingerprint' ELSE
        encode(sha256(convert_to(concat_ws(chr(31), source, final,
            coalesce(nullif(fee_id, ''), concat_ws(chr(31), patron_key, emplid, fee_type, billed_on, balance_cents))
        ), 'UTF8')), 'hex')
    END
"""
HAS_IGNORED = """
    SELECT EXISTS (SELECT FROM quarantined_row WHERE tenant_id = :tenant_id AND decision = 'ignored')
"""


def judged_doubts(policy: HoldPolicy) -> str:
    """Every doubtful row with its final verdict and its fingerprint."""
    return f"""
        SELECT judged.*, {FINGERPRINT} AS fingerprint FROM (
            SELECT c.*, {verdict_expression(policy)} AS final
            FROM collected c JOIN fate f USING (fee_type, status, user_type)
        ) judged WHERE final IN ({_QUARANTINED_LIST})
    """


def leave_ignored_out(policy: HoldPolicy) -> str:
    """A row that a person decided to ignore is no doubt any more: it stays out, and holds nothing back."""
    return f"""
        UPDATE collected c SET verdict = '{IGNORED}'
        FROM ({judged_doubts(policy)}) doubtful
        WHERE c.n = doubtful.n AND EXISTS (
            SELECT FROM quarantined_row q WHERE q.tenant_id = :tenant_id AND q.fingerprint = doubtful.fingerprint
              AND q.decision = 'ignored')
    """


def _owed(policy: HoldPolicy) -> str:
    """What counts, added up: a row per patron, or per patron and hold code where there are several codes.

    Amounts fit four bytes here, larger ones were taken for impossible: adding them up is twice as fast.
    """
    triggers = "bool_or(f.is_trigger AND c.balance_cents > 0)" if policy.trigger_types else "true"
    key = "CAST(:default_code AS text)" if policy.has_one_code else "f.hold_code"
    added_up = f"""
        SELECT c.emplid, {key} AS hold_code, count(*)::int AS fee_rows, sum(c.balance_cents::int) AS cents,
               {triggers} AS triggers
        FROM collected c JOIN fate f USING (fee_type, status, user_type)
        WHERE {verdict_expression(policy)} IS NULL GROUP BY c.emplid{"" if policy.has_one_code else ", f.hold_code"}
    """
    if policy.has_one_code:
        return f"SELECT emplid, hold_code, fee_rows, cents AS plain_cents, cents AS net_cents, triggers, cents FROM ({added_up}) each"
    # On hold under several codes, credits are used up over the codes in their order: the holds add up to the debt.
    return f"""
        SELECT emplid, hold_code, fee_rows, cents AS plain_cents, net_cents, triggers,
               greatest(0, least(cents, running_debt + credit)) AS cents
        FROM (
            SELECT emplid, hold_code, fee_rows, cents,
                   sum(cents) OVER patron AS net_cents, bool_or(triggers) OVER patron AS triggers,
                   sum(least(cents, 0)) OVER patron AS credit,
                   sum(greatest(cents, 0)) OVER (PARTITION BY emplid ORDER BY hold_code) AS running_debt
            FROM ({added_up}) each
            WINDOW patron AS (PARTITION BY emplid)
        ) shared
    """


def create_decided(policy: HoldPolicy, *, has_doubts: bool, has_releases: bool, covers_everyone: bool) -> str:
    """Compare with the register: every difference by itself, and the sums of all that counted, in one pass.

    Binds ``tenant_id``, ``minimum_cents`` and ``default_code``. Parts that a night does not need are left out of the statement: each
    join would cost a pass over a million rows.
    """
    doubt = release = seen = ""
    doubtful_debt = doubtful_credit = is_released = "false"
    is_covered = "true"
    if has_doubts:
        doubt = f"""
            LEFT JOIN (
                SELECT emplid, bool_or(has_debt) AS debt, bool_or(has_credit) AS credit
                FROM left_out WHERE verdict IN ({_QUARANTINED_LIST}) AND emplid <> '' GROUP BY emplid
            ) d ON d.emplid = coalesce(o.emplid, r.emplid)"""
        doubtful_debt, doubtful_credit = "coalesce(d.debt, false)", "coalesce(d.credit, false)"
    if has_releases:
        release = "LEFT JOIN released t ON t.emplid = coalesce(o.emplid, r.emplid)"
        is_released = "t.emplid IS NOT NULL"
    if not covers_everyone:
        seen = "LEFT JOIN (SELECT DISTINCT emplid FROM collected WHERE emplid <> '') s ON s.emplid = r.emplid"
        is_covered = f"(r.emplid IS NULL OR s.emplid IS NOT NULL OR {is_released})"
    return f"""
        CREATE TEMPORARY TABLE decided ON COMMIT DROP AS
        WITH compared AS (
            SELECT coalesce(o.emplid, r.emplid) AS emplid, coalesce(o.hold_code, r.hold_code) AS hold_code,
                   o.fee_rows, o.cents, o.plain_cents, coalesce(r.amount_cents, 0) AS told_cents,
                   CASE WHEN o.emplid IS NULL OR o.net_cents <= 0 THEN 'credit_covers'
                        WHEN NOT o.triggers THEN 'no_trigger'
                        WHEN o.net_cents < :minimum_cents THEN 'below_minimum'
                        WHEN {is_released} THEN 'temporarily_released' END AS taken_out,
                   {doubtful_debt} AND NOT {is_released} AS doubtful_debt, {doubtful_credit} AS doubtful_credit
            FROM ({_owed(policy)}) o
            FULL JOIN (
                SELECT emplid, hold_code, amount_cents FROM hold_register WHERE tenant_id = :tenant_id
            ) r ON r.emplid = o.emplid AND r.hold_code = o.hold_code
            {doubt} {release} {seen}
            WHERE {is_covered}
        ), owing AS (
            SELECT *, CASE WHEN taken_out IS NULL THEN cents ELSE 0 END AS owed_cents FROM compared
        ), acted AS (
            SELECT *, CASE WHEN owed_cents = told_cents THEN CASE WHEN owed_cents > 0 THEN '=' ELSE '' END
                           WHEN NOT {policy.tells_amounts} AND told_cents > 0 AND owed_cents > 0 THEN '='
                           WHEN owed_cents > told_cents THEN
                               CASE WHEN doubtful_credit THEN 'H' WHEN told_cents > 0 THEN 'U' ELSE 'A' END
                           WHEN doubtful_debt THEN 'H'
                           WHEN owed_cents > 0 THEN 'U' ELSE 'R' END AS action
            FROM owing
        )
        SELECT CASE WHEN action IN ('A', 'U', 'R', 'H') THEN emplid END AS emplid, hold_code, action, taken_out,
               max(owed_cents) AS amount_cents, max(told_cents) AS previous_cents,
               sum(fee_rows)::bigint AS fee_rows,
               sum(CASE WHEN taken_out IS NULL THEN owed_cents ELSE plain_cents END)::bigint AS tally_cents
        FROM acted GROUP BY 1, 2, 3, 4
    """


CREATE_RELEASED = """
    CREATE TEMPORARY TABLE released ON COMMIT DROP AS
    SELECT DISTINCT emplid FROM temporary_release
    WHERE tenant_id = :tenant_id AND ended_at IS NULL AND until_on >= :run_on
"""
HAS_DOUBTS = f"SELECT EXISTS (SELECT FROM left_out WHERE verdict IN ({_QUARANTINED_LIST}))"
TALLIES = f"""
    SELECT verdict AS name, sum(fee_rows)::bigint AS fee_rows, sum(cents)::bigint AS cents
    FROM left_out WHERE verdict <> '{SEEN}' GROUP BY 1
    UNION ALL
    SELECT CASE action WHEN 'A' THEN 'added' WHEN 'U' THEN 'updated' WHEN '=' THEN 'unchanged' WHEN 'H' THEN 'held_back'
                       ELSE coalesce(taken_out, 'credit_covers') END AS name,
           sum(fee_rows)::bigint, sum(tally_cents)::bigint
    FROM decided WHERE fee_rows IS NOT NULL GROUP BY 1
"""


def insert_changes(policy: HoldPolicy) -> str:
    """Write down what differs, with the items behind it; binds ``tenant_id``, ``run_id`` and ``item_cap``."""
    return f"""
        WITH items AS (
            SELECT d.emplid, d.hold_code, c.fee_id, c.balance_cents, c.fee_type, c.user_type, c.billed_on, c.library,
                   c.title, c.barcode, c.patron_name, f.hold_reason,
                   row_number() OVER (
                       PARTITION BY d.emplid, d.hold_code
                       ORDER BY c.balance_cents <= 0, c.billed_on NULLS LAST, c.fee_id COLLATE "C", c.n
                   ) AS place
            FROM decided d
            JOIN collected c ON c.emplid = d.emplid
            JOIN fate f ON f.fee_type = c.fee_type AND f.status = c.status AND f.user_type = c.user_type
                       AND f.hold_code = d.hold_code
            WHERE d.action IN ('A', 'U') AND {verdict_expression(policy)} IS NULL
        ), listed AS (
            SELECT emplid, hold_code, count(*) AS item_count,
                   jsonb_agg(jsonb_build_object(
                       'fee_id', fee_id, 'cents', balance_cents, 'type', fee_type, 'billed_on', billed_on,
                       'library', library, 'title', title, 'barcode', barcode
                   ) ORDER BY place) FILTER (WHERE place <= :item_cap) AS items
            FROM items GROUP BY emplid, hold_code
        ), set_aside AS (
            SELECT l.emplid, string_agg(DISTINCT w.words, ' and ' ORDER BY w.words) AS words
            FROM left_out l JOIN decided d ON d.emplid = l.emplid AND d.action = 'R'
            JOIN words w ON w.verdict = l.verdict GROUP BY l.emplid
        )
        INSERT INTO hold_change (
            tenant_id, run_id, emplid, hold_code, hold_reason, action, amount_cents, previous_cents, user_type,
            violation_type, violation_on, patron_name, item_count, reference, why, items)
        SELECT :tenant_id, :run_id, d.emplid, d.hold_code,
               -- A hold keeps the reason it was placed with: PeopleSoft cannot release it under another.
               coalesce(r.hold_reason, i.hold_reason, ''), d.action, d.amount_cents, d.previous_cents,
               coalesce(i.user_type, r.user_type, ''), coalesce(i.fee_type, r.violation_type, ''),
               CASE WHEN d.action = 'R' THEN r.violation_on ELSE i.billed_on END,
               coalesce(i.patron_name, ''), coalesce(l.item_count, 0), coalesce(i.fee_id, ''),
               CASE d.action
                   WHEN 'A' THEN 'new debt' WHEN 'U' THEN 'the total changed'
                   ELSE coalesce('rows ' || taken.words, 'rows ' || set_aside.words, 'nothing is owed any more') END,
               coalesce(l.items, '[]')
        FROM decided d
        LEFT JOIN items i ON i.emplid = d.emplid AND i.hold_code = d.hold_code AND i.place = 1
        LEFT JOIN listed l ON l.emplid = d.emplid AND l.hold_code = d.hold_code
        LEFT JOIN hold_register r ON r.tenant_id = :tenant_id AND r.emplid = d.emplid AND r.hold_code = d.hold_code
        LEFT JOIN words taken ON taken.verdict = d.taken_out AND d.taken_out <> 'credit_covers'
        LEFT JOIN set_aside ON set_aside.emplid = d.emplid
        WHERE d.action IN ('A', 'U', 'R')
        ORDER BY d.hold_code COLLATE "C", d.emplid COLLATE "C"
    """
