"""Build the journal's file. From here on its name and bytes are fixed."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.errors import PermanentError
from webapp.domain.journal import Booked, Chartfields, JournalError, journal_rows
from webapp.domain.layouts import (
    LayoutError,
    RenderError,
    RowRefusedError,
    SetContext,
    compile_set,
    render_set,
)
from webapp.domain.layouts.file_names import FileNameError
from webapp.domain.money import format_cents
from webapp.services.choose_layout_set import frozen_layout_set
from webapp.store import files, journals, runs
from worker.pipelines.journal.story import tell
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.adapters.files import FileWriter
    from webapp.domain.layouts import CompiledSet, RenderedFile
    from webapp.domain.layouts.catalogue import Row


class _Sink:
    """A part's bytes; the store ends it when the whole journal stands."""

    def __init__(self, writer: FileWriter) -> None:
        self.write = writer.write

    def close(self) -> None:
        """Nothing: the stack of writers closes them together."""


def build(ctx: StepContext) -> Continue:
    """Write the file and record it. Raises: PermanentError; then nothing leaves and the payments wait."""
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    if not made:
        ctx.files.forget_parts(_folder(ctx))
        _build(ctx)
    tell(ctx, [])
    return Continue({})


def _build(ctx: StepContext) -> None:
    gathered = ctx.result("gather")
    rows = _rows(gathered)
    compiled = _compiled(ctx, gathered)
    writers: dict[tuple[str, int], FileWriter] = {}
    with ExitStack() as stack:

        def open_part(kind: str, part: int) -> _Sink:
            writer = stack.enter_context(ctx.files.writer(f"{_folder(ctx)}/{kind}-{part}"))
            writers[kind, part] = writer
            return _Sink(writer)

        try:
            rendered = render_set(compiled, rows, open_part, on_refused=_refuse)
        except (RenderError, RowRefusedError, FileNameError) as err:
            raise PermanentError(f"The journal cannot be written: {err} Nothing was sent.") from err
    _check(rendered)
    _record(ctx, gathered, rendered)


def _check(rendered: list[RenderedFile]) -> None:
    """Each file is loaded by itself, so each must come to zero."""
    for file in rendered:
        if file.total_cents:
            raise PermanentError(
                f"The lines of {file.name} do not add up to zero but to {format_cents(file.total_cents)}. Nothing was sent; "
                "correct the layout: it must not part the sides of a day's journal."
            )


def _rows(gathered: Mapping[str, Any]) -> list[dict[str, Any]]:
    settings = gathered["settings"]
    booked = [
        Booked(date.fromisoformat(one["on"]), Chartfields(**one["chartfields"]), one["cents"], one["count"])
        for one in gathered["sums"]
    ]
    try:
        return list(
            journal_rows(
                booked,
                Chartfields.read(settings["clearing"]),
                business_unit=settings["business_unit"],
                ledger=settings["ledger"],
                source=settings["source"],
                currency=settings["currency"],
            )
        )
    except JournalError as err:
        raise PermanentError(str(err)) from err


def _compiled(ctx: StepContext, gathered: Mapping[str, Any]) -> CompiledSet:
    run_at = ctx.now.astimezone(ZoneInfo(ctx.tenant.time_zone))
    begins = datetime.combine(run_at.date(), time(), run_at.tzinfo)
    with ctx.transaction() as session:
        chosen = frozen_layout_set(session, gathered["layout"])
        day = (begins, begins + timedelta(days=1))
        sequence = journals.next_sequence(session, ctx.tenant_id, ctx.run.id, day)
    file_name = gathered["settings"]["file_name"]
    ready = chosen.ready(tables={}, calendars={}, file_name=file_name, subject="journal")
    context = SetContext(
        run_at=run_at, campus=ctx.tenant.slug, campus_name=ctx.tenant.name, sequence=sequence
    )
    try:
        return compile_set(ready, context)
    except (LayoutError, FileNameError) as err:
        raise PermanentError(f"The layout {chosen.name} cannot be used: {err} Nothing was sent.") from err


def _refuse(row: Row, error: RowRefusedError) -> None:
    # A journal without one of its lines does not balance: it is refused whole.
    raise PermanentError(
        f"The layout cannot write the line of account {row.get('account')}, fund {row.get('fund')}: {error.field}: "
        f"{error.reason}. Nothing was sent; correct the layout or the chartfields."
    )


def _record(ctx: StepContext, gathered: Mapping[str, Any], rendered: list[RenderedFile]) -> None:
    with ctx.transaction() as session:
        for file in rendered:
            files.record_file(
                session,
                ctx.tenant_id,
                {
                    "run_id": ctx.run.id,
                    "kind": file.kind,
                    "part": file.part,
                    "hold_code": "",
                    "name": file.name,
                    "store_key": f"{_folder(ctx)}/{file.kind}-{file.part}",
                    "size": file.size,
                    "sha256": file.sha256,
                    "row_count": file.rows,
                    "total_cents": file.total_cents,
                    "layout_name": gathered["layout"]["name"],
                    "layout_version": gathered["layout"]["version"],
                },
            )
        runs.merge_counts(session, ctx.run.id, {"files": len(rendered)})


def _folder(ctx: StepContext) -> str:
    return f"{ctx.tenant_id}/runs/{ctx.run.id}"
