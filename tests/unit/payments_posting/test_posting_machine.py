"""Ledger and posting, simulated: answers lost, workers killed, files repeated, a desk that works beside us.

The rules are the real ones; Alma, the intent log and the clock are small stand-ins. Alma's late effects are bounded:
what was sent has happened, or never will, before a look that finds nothing is believed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from webapp.domain.payments.posting import (
    Before,
    EntryNow,
    FeeNow,
    Part,
    before_of,
    believed,
    look_at,
    next_step,
)

SETTLES_AFTER_S = 60
LATEST_EFFECT_S = 45
FEES = ("A", "B", "C")
figures: Counter[str] = Counter()


class KilledError(Exception):
    """The worker is gone; what was committed stays."""


class LostAnswerError(Exception):
    """Nobody knows what Alma did."""


class RefusedError(Exception):
    """Alma surely did nothing."""


@dataclass
class Alma:
    """Fees, their transactions, and payments that are still on their way through it."""

    fees: dict[str, FeeNow] = field(default_factory=dict)
    late: list[tuple[int, str, EntryNow]] = field(default_factory=list)
    now_s: int = 0

    def pay(self, fee_id: str, entry: EntryNow) -> None:
        fee = self.fees[fee_id]
        if fee.status != "ACTIVE" or not 0 < entry.amount_cents <= fee.balance_cents:
            raise RefusedError
        left = fee.balance_cents - entry.amount_cents
        self.fees[fee_id] = replace(
            fee,
            balance_cents=left,
            status="ACTIVE" if left else "CLOSED",
            entries=(*fee.entries, entry),
        )

    def tick(self, seconds: int) -> None:
        self.now_s += seconds
        due = [one for one in self.late if one[0] <= self.now_s]
        self.late = [one for one in self.late if one[0] > self.now_s]
        for _, fee_id, entry in due:
            try:
                self.pay(fee_id, entry)
            except RefusedError:
                figures["late effects that were refused"] += 1


@dataclass
class Line:
    """One line as our tables hold it: its state, and its effect in the intent log."""

    external_id: str
    fee_id: str
    cents: int
    state: str = "waiting"
    effect: str = "none"
    sent_s: int = 0
    before: Before = field(default_factory=lambda: Before(0))

    @property
    def part(self) -> Part:
        return Part(self.external_id, self.cents)


class PostingMachine(RuleBasedStateMachine):
    """A campus over some days."""

    def __init__(self) -> None:
        super().__init__()
        self.alma = Alma()
        self.lines: list[Line] = []
        self.ledger: list[tuple[str, int]] = []
        self.seen_events: set[int] = set()
        self.paid_cents = 0
        self.desk_cents: Counter[str] = Counter()
        self.original: dict[str, int] = {}
        figures["histories"] += 1

    @initialize(cents=st.lists(st.integers(1, 5_000), min_size=len(FEES), max_size=len(FEES)))
    def owe(self, cents):
        self.original = dict(zip(FEES, cents, strict=True))
        self.alma.fees = {
            fee_id: FeeNow(fee_id, "ACTIVE", amount) for fee_id, amount in self.original.items()
        }

    @rule(event=st.integers(0, 30), fee_id=st.sampled_from(FEES), cents=st.integers(1, 6_000))
    def a_file_brings_a_payment(self, event, fee_id, cents):
        """The same event again, in whatever file, is no news."""
        if event in self.seen_events:
            figures["payments repeated"] += 1
            return
        self.seen_events.add(event)
        self.paid_cents += cents
        self.lines.append(Line(f"FB{event}-1", fee_id, cents))
        figures["payments"] += 1

    @rule(fee_id=st.sampled_from(FEES), cents=st.integers(1, 3_000))
    def the_desk_takes_money(self, fee_id, cents):
        """With the same amounts as ours now and then, and never with our ids."""
        fee = self.alma.fees[fee_id]
        if fee.status == "ACTIVE" and cents <= fee.balance_cents:
            self.alma.pay(fee_id, EntryNow("PAYMENT", cents, "2401"))
            self.desk_cents[fee_id] += cents

    @rule(fee_id=st.sampled_from(FEES))
    def a_dispute_begins_or_ends(self, fee_id):
        fee = self.alma.fees[fee_id]
        other = {"ACTIVE": "INDISPUTE", "INDISPUTE": "ACTIVE"}.get(fee.status)
        if other:
            self.alma.fees[fee_id] = replace(fee, status=other)

    @rule(seconds=st.integers(1, 90))
    def time_passes(self, seconds):
        self.alma.tick(seconds)

    @precondition(lambda self: any(line.state in {"waiting", "sending", "unknown"} for line in self.lines))
    @rule(
        troubles=st.lists(
            st.sampled_from(
                [
                    *("fine",) * 3,
                    *("lost before", "lost after", "late", "refused", "answered twice"),
                    *("killed before the intent", "killed before the call"),
                    *("killed after the call", "killed while confirming"),
                ]
            ),
            min_size=1,
            max_size=6,
        )
    )
    def a_run_posts(self, troubles):
        figures["runs"] += 1
        pending = iter(troubles)
        opened = sorted(
            (line for line in self.lines if line.state in {"waiting", "sending", "unknown"}),
            key=lambda line: line.state == "waiting",
        )
        try:
            for line in opened:
                self._deal_with(line, lambda: next(pending, "fine"))
        except KilledError:
            figures["kills"] += 1

    def _deal_with(self, line, next_trouble):
        if line.effect in {"sent", "unknown"} and not self._is_settled(line):
            return
        step = next_step(line.part, self.alma.fees[line.fee_id])
        if step.act == "confirmed":
            self._confirm(line)
        elif step.act == "put_aside":
            line.state = "unapplied"
        elif step.act == "doubt":
            raise AssertionError("nobody else uses our ids")
        else:
            if step.left_over_cents:
                self._split(line, step.cents)
                return
            self._post(line, next_trouble())

    def _is_settled(self, line):
        fee = self.alma.fees[line.fee_id]
        seen = believed(look_at(line.part, fee, line.before), self.alma.now_s - line.sent_s, SETTLES_AFTER_S)
        figures[f"looks: {seen}"] += 1
        if seen == "happened":
            self._confirm(line)
            return False
        if seen == "cannot_tell":
            line.state = line.effect = "unknown"
            return False
        line.state, line.effect = "waiting", "intended"
        return True

    def _split(self, line, fits):
        line.state = "replaced"
        self.lines.append(Line(f"{line.external_id}/fits", line.fee_id, fits))
        self.lines.append(Line(f"{line.external_id}/rest", line.fee_id, line.cents - fits, "unapplied"))

    def _post(self, line, trouble):
        on_its_way = {
            one.fee_id for one in self.lines if one.state in {"sending", "unknown"} and one is not line
        }
        if line.fee_id in on_its_way:
            figures["waited for their turn"] += 1
            return
        line.state = "sending"
        if trouble == "killed before the intent":
            raise KilledError
        line.effect = "intended"
        line.before = before_of(line.part, self.alma.fees[line.fee_id])
        line.effect, line.sent_s = "sent", self.alma.now_s
        if trouble == "killed before the call":
            raise KilledError
        try:
            self._call(line, trouble)
        except LostAnswerError:
            figures["answers lost"] += 1
            if not self._is_settled(line):
                return
        except RefusedError:
            line.effect = "failed"
            if next_step(line.part, self.alma.fees[line.fee_id]).act == "put_aside" or trouble == "refused":
                line.state = "unapplied"
            else:
                line.state = "waiting"
        else:
            if trouble in {"killed after the call", "killed while confirming"}:
                raise KilledError
            self._confirm(line)

    def _call(self, line, trouble):
        entry = EntryNow("PAYMENT", line.cents, line.external_id)
        if trouble == "refused":
            raise RefusedError
        if trouble in {"lost before", "answered twice"}:
            raise LostAnswerError
        if trouble == "late":
            arrives_s = self.alma.now_s + 1 + len(line.external_id) * 7 % LATEST_EFFECT_S
            self.alma.late.append((arrives_s, line.fee_id, entry))
            raise LostAnswerError
        self.alma.pay(line.fee_id, entry)
        if trouble == "lost after":
            raise LostAnswerError

    def _confirm(self, line):
        """One transaction: the line, its effect and the ledger."""
        line.state, line.effect = "posted", "confirmed"
        self.ledger.append((line.external_id, line.cents))
        figures["postings"] += 1
        figures["cents"] += line.cents

    @invariant()
    def alma_has_each_payment_once_at_most(self):
        ours = Counter(e.external_id for fee in self.alma.fees.values() for e in fee.entries)
        ours.pop("2401", None)
        assert all(count == 1 for count in ours.values()), ours

    @invariant()
    def what_is_posted_is_in_alma_and_in_the_ledger_once(self):
        in_alma = {e.external_id: e.amount_cents for fee in self.alma.fees.values() for e in fee.entries}
        posted = {line.external_id: line.cents for line in self.lines if line.state == "posted"}
        assert posted.items() <= in_alma.items()
        assert sorted(self.ledger) == sorted(posted.items())

    @invariant()
    def every_cent_received_is_in_one_line(self):
        assert self.paid_cents == sum(line.cents for line in self.lines if line.state != "replaced")

    @invariant()
    def no_fee_is_paid_beyond_its_balance(self):
        for fee in self.alma.fees.values():
            assert (
                fee.balance_cents == self.original[fee.fee_id] - sum(e.amount_cents for e in fee.entries) >= 0
            )

    @invariant()
    def one_line_at_a_time_is_on_its_way_to_a_fee(self):
        on_its_way = Counter(line.fee_id for line in self.lines if line.state in {"sending", "unknown"})
        assert all(count == 1 for count in on_its_way.values())

    def teardown(self):
        """In calm weather everything comes to its end, and the three books agree."""
        for _ in range(4 * len(self.lines) + 4):
            self.alma.tick(SETTLES_AFTER_S)
            self.a_run_posts(["fine"])
        assert {line.state for line in self.lines} <= {"posted", "unapplied", "replaced"}
        in_alma = {
            e.external_id: e.amount_cents
            for fee in self.alma.fees.values()
            for e in fee.entries
            if e.external_id != "2401"
        }
        assert in_alma == dict(self.ledger)


def test_in_every_history_each_payment_reaches_alma_once_and_the_ledger_agrees():
    figures.clear()
    run_state_machine_as_test(
        PostingMachine, settings=settings(max_examples=500, stateful_step_count=50, deadline=None)
    )
    print("\n" + "; ".join(f"{name}: {count:,}" for name, count in sorted(figures.items())))
    assert min(figures[name] for name in ("kills", "answers lost", "looks: happened", "postings")) > 0
