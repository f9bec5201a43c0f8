"""Read what is owed, and stage the difference to what the bursar was told: the fees stay open in Alma."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from webapp.adapters.errors import PermanentError
from webapp.domain.balances import EXCLUDED, QUARANTINED, Difference, difference, words_of
from webapp.domain.bursar.policy import Verdict, judge
from webapp.domain.money import format_cents
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.open_source import SourceRequest, open_source
from webapp.store import balances, bursar
from webapp.store.collected import FrozenFile, TooManyKindsError, freeze, load_collected
from webapp.store.staged_rows import copy_rows
from worker.pipelines.bursar.frame import new_frame
from worker.pipelines.bursar.stage import Stager, thaw
from worker.pipelines.bursar.students import with_students
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings
    from webapp.models.scope import ScopedSession
    from webapp.services.open_source import OpenedSource
    from webapp.store.balances import FeeBeside, Gone, UnusableRow
    from webapp.store.collected import Collected
    from worker.pipelines.bursar.frame import BursarFrame

_CHUNK = 1 << 18
_PROGRESS_EVERY = 2_000
# Closing so many fees at once, and this part of all, is more often a broken report than a payday.
_MANY_GONE, _PART_GONE = 20, 0.25


@dataclass(slots=True)
class _Spool:
    """Bytes on this machine's disk with their sha256: a transaction does not wait for a slow source."""

    file: IO[bytes]
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> None:
        """Append."""
        self.digest.update(content)
        self.file.write(content)

    def frozen(self) -> FrozenFile:
        """The whole, to be loaded."""
        self.file.seek(0)
        return FrozenFile(lambda: cast("BinaryIO", self.file), self.digest.hexdigest())


def collect(ctx: StepContext) -> Continue:
    """Stage every fee that is owed or was told, with what is to be said of it; one transaction, frozen from then on.

    Raises: PermanentError, RetryableError.
    """
    with ctx.transaction() as session:
        campus = read_all(session)
        api_key = open_secret(session, ctx.vault, "alma_api_key")
    frame, frozen = new_frame(ctx, campus)
    frame = with_students(ctx, frame)
    source = open_source(ctx.settings, campus, api_key, ctx.files, _request(ctx))
    with ExitStack() as kept:
        fees = _Spool(kept.enter_context(tempfile.TemporaryFile()))
        others = _Spool(kept.enter_context(tempfile.TemporaryFile()))
        collected = _read(ctx, source, fees, others)
        with ctx.transaction() as session:
            load_collected(session, fees.frozen(), others.frozen())
            balances.compare(
                session,
                ctx.tenant_id,
                covers_everyone=source.covers_everyone,
                posted_before_at=_posted_before(ctx, campus),
            )
            came = _stage(ctx, session, frame)
            gone = balances.gone(session)
            if not ctx.run.dry_run:
                bursar.take_tasks(session, ctx.tenant_id, ctx.run.id)
                if source.covers_everyone:
                    balances.close_settled_rows(session, ctx.tenant_id)
    ctx.counts(
        {
            "rows_in": came.rows,
            "cents_in": came.cents,
            "balances": collected.fees,
            "balances_cents": collected.fee_cents,
        }
    )
    return Continue(
        {
            "frame": frozen,
            "rows": came.rows,
            "cents": came.cents,
            "file_rows": collected.rows,
            "inbound_file_id": None,
            "file": source.file or source.label,
            "asks": _asks(gone, collected, campus),
        }
    )


@dataclass(frozen=True, slots=True)
class _Staged:
    rows: int
    cents: int


def _read(ctx: StepContext, source: OpenedSource, fees: _Spool, others: _Spool) -> Collected:
    note = f"Reading {source.label}"
    ctx.progress(0, 0, note)
    try:
        return freeze(
            source.rows, fees.write, others.write, lambda now: ctx.progress(now.rows + now.seen, 0, note)
        )
    except TooManyKindsError as err:
        raise PermanentError(str(err)) from err


def _posted_before(ctx: StepContext, campus: CampusSettings) -> datetime:
    """Until when postings to Alma are surely in the balances: a report or file may be as old as the settings allow."""
    source = campus["source"]
    is_copy = source["kind"] in {"analytics", "violations_file"}
    return ctx.now - timedelta(hours=source["stale_after_h"]) if is_copy else ctx.now


def _request(ctx: StepContext) -> SourceRequest:
    def told() -> list[str]:
        with ctx.transaction() as session:
            return balances.told_emplids(session, ctx.tenant_id)

    with ctx.transaction() as session:
        last_start = balances.last_start(session, ctx.tenant_id, ctx.run.id)
    return SourceRequest(
        tenant_id=ctx.tenant_id,
        time_zone=ctx.tenant.time_zone,
        now=ctx.now,
        window_from_at=last_start,
        options=ctx.run.options,
        # A source of some patrons reads those by name of whom the bursar holds a fee: a payment must not go unseen.
        on_hold=told,
        left_open=list,
        on_note=ctx.note,
    )


def _stage(ctx: StepContext, session: ScopedSession, frame: BursarFrame) -> _Staged:
    """Judge into a spool first: rows cannot be asked for while others are being copied in."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as lines:
        stager = Stager(lines.write)
        _judge_all(ctx, session, frame, stager)
        for task in bursar.open_tasks(session, ctx.tenant_id, ctx.run.id):
            row = {**thaw(task.body), "amount_cents": task.amount_cents}
            stager.add(row, Verdict("send", "", "", row), bursar.TASK, task.id)
        stager.flush()
        lines.seek(0)
        with copy_rows(session, ctx.tenant_id, ctx.run.id) as write:
            while chunk := lines.read(_CHUNK):
                write(chunk)
    unchanged = balances.add_unchanged(session, ctx.tenant_id, ctx.run.id, stager.rows, EXCLUDED["unchanged"])
    return _Staged(stager.rows + unchanged, stager.cents)


def _judge_all(ctx: StepContext, session: ScopedSession, frame: BursarFrame, stager: Stager) -> None:
    with closing(balances.differing(session)) as differing:
        for fee in differing:
            verdict = _verdict(fee, frame)
            stager.add(verdict.row, verdict, bursar.FILE)
            if not stager.rows % _PROGRESS_EVERY:
                ctx.progress(stager.rows, 0, "Comparing with what the bursar was told")
    for unusable in balances.unusable(session):
        row = _unusable_row(unusable)
        reason = unusable.reason or QUARANTINED["no_fee_id"]
        stager.add(row, Verdict("quarantined", unusable.rule, reason, row), bursar.FILE)


def _verdict(fee: FeeBeside, frame: BursarFrame) -> Verdict:
    found = difference(fee.state)
    row = _row(fee)
    if found.verdict != "send":
        return Verdict(found.verdict, found.rule, found.words, {**row, "amount_cents": found.amount_cents})  # type: ignore[arg-type]
    if found.amount_cents < 0:
        return Verdict("send", "", "", _taken_back(fee, row, found))
    # Whether a fee is billed at all goes by what is owed, not by the part of it that is new.
    judged = judge({**row, "amount_cents": fee.state.balance_cents or 0}, frame.policy, frame.run_on)
    charged = {
        **judged.row,
        "amount_cents": found.amount_cents,
        "comment": words_of(fee.state, found.amount_cents),
    }
    if judged.kind != "send":
        return Verdict(judged.kind, judged.rule, judged.words, charged)
    return Verdict("send", "", "", _raised(fee, charged, frame))


def _row(fee: FeeBeside) -> dict[str, Any]:
    """The fee as a layout sees it; where the source does not list it, as the bursar was told it."""
    source, told = fee.source, fee.told
    emplid = told.get("emplid") or source.get("emplid") or ""
    return {
        "patron_id": told.get("patron_id") or source.get("emplid") or source.get("patron_key") or "",
        "emplid": emplid,
        "patron_name": source.get("patron_name") or "",
        "patron_group": source.get("user_type") or "",
        "fee_type": source.get("fee_type") or told.get("fee_type") or "",
        "fee_ref": fee.fee_ref,
        "reference": fee.fee_ref,
        "currency": "USD",
        "library": source.get("library") or "",
        "item_title": source.get("title") or "",
        "item_barcode": source.get("barcode") or told.get("barcode") or "",
        "transaction_on": source.get("billed_on") or told.get("billing_on"),
        "kind": "charge",
        "debit_credit": "D",
        "payer": "campus",
    }


def _taken_back(fee: FeeBeside, row: dict[str, Any], found: Difference) -> dict[str, Any]:
    """A reversal names its original by the fee itself; ``decide`` fills in the rest from the ledger."""
    return {
        **row,
        "amount_cents": found.amount_cents,
        "kind": "reversal",
        "debit_credit": "C",
        "original_reference": fee.fee_ref,
        "comment": words_of(fee.state, found.amount_cents),
    }


def _raised(fee: FeeBeside, row: dict[str, Any], frame: BursarFrame) -> dict[str, Any]:
    """A charge for the difference; where PeopleSoft reverses whole charges only, the old one reversed and a new one."""
    section, told, remaining = frame.settings["bursar"], fee.told, fee.state.told_cents
    oldest = section["reversal_max_age_days"]
    billing_on = told.get("billing_on")
    is_too_old = bool(oldest and billing_on and billing_on < frame.run_on - timedelta(days=oldest))
    if section["partial_reversals"] or not remaining or is_too_old or told["amount_cents"] != remaining:
        return row
    return {
        **row,
        "kind": "reversal",
        "reverse_cents": remaining,
        "recharge_cents": remaining + row["amount_cents"],
        "original_fee_ref": fee.fee_ref,
        "original_reference": told["reference"] or fee.fee_ref,
        "original_item_type": told["item_type"],
        "original_term": told["term"],
        "original_fee_type": told["fee_type"],
        "original_amount_cents": told["amount_cents"],
        "original_billing_on": billing_on,
    }


def _unusable_row(unusable: UnusableRow) -> dict[str, Any]:
    return {
        **unusable.body,
        "emplid": unusable.emplid,
        "patron_id": unusable.emplid or unusable.body.get("patron_id") or "",
        "fee_ref": "",
        "amount_cents": unusable.amount_cents,
    }


def _asks(gone: Gone, collected: Collected, campus: CampusSettings) -> list[str]:
    """Sentences that a person must agree to before so much is taken back."""
    if not gone.gone or not campus["bursar"]["stop_if_empty"]:
        return []
    money = format_cents(gone.gone_cents)
    if collected.fees == 0:
        empty = "The source lists no open fee at all, so everything the bursar holds"
        return [f"{empty} ({gone.gone:,} fees, {money}) would be taken back. Look at its report first."]
    if gone.gone > _MANY_GONE and gone.gone > gone.told * _PART_GONE:
        many = (
            f"{gone.gone:,} of the {gone.told:,} fees the bursar holds ({money}) are no longer in the source"
        )
        return [f"{many} and would be taken back. Look whether its report is whole."]
    return []
