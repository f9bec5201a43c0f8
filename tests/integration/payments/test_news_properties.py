"""Whatever files come, in whatever order and however often: what they say of an item or a payment is booked once, to the cent."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from webapp.domain.payments.copy_text import copy_line
from webapp.domain.payments.patron_fees import MatchRules
from webapp.domain.payments.rows import PaymentRow
from webapp.models.scope import tenant_scope
from webapp.store import payment_match, payment_rows, payments

pytestmark = pytest.mark.usefixtures("core")

PROPERTY = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
MORNING = datetime(2026, 9, 18, 15, 0, tzinfo=UTC)
DAY = date(2026, 9, 18)
ITEMS = ("1", "2", "3")
CHARGE_CENTS = 100
_worlds = itertools.count(1)
RULES = MatchRules(by_item=True, rule="oldest", types=(), lost_types=frozenset(), waives=False)


@dataclass(frozen=True)
class Said:
    """One line of a file, as its reader gives it."""

    item: str
    applied_cents: int | None = None
    updated_at: datetime | None = None
    cents: int | None = None
    event_id: str = ""
    paid_on: date | None = None


class World:
    """One student of a campus with three charges of a dollar each, and the files that are told of them."""

    def __init__(self, tenant_id: int, run_id: int, *, repeat_rule: str = "overlap") -> None:
        self.tenant_id, self.run_id, self.repeat_rule = tenant_id, run_id, repeat_rule
        self.number = next(_worlds)
        self.emplid = f"{self.number:09}"
        with tenant_scope(tenant_id) as session:
            for item in ITEMS:
                session.execute(
                    text("""
                        INSERT INTO alma_fee (tenant_id, fee_id, patron_id, emplid, status, balance_cents, seen_at)
                        VALUES (:tenant_id, :fee_id, :emplid, :emplid, 'ACTIVE', :cents, clock_timestamp())
                    """),
                    {
                        "tenant_id": tenant_id,
                        "fee_id": self.fee(item),
                        "emplid": self.emplid,
                        "cents": CHARGE_CENTS,
                    },
                )
            session.commit()

    def fee(self, item: str) -> str:
        return f"{self.number}-{item}"

    def comes(self, file: list[Said], file_at: datetime = MORNING) -> payments.Booked:
        """A file is read, matched and booked in one transaction, as the import's steps do in theirs."""
        with tenant_scope(self.tenant_id) as session:
            payment_rows.open_incoming(session)
            with payment_rows.copy_incoming(session) as write:
                for n, said in enumerate(file, 1):
                    write(copy_line(self._row(n, said)).encode())
            inbound_file_id = next(_worlds)
            facts = payment_rows.FileFacts(inbound_file_id, file_at, self.repeat_rule, 3, "desk")
            payment_rows.find_news(session, facts)
            tallies = payment_rows.tallies(session)
            assert sum(tally.rows for tally in tallies) == len(file)
            payment_match.match(session, RULES)
            # Each file is booked as the only one of its run.
            booked = payments.book(
                session,
                self.run_id(),
                inbound_file_id,
                source="peoplesoft",
                file_name=f"{inbound_file_id}.csv",
            )
            session.commit()
        news = sum(tally.cents for tally in tallies if tally.verdict == "post")
        assert booked.cents == booked.line_cents == news
        return booked

    def booked(self) -> dict[str, int]:
        """What was booked of each item; without those of which nothing was."""
        found = self._rows(
            "SELECT item_key, sum(amount_cents)::bigint FROM payment WHERE emplid = :emplid GROUP BY 1"
        )
        return {key.rpartition("|")[2]: cents for key, cents in found if cents}

    def count(self) -> int:
        return self._rows("SELECT count(*) FROM payment WHERE emplid = :emplid")[0][0]

    def lines(self) -> list[tuple[str, int, str, str]]:
        """(fee, cents, state, rule) of every line that counts."""
        return self._rows("""
            SELECT l.fee_ref, l.amount_cents, l.state, l.rule FROM payment_line l JOIN payment p
                ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
            WHERE p.emplid = :emplid AND l.state <> 'replaced' ORDER BY 1, 2
        """)

    def told(self) -> dict[str, int]:
        """What the ledger says was paid of each fee."""
        found = self._rows("""
            SELECT fee_ref, -sum(amount_cents)::bigint FROM ledger_entry
            WHERE emplid = :emplid AND event IN ('payment', 'reversal') GROUP BY 1
        """)
        return {fee_ref: cents for fee_ref, cents in found if cents}

    def _rows(self, statement: str) -> list[Any]:
        with tenant_scope(self.tenant_id) as session:
            return [tuple(row) for row in session.execute(text(statement), {"emplid": self.emplid})]

    def _row(self, n: int, said: Said) -> PaymentRow:
        return PaymentRow(
            line=n,
            kind="reversal" if said.cents is not None and said.cents < 0 else "payment",
            says="state" if said.cents is None else "event",
            item_key=f"U|{self.emplid}|{said.item}",
            event_id=f"{self.emplid}/{said.event_id}" if said.event_id else "",
            emplid=self.emplid,
            patron_id="",
            reference=self.fee(said.item),
            item_type="",
            term="",
            amount_cents=CHARGE_CENTS if said.cents is None else None,
            applied_cents=said.applied_cents,
            cents=said.cents,
            paid_on=said.paid_on,
            updated_at=said.updated_at,
            raw=f"line {n}",
        )


@pytest.fixture
def world(two_tenants):
    """Makes worlds; every file of theirs has a run of its own."""
    tenant_id = two_tenants[0]

    def run_id() -> int:
        with tenant_scope(tenant_id) as session:
            found = session.scalar(
                text("""
                    INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at)
                    VALUES (:tenant_id, 'payment_import', 'person', now()) RETURNING id
                """),
                {"tenant_id": tenant_id},
            )
            session.commit()
            return found

    return lambda **how: World(tenant_id, run_id, **how)


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, int], list[list[Said]]]:
    """How items came to be as they are, and files that tell of any of it: repeated, overlapping, late, none left out."""
    versions = [
        Said(item, applied, MORNING + timedelta(minutes=minute))
        for item in draw(st.lists(st.sampled_from(ITEMS), min_size=1, unique=True))
        for minute, applied in enumerate(draw(st.lists(st.integers(-40, 160), min_size=1, max_size=4)))
    ]
    files = draw(st.lists(st.lists(st.sampled_from(versions), max_size=6), max_size=4))
    newest = {said.item: said for said in versions}
    files.insert(draw(st.integers(0, len(files))), draw(st.permutations(list(newest.values()))))
    return {item: said.applied_cents for item, said in newest.items() if said.applied_cents}, files


@PROPERTY
@given(histories())
def test_an_item_ends_at_its_newest_state_whatever_order_its_files_come_in_and_however_often(world, history):
    newest, files = history
    books = world()
    for file in files:
        books.comes(file)
    assert books.booked() == newest
    before = books.lines()
    for file in files:
        assert books.comes(file).payments == 0
    assert books.lines() == before


@PROPERTY
@given(histories())
def test_no_fee_is_paid_more_than_is_owed_and_what_was_taken_back_in_time_needs_nobody(world, history):
    newest, files = history
    books = world()
    for file in files:
        books.comes(file)
    lines = books.lines()
    assert sum(cents for _, cents, _, _ in lines) == sum(newest.values())
    waiting: Counter[str] = Counter()
    for fee_ref, cents, state, _ in lines:
        if state == "waiting":
            waiting[fee_ref] += cents
    assert all(0 < cents <= CHARGE_CENTS for cents in waiting.values())
    assert books.told() == dict(waiting)
    assert sum(cents for _, cents, state, _ in lines if state == "netted") == 0
    taken_back = -sum(cents for _, cents, state, rule in lines if (state, rule) == ("unapplied", "reversal"))
    assert taken_back <= -sum(said.applied_cents for file in files for said in file if said.applied_cents < 0)


@PROPERTY
@given(st.lists(st.lists(st.integers(-20, 140), min_size=1, max_size=3), min_size=1, max_size=4))
def test_without_times_the_last_line_of_the_newest_file_counts(world, files):
    books = world()
    for hour, states in enumerate(files):
        books.comes([Said("1", applied) for applied in states], MORNING + timedelta(hours=hour))
    last = files[-1][-1]
    assert books.booked() == ({"1": last} if last else {})
    for hour, states in enumerate(files[:-1]):
        assert (
            books.comes([Said("1", applied) for applied in states], MORNING + timedelta(hours=hour)).payments
            == 0
        )


DAYS = st.lists(
    st.lists(st.tuples(st.sampled_from(ITEMS), st.sampled_from([5_00, 5_00, -5_00, 1_25])), max_size=4),
    min_size=1,
    max_size=4,
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[list[Said], list[list[Said]]]:
    """Payments of a few days, with equal ones; and files of any whole days in any order, a day left out coming later."""
    days = [
        [Said(item, cents=cents, paid_on=DAY + timedelta(days=n)) for item, cents in day]
        for n, day in enumerate(draw(DAYS))
    ]
    numbers = range(len(days))
    picks = draw(st.lists(st.sets(st.sampled_from(numbers), min_size=1), max_size=4))
    missed = set(numbers) - set().union(*picks)
    files = [[said for n in sorted(pick) for said in days[n]] for pick in [*picks, missed]]
    return [said for day in days for said in day], draw(st.permutations(files))


@PROPERTY
@given(windows())
def test_overlapping_files_without_numbers_count_each_payment_once_and_equal_ones_as_often_as_there_were(
    world, story
):
    happened, files = story
    books = world()
    for file in files:
        books.comes(file)
    assert books.count() == len(happened)
    wanted: Counter[str] = Counter()
    for said in happened:
        wanted[said.item] += said.cents
    assert books.booked() == {item: cents for item, cents in wanted.items() if cents}


@PROPERTY
@given(windows())
def test_where_every_file_brings_only_news_each_row_counts(world, story):
    _, files = story
    books = world(repeat_rule="news")
    for file in files:
        books.comes(file)
    assert books.count() == sum(len(file) for file in files)


@PROPERTY
@given(windows())
def test_where_a_person_decides_no_row_of_another_file_is_posted_and_none_is_lost(world, story):
    happened, files = story
    books = world(repeat_rule="ask")
    for file in files:
        books.comes(file)
    assert books.count() == sum(len(file) for file in files)
    asked = Counter(cents for _, cents, _, rule in books.lines() if rule == "repeat")
    assert sum(asked.values()) == sum(len(file) for file in files) - len(happened)


@PROPERTY
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("ABCDE"), st.sampled_from(ITEMS)),
            max_size=5,
            unique_by=lambda one: one[0],
        ),
        max_size=5,
    )
)
def test_a_payment_with_a_number_counts_once_whatever_files_repeat_it(world, files):
    books = world()
    for file in files:
        books.comes([Said(ITEMS[ord(number) % 3], cents=75, event_id=number) for number, _ in file])
    assert books.count() == len({number for file in files for number, _ in file})
