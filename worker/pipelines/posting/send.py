"""One line to its fee: looked for first, sent once, and looked for again whenever its answer was lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from webapp.adapters.alma.errors import NotFoundError, RefusedError, UnusableError
from webapp.adapters.alma.fee_now import as_now
from webapp.adapters.errors import OutsideError, PermanentError, RetryableError, UnknownOutcomeError
from webapp.domain.payments.posting import (
    IMPORT_OP,
    LATE_EFFECT_S,
    PAY_OP,
    WAIVE_OP,
    Look,
    Step,
    before_in,
    believed,
    entry_of,
    evidence_of,
    look_at,
    next_step,
)
from webapp.store import alma_fees, effects, posting
from webapp.store.clock import database_now
from worker.effects import SETTLED_BY_LOOKING, perform_effect
from worker.pipelines.posting.dispute import end_dispute, note_ended
from worker.pipelines.posting.line_words import detail_of, open_question, part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.alma.records import AlmaFee
    from webapp.models.scope import ScopedSession
    from webapp.store.posting import LineToPost
    from worker.pipelines.posting.account import Account
    from worker.pipelines.posting.way import Way
    from worker.steps import StepContext

KIND, IMPORT_KIND = "alma_pay", "alma_import"
SETTLES_AFTER_S = LATE_EFFECT_S
NO_FEE = "No fee of this patron in Alma belongs to it: neither by its id nor by the bursar's reference, in any state."


class LineSender:
    """Deals with the lines of one patron, one after the other."""

    def __init__(self, ctx: StepContext, client: AlmaClient, way: Way, account: Account) -> None:
        self._ctx = ctx
        self._client = client
        self._way = way
        self._account = account
        # What came of the last line: Alma refused it though its fee shows no reason, or has it now.
        self.refusal: PermanentError | None = None
        self.has_posted = False

    def deal_with(self, line: LineToPost) -> None:
        """Bring the line as far as it comes today; what comes of it is written down.

        Raises: RetryableError when Alma does not answer; DailyLimitError; PermanentError when no line can be posted.
        """
        self.refusal, self.has_posted = None, False
        if (line.state != "waiting" or line.attempts) and not self._is_settled(line):
            return
        try:
            fee = self._account.fee_of(line)
        except UnusableError as err:
            self._put_aside(line, "rejected", err.message)
            return
        if fee is None:
            self._put_aside(line, self._rule_without_fee(line), NO_FEE)
            return
        if line.decision == "restore":
            ended = self._ended_dispute(line, fee)
            if ended is None:
                return
            fee = ended
        self._carry_out(line, fee)

    def _ended_dispute(self, line: LineToPost, fee: AlmaFee) -> AlmaFee | None:
        """The fee, ready to be paid; None when Alma would not end its dispute, or nobody knows whether it did."""
        if fee.status != "INDISPUTE":
            note_ended(self._ctx, line, fee)
            return fee
        try:
            fee = end_dispute(self._ctx, self._client, line, fee)
        except UnknownOutcomeError as err:
            self._settle(line, "waiting", err)
            return None
        except (RefusedError, NotFoundError, UnusableError) as err:
            now = self._read_again(fee.fee_id)
            if now is None or now.status == "INDISPUTE":
                self._put_aside(line, "disputed", f"Alma would not end the dispute: {err.message}", err)
                return None
            # Somebody else ended it in that moment, or our own earlier try came late.
            fee = now
            note_ended(self._ctx, line, fee)
        self._account.is_now(fee)
        return fee

    def _carry_out(self, line: LineToPost, fee: AlmaFee) -> None:
        step = next_step(part_of(line), as_now(fee), **self._allows(line))
        if step.act == "confirmed":
            self._confirm_as_seen(line, fee)
        elif step.act == "doubt":
            self._leave_to_a_person(line, fee, step.reason)
        elif step.act == "put_aside":
            self._put_aside(line, step.rule, step.reason)
        elif (fitting := self._fitted(line, step)) is not None:
            self._post(fitting, fee)

    def _leave_to_a_person(self, line: LineToPost, fee: AlmaFee, reason: str) -> None:
        """Alma has something under the line's name that is not the line: an open question that only a person answers."""
        with self._ctx.transaction() as session:
            if not posting.start_sending(session, line, fee.fee_id):
                return
            effect = effects.intend(
                session, self._ctx.run.id, key=line.effect_key, kind=KIND, detail=detail_of(line, fee)
            )
            effects.settle(session, effect.id, "unknown")
            posting.settle_line(session, line, "unknown", message=reason)

    def _allows(self, line: LineToPost) -> dict[str, bool]:
        is_by_file = self._way.is_by_file and line.op != WAIVE_OP
        return {"pay_exported": self._way.pay_exported, "by_file": is_by_file}

    def _fitted(self, line: LineToPost, step: Step) -> LineToPost | None:
        """The line, or the part of it that still fits: the rest goes to the desk. None when somebody was faster."""
        if not step.left_over_cents:
            return line
        parts = [
            posting.NewPart(step.cents, "waiting", line.op),
            posting.NewPart(step.left_over_cents, "unapplied", line.op, step.rule, step.reason),
        ]
        try:
            with self._ctx.transaction() as session:
                n, _ = posting.replace_line(session, line, parts, self._ctx.run.id)
                return posting.the_line(session, line.payment_id, n)
        except posting.LineMovedError:
            return None

    def _post(self, line: LineToPost, fee: AlmaFee) -> None:
        if line.op == IMPORT_OP:
            # A person knows that no file has it, and the campus posts fee by fee now.
            line = replace(line, op=PAY_OP)
        try:
            with self._ctx.transaction() as session:
                # Another line on its way to the fee: this one waits for its turn.
                is_ours = posting.start_sending(session, line, fee.fee_id, op=line.op)
        except IntegrityError:
            return
        if not is_ours:
            return
        try:
            self._perform(line, fee)
        except UnknownOutcomeError as err:
            self._settle(line, "unknown", err)
        except (RefusedError, NotFoundError) as err:
            self._refused(line, fee, err)
        except (RetryableError, PermanentError) as err:
            # A look that could not be taken leaves it as open as one that cannot tell.
            self._settle(line, "unknown" if self._is_open(line) else "waiting", err)
            raise

    def _perform(self, line: LineToPost, fee: AlmaFee) -> None:
        cents, fee_id = line.amount_cents, fee.fee_id

        def send(before_effect: Callable[[], None]) -> dict[str, Any]:
            if line.op == WAIVE_OP:
                answer = self._client.waive_fee(
                    line.patron_key,
                    fee_id,
                    amount_cents=cents,
                    reason=self._way.waive_reason,
                    comment=f"{self._way.comment} {line.external_id}".strip(),
                    before_send=before_effect,
                )
            else:
                answer = self._client.pay_fee(
                    line.patron_key,
                    fee_id,
                    amount_cents=cents,
                    method=self._way.method,
                    external_transaction_id=line.external_id,
                    comment=self._way.comment,
                    before_send=before_effect,
                )
            return self._evidence(line, answer)

        perform_effect(
            self._ctx,
            key=line.effect_key,
            kind=KIND,
            detail=detail_of(line, fee),
            send=send,
            look=lambda: self._look(line, fee_id),
            on_confirm=lambda session, evidence: self._posted(session, line, fee_id, evidence),
        )

    def _evidence(self, line: LineToPost, answer: AlmaFee) -> dict[str, Any]:
        """What Alma's answer proves. Raises: UnknownOutcomeError when it does not show the line."""
        part, now = part_of(line), as_now(answer)
        entry = entry_of(part, now)
        if entry is None or entry.amount_cents != line.amount_cents:
            raise UnknownOutcomeError(
                f"Alma answered as if {line.external_id} had been posted to fee {answer.fee_id}, but its answer does not "
                "show it. It was not sent again."
            )
        self._account.is_now(answer)
        return evidence_of(part, now)

    def _posted(
        self, session: ScopedSession, line: LineToPost, fee_id: str, evidence: Mapping[str, Any]
    ) -> None:
        fee = self._account.known(fee_id)
        said = (evidence_of(part_of(line), as_now(fee)) if fee else {}) | dict(evidence)
        if fee is not None:
            alma_fees.keep_fees(session, self._ctx.tenant_id, [fee], line.emplid, database_now(session))
        posting.confirm_line(session, line, fee_id, said, self._ctx.run.id)
        self.has_posted = True

    def _look(self, line: LineToPost, fee_id: str) -> Look:
        """Read the fee by its id, whatever its state, and find out; that it is not there must have had time."""
        with self._ctx.transaction() as session:
            effect = effects.effect_of_key(session, line.effect_key)
            before = before_in(effect.detail) if effect else None
            age_s = posting.sent_seconds_ago(session, line.effect_key)
        fee = self._read_again(fee_id)
        if fee is None or before is None:
            return "cannot_tell"
        seen = look_at(part_of(line), as_now(fee), before)
        return believed(seen, age_s, SETTLES_AFTER_S)

    def _read_again(self, fee_id: str) -> AlmaFee | None:
        """The fee as it is now; None when Alma has it not, or shows nothing of use: that is no other line's matter."""
        try:
            return self._account.read_again(fee_id)
        except (RefusedError, UnusableError):
            return None

    def _is_settled(self, line: LineToPost) -> bool:
        """Look for a line that an earlier try left open; True when it surely did not happen and may be posted."""
        with self._ctx.transaction() as session:
            effect = effects.effect_of_key(session, line.effect_key)
            effect_id, state = (effect.id, effect.state) if effect else (0, "")
            # Alma's import knows no names: somebody said that the file did not arrive, and may have erred.
            is_word = effect is not None and effect.kind == IMPORT_KIND and state == "failed"
        if state not in {"sent", "unknown"} and not is_word:
            # It was taken up and never sent, or a person has to mend what the fee shows.
            return True
        seen = self._look(line, line.fee_id)
        if seen == "happened":
            with self._ctx.transaction() as session:
                self._posted(session, line, line.fee_id, SETTLED_BY_LOOKING)
                effects.settle(session, effect_id, "confirmed", SETTLED_BY_LOOKING)
            return False
        if is_word:
            return True
        if seen == "cannot_tell":
            with self._ctx.transaction() as session:
                if not self._may_still_come(session, line):
                    effects.settle(session, effect_id, "unknown")
                    # One that was open before keeps what is said of it.
                    if line.state != "unknown":
                        posting.settle_line(session, line, "unknown", message=open_question(line))
            return False
        with self._ctx.transaction() as session:
            effects.settle(session, effect_id, "intended")
            posting.settle_line(session, line, "waiting")
        return True

    def _is_open(self, line: LineToPost) -> bool:
        with self._ctx.transaction() as session:
            effect = effects.effect_of_key(session, line.effect_key)
            return effect is not None and effect.state in {"sent", "unknown"}

    def _may_still_come(self, session: ScopedSession, line: LineToPost) -> bool:
        """Whether Alma has time left to fetch and book the import file with this line."""
        age_s = posting.sent_seconds_ago(session, line.effect_key)
        return line.op == IMPORT_OP and age_s is not None and age_s < self._way.import_confirm_hours * 3600

    def _confirm_as_seen(self, line: LineToPost, fee: AlmaFee) -> None:
        """Alma shows the line already: it counts as posted, and nothing is sent."""
        with self._ctx.transaction() as session:
            effect = effects.intend(
                session, self._ctx.run.id, key=line.effect_key, kind=KIND, detail=detail_of(line, fee)
            )
            self._posted(session, line, fee.fee_id, SETTLED_BY_LOOKING)
            effects.settle(session, effect.id, "confirmed", SETTLED_BY_LOOKING)

    def _refused(self, line: LineToPost, fee: AlmaFee, err: PermanentError) -> None:
        """Alma said no: for a reason that the fee shows by now, or for one that a person must read."""
        now = self._read_again(fee.fee_id)
        if now is not None:
            step = next_step(part_of(line), as_now(now), **self._allows(line))
            if step.act == "confirmed":
                self._confirm_as_seen(line, now)
                return
            if step.act == "put_aside":
                self._put_aside(line, step.rule, step.reason, err)
                return
            if step.left_over_cents:
                # It shrank between our look and our payment; the next round posts what fits.
                self._settle(line, "waiting", err)
                return
        self.refusal = err
        self._put_aside(line, "rejected", f"Alma refused it: {err.message}", err)

    def _put_aside(self, line: LineToPost, rule: str, reason: str, err: PermanentError | None = None) -> None:
        with self._ctx.transaction() as session:
            posting.settle_line(
                session,
                line,
                "unapplied",
                rule=rule,
                reason=reason,
                message=err.message if err else "",
                tracking_id=err.evidence.get("tracking_id", "") if err else "",
            )

    def _settle(self, line: LineToPost, state: str, err: OutsideError) -> None:
        with self._ctx.transaction() as session:
            posting.settle_line(
                session,
                line,
                state,
                message=err.message,
                tracking_id=err.evidence.get("tracking_id", ""),
            )

    def _rule_without_fee(self, line: LineToPost) -> str:
        with self._ctx.transaction() as session:
            seen = alma_fees.seen_fee(session, line.fee_id or line.fee_ref)
        if seen is None:
            return "unmatched"
        is_anothers = self._account.primary_id not in {"", seen.patron_id} or (
            bool(seen.emplid and line.emplid) and seen.emplid != line.emplid
        )
        return "other_patron" if is_anothers else "unmatched"
