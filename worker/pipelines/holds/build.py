"""Build the files. From here on their names and bytes are fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError
from webapp.domain.layouts import (
    Aggregates,
    CompiledLayout,
    LayoutError,
    RenderContext,
    RenderSummary,
    Row,
    RowRefusedError,
    TotalsDifferError,
    compile_layout,
    measure_rows,
    render,
)
from webapp.store import files, holds, quarantine, runs
from worker.pipelines.holds.frame import HoldFrame, file_key, forget_parts, frame_of
from worker.pipelines.holds.layout_choice import ChosenLayout, frozen_layout
from worker.pipelines.holds.mail import tell_nothing_to_send
from worker.pipelines.holds.names import choose_name
from worker.pipelines.holds.plan import SNAPSHOT, PlannedFile, plan_files
from worker.pipelines.holds.rows import LayoutRows
from worker.pipelines.holds.settle import doubts_of_holds
from worker.pipelines.holds.story import check_counts, tell
from worker.pipelines.shared.settle import clause_about
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.models.scope import ScopedSession

KINDS = ("added", "released", "snapshot")


@dataclass(frozen=True, slots=True)
class _Refusal:
    emplid: str
    hold_code: str
    reason: str
    cents: int


class _RefusedRowsError(Exception):
    """Some lines do not fit the layout; the file begun was thrown away."""

    def __init__(self, refusals: list[_Refusal]) -> None:
        super().__init__()
        self.refusals = refusals


def build(ctx: StepContext) -> Continue | Finish:
    """Write every file, prove its count and total, record it. A night without news ends here."""
    frame = frame_of(ctx)
    forget_parts(ctx)
    with ctx.transaction() as session:
        files.forget_files(session, ctx.tenant_id, ctx.run.id, KINDS)
        layout = frozen_layout(session, ctx.result("collect")["layout"])
    # Where lines are refused they are parked and the plan is made anew without them, once.
    try:
        built = _build_all(ctx, frame, layout)
    except _RefusedRowsError as err:
        _park(ctx, err.refusals)
        built = _build_all(ctx, frame, layout)
    # Where only some patrons were read, a line that was not built may be one that nobody looked at.
    if not ctx.run.dry_run and ctx.result("collect")["source"]["covers_everyone"]:
        with ctx.transaction() as session:
            quarantine.resolve_gone(session, tenant_id=ctx.tenant_id, run_id=ctx.run.id, of_layout=True)
    check_counts(ctx)
    result = {"files": built, "layout": {"name": layout.name, "version": layout.version}}
    if built:
        tell(ctx, [])
        return Continue(result)
    with ctx.transaction() as session:
        in_doubt = doubts_of_holds(session)
    story = tell(ctx, [clause_about(doubt) for doubt in in_doubt])
    if not ctx.run.dry_run:
        tell_nothing_to_send(ctx, story)
    return Finish("nothing_to_send", result)


def _build_all(ctx: StepContext, frame: HoldFrame, layout: ChosenLayout) -> list[int]:
    with ctx.transaction() as session:
        planned = _plan(ctx, session, frame)
    built, names, refusals = [], set[str](), list[_Refusal]()
    for number, file in enumerate(planned, 1):
        ctx.progress(number - 1, len(planned), f"Building the {file.kind} file")
        try:
            file_id, name = _build_one(ctx, frame, layout, file, number, names)
        except _RefusedRowsError as err:
            refusals += err.refusals
        else:
            built.append(file_id)
            names.add(name)
    if refusals:
        with ctx.transaction() as session:
            files.forget_files(session, ctx.tenant_id, ctx.run.id, KINDS)
        raise _RefusedRowsError(refusals)
    return built


def _plan(ctx: StepContext, session: ScopedSession, frame: HoldFrame) -> list[PlannedFile]:
    settings = frame.settings
    in_force = (
        holds.totals_after(session, ctx.tenant_id, ctx.run.id) if frame.policy.style == SNAPSHOT else []
    )
    return plan_files(
        holds.change_totals(session, ctx.tenant_id, ctx.run.id),
        style=frame.policy.style,
        per_code=settings["mapping"]["file_per_code"],
        empty_file=settings["files"]["empty_file"],
        default_code=frame.policy.default_code.code,
        in_force=in_force,
    )


def _build_one(
    ctx: StepContext, frame: HoldFrame, layout: ChosenLayout, file: PlannedFile, number: int, names: set[str]
) -> tuple[int, str]:
    with ctx.transaction() as session:
        name, sequence = choose_name(ctx, session, frame, file, names)
    context = RenderContext(frame.run_at, ctx.tenant.name, file.kind, sequence, file.hold_code or None)
    try:
        compiled = compile_layout(layout.layout, context)
    except LayoutError as err:
        raise PermanentError(f"The layout {layout.name} cannot be used: {err} Nothing was sent.") from err
    key = file_key(ctx, f"{file.kind}-{number}")
    rows = LayoutRows(ctx, frame, file, per_item=layout.layout.rows == "per_item")
    with ctx.files.writer(key) as writer:
        summary = _render(compiled, rows, file, writer.write)
    _check(file, summary, compiled)
    with ctx.transaction() as session:
        record = files.record_file(
            session,
            ctx.tenant_id,
            {
                "run_id": ctx.run.id,
                "kind": file.kind,
                "hold_code": file.hold_code,
                "name": name,
                "store_key": key,
                "size": summary.size,
                "sha256": summary.sha256,
                "row_count": summary.rows,
                "total_cents": file.cents,
                "layout_name": layout.name,
                "layout_version": layout.version,
            },
        )
        return record.id, record.name


def _render(
    compiled: CompiledLayout, rows: LayoutRows, file: PlannedFile, write: Callable[[bytes], object]
) -> RenderSummary:
    refusals: list[_Refusal] = []

    def refuse(row: Row, err: RowRefusedError) -> None:
        refusals.append(
            _Refusal(
                str(row["emplid"]), str(row["hold_code"]), f"{err.field}: {err.reason}", rows.cents_of(row)
            )
        )

    aggregates = Aggregates(file.rows, file.cents)
    if compiled.shown_totals:
        aggregates = measure_rows(compiled, rows.read(), refuse)
    if not refusals:
        try:
            summary = render(compiled, rows.read(), write, aggregates, on_refused=refuse)
        except TotalsDifferError as err:
            raise PermanentError(
                f"The {file.kind} file would contradict itself: {err}. Nothing was sent."
            ) from err
        except RowRefusedError as err:
            raise PermanentError(
                f"The totals of the {file.kind} file do not fit its layout: {err}. Nothing was sent."
            ) from err
    refusals += [_Refusal(*refused) for refused in rows.refused]
    if refusals and file.kind == SNAPSHOT:
        raise PermanentError(
            f"{len(refusals):,} of the patrons on hold do not fit the layout, and a list without them would release them. "
            f"The first: {refusals[0].reason}. Nothing was sent; correct the layout and run again."
        )
    if refusals:
        raise _RefusedRowsError(refusals)
    return summary


def _check(file: PlannedFile, summary: RenderSummary, compiled: CompiledLayout) -> None:
    """The lines written are the lines decided. Raises: PermanentError."""
    if compiled.layout.rows == "per_patron":
        same = summary.rows == file.rows
        if compiled.layout.total_of == "total_cents":
            same = same and summary.total_cents == file.cents
    else:
        same = compiled.layout.total_of != "item_cents" or summary.total_cents == file.cents
    if not same:
        raise PermanentError(
            f"The {file.kind} file has {summary.rows:,} lines and {summary.total_cents} cents, and {file.rows:,} lines "
            f"and {file.cents} cents were decided. Nothing was sent."
        )


def _park(ctx: StepContext, refusals: list[_Refusal]) -> None:
    """A line that does not fit goes to quarantine with its reason; the patron's hold stays as PeopleSoft knows it."""
    with ctx.transaction() as session:
        run = runs.run_by_id(session, ctx.run.id)
        counts = dict(run.counts) if run else {}
        for refusal in {(found.emplid, found.hold_code): found for found in refusals}.values():
            # A rehearsal leaves the desk as it is.
            if not ctx.run.dry_run:
                quarantine.park_unprintable(
                    session,
                    tenant_id=ctx.tenant_id,
                    run_id=ctx.run.id,
                    emplid=refusal.emplid,
                    hold_code=refusal.hold_code,
                    reason=f"The line does not fit the file layout: {refusal.reason}",
                    raw={"emplid": refusal.emplid, "hold_code": refusal.hold_code},
                    amount_cents=refusal.cents,
                )
            dropped = holds.drop_change(
                session,
                tenant_id=ctx.tenant_id,
                run_id=ctx.run.id,
                emplid=refusal.emplid,
                hold_code=refusal.hold_code,
            )
            if dropped is not None:
                _move_counts(counts, *dropped)
        # In the same transaction as the rows: a run that is resumed here must not count them twice, or never.
        runs.merge_counts(session, ctx.run.id, counts)


def _move_counts(counts: dict[str, int], action: str, item_rows: int, cents: int) -> None:
    """One dropped line's rows and cents leave its action and stand under *unprintable*."""
    name = {"A": "added", "U": "updated", "R": "released"}[action]
    moves = {name: -1, f"{name}_cents": -cents, "changed": -1}
    if action != "R":
        moves |= {f"rows_{name}": -item_rows, f"cents_{name}": -cents}
    moves |= {"rows_unprintable": item_rows, "cents_unprintable": cents}
    moves |= {"quarantined": item_rows, "quarantined_cents": cents}
    for key, change in moves.items():
        counts[key] = counts.get(key, 0) + change
