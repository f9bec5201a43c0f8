"""Read every load result that waits, each whole or not at all."""

from __future__ import annotations

import tempfile
import time
from typing import IO, TYPE_CHECKING

from webapp.adapters.errors import OutsideError
from webapp.domain.layouts.inbound import InboundFileError
from webapp.services.audit import Actor
from webapp.services.campus_settings import read_all
from webapp.services.fetch_load_results import fetch_load_results
from webapp.services.read_load_result import apply_load_result, choose_inbound_layout, parse_load_result
from webapp.store import acknowledgements
from worker.steps import Continue, Finish

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings
    from webapp.domain.layouts.inbound import InboundLayout
    from webapp.models import InboundFile
    from webapp.services.read_load_result import LoadResult, ParsedResult
    from worker.steps import StepContext

_SLICE_S = 0.5


def read_results(ctx: StepContext) -> Continue | Finish:
    """Give every line its answer. A file that is no load result of ours is refused, and says why on its own page."""
    missed = _fetch(ctx)
    with ctx.transaction() as session:
        campus = read_all(session)
        waiting = acknowledgements.waiting_results(session, ctx.tenant_id)
    said = [words for words in (ctx.result("look")["words"], missed) if words]
    layout_name = campus["arrival"]["load_result_layout"]
    if waiting and not layout_name:
        said.append(
            f"{len(waiting):,} load result{'' if len(waiting) == 1 else 's'} wait: choose their layout in the settings "
            "of arriving files."
        )
    elif waiting and not ctx.run.dry_run:
        with ctx.transaction() as session:
            layout = choose_inbound_layout(session, layout_name)
        read = [found for inbound_id in waiting if (found := _read(ctx, campus, layout, inbound_id))]
        said += [found if isinstance(found, str) else found.words for found in read]
        _count(ctx, [found for found in read if not isinstance(found, str)])
    ctx.story(" ".join(said) or "Nothing is waited for, and no load result has come.")
    return Finish("succeeded" if said else "nothing_to_send", {"files": len(waiting)})


def _fetch(ctx: StepContext) -> str:
    """Take in what lies on the delivery server; in words why that could not be looked at, else empty."""
    if ctx.run.dry_run:
        return ""
    try:
        fetch_load_results(
            ctx.tenant_id,
            ctx.settings,
            ctx.vault,
            actor=Actor(None, f"run {ctx.run.id}"),
            wait=lambda seconds: _wait(ctx, seconds),
        )
    except OutsideError as err:
        # What was uploaded can be read all the same, and the next look will find the others.
        ctx.note(f"Load results on the delivery server could not be fetched. {err.message}")
        return err.message
    return ""


def _wait(ctx: StepContext, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        ctx.progress(0, 0, "Waiting whether new load results are complete")
        time.sleep(min(_SLICE_S, left))


def _count(ctx: StepContext, results: list[LoadResult]) -> None:
    ctx.counts(
        {
            "answers_read": sum(result.lines for result in results),
            "lines_accepted": sum(result.accepted for result in results),
            "lines_rejected": sum(result.rejected for result in results),
            "answers_unmatched": sum(result.unmatched + result.unreadable for result in results),
        }
    )


def _read(
    ctx: StepContext, campus: CampusSettings, layout: InboundLayout, inbound_id: int
) -> LoadResult | str | None:
    """Read one file: what came of it, or in words why it was refused; None when it was read meanwhile."""
    with ctx.transaction() as session:
        inbound = acknowledgements.waiting_result(session, inbound_id)
    if inbound is None:
        return None
    ctx.progress(0, 0, f"Reading {inbound.name}")
    bursar = campus["bursar"]
    with tempfile.TemporaryFile() as lines:
        try:
            with ctx.files.open(inbound.store_key) as stored:
                parsed = parse_load_result(
                    stored,
                    layout,
                    lines.write,
                    emplid_digits=bursar["emplid_digits"] or None,
                    emplid_pad=bursar["emplid_pad"],
                )
            lines.seek(0)
            return _apply(ctx, inbound_id, parsed, lines)
        except InboundFileError as err:
            return _refuse(ctx, inbound, err)


def _apply(ctx: StepContext, inbound_id: int, parsed: ParsedResult, lines: IO[bytes]) -> LoadResult | None:
    with ctx.transaction() as session:
        inbound = acknowledgements.waiting_result(session, inbound_id)
        if inbound is None:
            return None
        result = apply_load_result(session, inbound, parsed, lines, ctx.run.id)
        acknowledgements.settle_result(
            session,
            inbound,
            state="done",
            run_id=ctx.run.id,
            message=result.words,
            row_count=result.lines + result.unreadable,
            total_cents=parsed.cents,
        )
    return result


def _refuse(ctx: StepContext, inbound: InboundFile, err: InboundFileError) -> str:
    with ctx.transaction() as session:
        acknowledgements.settle_result(
            session, inbound, state="refused", run_id=ctx.run.id, message=err.message
        )
    return f"{inbound.name} was refused: {err.message}"
