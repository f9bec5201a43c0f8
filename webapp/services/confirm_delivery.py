"""A file has reached PeopleSoft's side: from now on the register, or the ledger, says what it told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.store import bursar, files, holds, runs

if TYPE_CHECKING:
    from webapp.models import File
    from webapp.models.scope import ScopedSession

MONEY_PIPELINES = ("gl_journal", "payment_posting", "payment_import")
# What PeopleSoft knows once it has a file of this kind: A added, U updated, R released.
TOLD_BY = {"added": ("A", "U"), "released": ("R",), "snapshot": ("A", "U", "R")}


def confirm_delivered_file(session: ScopedSession, file: File, *, learned_late: bool = False) -> int:
    """Count the file's lines as told, in the caller's transaction; a second time changes nothing.

    For holds the register advances. The ledger's lines were written before the file left and count by its fate.
    ``learned_late``: it arrived a while ago, so whatever PeopleSoft was told since stands, and only the rest advances.
    Returns how many lines it told.
    """
    files.confirm_file(session, file.tenant_id, file.id)
    if tells_no_holds(session, file):
        return file.row_count
    if learned_late and files.newer_snapshot(session, file, only_confirmed=True) is not None:
        return 0
    return holds.advance_register(
        session,
        tenant_id=file.tenant_id,
        run_id=file.run_id,
        file_id=file.id,
        actions=TOLD_BY[file.kind],
        hold_code=file.hold_code,
        unless_told_since=learned_late,
    )


def tells_charges(session: ScopedSession, file: File) -> bool:
    """Whether the file is a run's about charges; its kind is then a name that the layout chose."""
    run = runs.run_by_id(session, file.run_id)
    return run is not None and run.pipeline in bursar.PIPELINES


def tells_no_holds(session: ScopedSession, file: File) -> bool:
    """Whether the file is about money: charges, or payments that go on. Its lines were written down before it left."""
    run = runs.run_by_id(session, file.run_id)
    return run is not None and run.pipeline in {*bursar.PIPELINES, *MONEY_PIPELINES}
