"""Build the files and write every line down in the ledger. From here on names, bytes and lines are fixed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import PermanentError
from webapp.domain.layouts import (
    CompiledSet,
    LayoutError,
    RenderedFile,
    RenderError,
    RowRefusedError,
    SetContext,
    compile_set,
    render_set,
)
from webapp.domain.layouts.file_names import FileNameError
from webapp.services.calm_collector import calm_collector
from webapp.store import bursar, files, ledger, runs
from worker.pipelines.bursar.check import suddenly_empty
from worker.pipelines.bursar.counts import check_conservation, check_lines, counts_of
from worker.pipelines.bursar.frame import first_result, folder_of, frame_of, layout_of
from worker.pipelines.bursar.lines import LedgerLines, SendRows
from worker.pipelines.bursar.mail import tell_nothing_to_send
from worker.pipelines.bursar.names import final_names
from worker.pipelines.bursar.refusals import Refusals
from worker.pipelines.bursar.settle import doubts_of_charges
from worker.pipelines.bursar.story import tell
from worker.pipelines.shared.settle import clause_about
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.adapters.files import FileWriter
    from webapp.models.scope import ScopedSession
    from worker.pipelines.bursar.frame import BursarFrame

# A row that is two lines may fail in its second one; what is left is written anew without it.
_TRIES = 4


class _HalfRowsError(Exception):
    """Of rows that are two lines each, one line was refused; everything is written anew without them."""

    def __init__(self, numbers: set[int]) -> None:
        super().__init__()
        self.numbers = numbers


@dataclass(slots=True)
class _Sinks:
    """The files being written, each under its key of the store; none is visible before all are whole."""

    ctx: StepContext
    stack: ExitStack
    writers: dict[tuple[str, int], FileWriter] = field(default_factory=dict)

    def open_part(self, kind: str, part: int) -> _Sink:
        """Where the bytes of one part go."""
        self.ctx.stop_if_asked()
        writer = self.stack.enter_context(self.ctx.files.writer(self.key(kind, part)))
        self.writers[kind, part] = writer
        return _Sink(writer)

    def key(self, kind: str, part: int) -> str:
        """The store key of a part."""
        return f"{folder_of(self.ctx)}/{kind}-{part}"


class _Sink:
    """A stored file's bytes; the store ends it when all files are whole."""

    def __init__(self, writer: FileWriter) -> None:
        self.write = writer.write

    def close(self) -> None:
        """Nothing: see ``_Sinks``."""


def build(ctx: StepContext) -> Continue | Finish:
    """Write every file and every ledger line, prove rows and cents, record both in one transaction."""
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    if not made:
        frame = frame_of(ctx)
        ctx.files.forget_parts(folder_of(ctx))
        _build(ctx, frame)
        with ctx.transaction() as session:
            made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    story = tell(ctx, [])
    result: dict[str, Any] = {
        "files": [file.id for file in made],
        "layout": first_result(ctx)["frame"]["layout"],
    }
    if made or suddenly_empty(ctx, frame_of(ctx).settings["bursar"]):
        return Continue(result)
    with ctx.transaction() as session:
        bursar.close_run(session, ctx.run.id)
        in_doubt = doubts_of_charges(session)
    if in_doubt:
        story = tell(ctx, [clause_about(doubt) for doubt in in_doubt])
    if not ctx.run.dry_run:
        tell_nothing_to_send(ctx, story)
    return Finish("nothing_to_send", result)


def _build(ctx: StepContext, frame: BursarFrame) -> None:
    layout_set, frozen = layout_of(ctx, frame)
    compiled = _compiled(ctx, frame, layout_set, frozen["name"])
    without: set[int] = set()
    for _ in range(_TRIES):
        with Refusals() as refusals:
            try:
                _write(ctx, frame, compiled, frozen, refusals, without)
            except _HalfRowsError as err:
                _park_half_rows(ctx, refusals, err.numbers)
                without |= err.numbers
            else:
                return
    raise PermanentError(
        f"The layout {frozen['name']} refuses one of the two lines of ever more reversals. Nothing was sent; correct it."
    )


def _compiled(ctx: StepContext, frame: BursarFrame, layout_set: Any, name: str) -> CompiledSet:
    came = first_result(ctx)
    with ctx.transaction() as session:
        sequence = bursar.next_sequence(session, ctx.tenant_id, ctx.run.id, frame.day)
    context = SetContext(
        run_at=frame.run_at,
        campus=ctx.tenant.slug,
        campus_name=ctx.tenant.name,
        sequence=sequence,
        profile_code=came.get("profile_code", ""),
        export_number=came.get("export_number", ""),
    )
    try:
        return compile_set(layout_set, context)
    except (LayoutError, FileNameError) as err:
        raise PermanentError(f"The layout {name} cannot be used: {err} Nothing was sent.") from err


def _write(
    ctx: StepContext,
    frame: BursarFrame,
    compiled: CompiledSet,
    frozen: Mapping[str, Any],
    refusals: Refusals,
    without: set[int],
) -> None:
    kinds = [file.file.kind for file in compiled.files]
    with ctx.transaction() as session:
        ledger.open_lines(session)
        with ExitStack() as stack:
            sinks = _Sinks(ctx, stack)
            with ledger.copy_lines(session) as copy:
                lines = LedgerLines(copy, kinds, frame)
                with calm_collector():
                    rendered = _render(ctx, compiled, sinks, lines, refusals, without)
                lines.flush()
            if half := refusals.in_parts & lines.with_part:
                raise _HalfRowsError(half)
        _check_stored(rendered, sinks)
        bursar.refuse_rows(session, ctx.tenant_id, ctx.run.id, lambda: iter(refusals))
        _record(ctx, session, frame, frozen, rendered, sinks, lines)


def _render(
    ctx: StepContext,
    compiled: CompiledSet,
    sinks: _Sinks,
    lines: LedgerLines,
    refusals: Refusals,
    without: set[int],
) -> list[RenderedFile]:
    try:
        return render_set(
            compiled,
            SendRows(ctx, without=without),
            sinks.open_part,
            on_refused=refusals.add,
            on_line=lines.add,
        )
    except (RenderError, RowRefusedError, FileNameError) as err:
        raise PermanentError(f"The files cannot be written: {err} Nothing was sent.") from err


def _check_stored(rendered: list[RenderedFile], sinks: _Sinks) -> None:
    """What lies in the store is what the renderer wrote. Raises: PermanentError."""
    for file in rendered:
        writer = sinks.writers[file.kind, file.part]
        if (writer.sha256, writer.size) != (file.sha256, file.size):
            raise PermanentError(
                f"The stored {file.kind} file is not what was written: {writer.size} bytes for {file.size}. Nothing was sent."
            )


def _record(
    ctx: StepContext,
    session: ScopedSession,
    frame: BursarFrame,
    frozen: Mapping[str, Any],
    rendered: list[RenderedFile],
    sinks: _Sinks,
    lines: LedgerLines,
) -> None:
    """Files, ledger lines and counts become true together, or not at all."""
    tallies = bursar.tallies(session, ctx.tenant_id, ctx.run.id)
    came = first_result(ctx)
    check_conservation(tallies, came["rows"], came["cents"])
    counts = counts_of(tallies)
    check_lines(counts, rendered, lines)
    names = final_names(ctx, session, frame, rendered)
    for file, name in zip(rendered, names, strict=True):
        files.record_file(
            session,
            ctx.tenant_id,
            {
                "run_id": ctx.run.id,
                "kind": file.kind,
                "part": file.part,
                "hold_code": "",
                "name": name,
                "store_key": sinks.key(file.kind, file.part),
                "size": file.size,
                "sha256": file.sha256,
                "row_count": file.rows,
                "total_cents": file.total_cents,
                "layout_name": frozen["name"],
                "layout_version": frozen["version"],
            },
        )
    # A rehearsal builds its files to be looked at; nobody is told anything, so the ledger stays as it is.
    if not ctx.run.dry_run:
        ledger.write_lines(session, ctx.tenant_id, ctx.run.id, came.get("inbound_file_id"))
        _check_ledger(ctx, session, lines)
    runs.merge_counts(session, ctx.run.id, counts | lines.counts() | {"files": len(rendered)})


def _check_ledger(ctx: StepContext, session: ScopedSession, lines: LedgerLines) -> None:
    written = ledger.totals_of_run(session, ctx.tenant_id, ctx.run.id)
    if written != {event: (rows, cents) for event, (rows, cents) in lines.by_kind.items()}:
        raise PermanentError(
            "What the ledger took down is not what stands in the files. Nothing was sent, and nothing of it is kept."
        )


def _park_half_rows(ctx: StepContext, refusals: Refusals, numbers: set[int]) -> None:
    """Their reasons are kept, before everything is written anew without them."""
    with ctx.transaction() as session:
        reasons = (row for row in refusals if row[0] in numbers)
        bursar.refuse_rows(session, ctx.tenant_id, ctx.run.id, lambda: reasons)
