"""PeopleSoft's own list of holds, where one has come, beside the register of holds we placed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.errors import OutsideError
from webapp.domain.identifiers import IdentifierError, clean_emplid
from webapp.domain.layouts.inbound import InboundFault, InboundFileError, read_rows
from webapp.domain.reconcile import judge
from webapp.services.audit import Actor
from webapp.services.campus_settings import read_all
from webapp.services.fetch_payments import fetch_hold_lists
from webapp.services.read_load_result import choose_inbound_layout
from webapp.store import differences, hold_lists, inbound
from webapp.store.clock import database_now
from worker.pipelines.recon.collect import UNREAD
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from datetime import date

    from webapp.domain.campus_settings import CampusSettings
    from webapp.domain.layouts.inbound import InboundLayout
    from webapp.models import InboundFile
    from webapp.models.scope import ScopedSession

HOLDS = "holds"
NO_LIST: dict[str, Any] = {"why": "", "name": "", "listed": 0, "faults": 0, "found": {}, "taken": {}}
_SLICE_S = 0.5


def hold_list(ctx: StepContext) -> Continue:
    """Read the newest list that waits and make what it says of our holds the open differences; without one, nothing."""
    named = ctx.run.options.get("inbound_file_id")
    try:
        if named is None and not ctx.run.dry_run:
            _fetch(ctx)
        return Continue(_compare(ctx, int(named) if named is not None else None))
    except OutsideError as err:
        ctx.note(f"The list of holds could not be read: {err.message}")
        return Continue(NO_LIST | {"why": err.message})
    except InboundFileError as err:
        return Continue(NO_LIST | {"why": _refuse(ctx, named, err)})


def _compare(ctx: StepContext, named: int | None) -> dict[str, Any]:
    closes = (HOLDS,) if ctx.result("collect")["alma"] != UNREAD else ()
    with ctx.transaction() as session:
        file = hold_lists.newest_waiting(session, named)
        if file is None:
            return NO_LIST
        campus = read_all(session)
        layout = choose_inbound_layout(session, campus["reconciliation"]["hold_list_layout"])
        faults = _read(ctx, session, file, layout, campus)
        listed = hold_lists.tell_listed(session)
        if listed.registered and listed.ours and not listed.known:
            raise InboundFileError(
                f"{file.name} lists {listed.ours:,} holds with our codes, and not one student of ours. It may be another "
                "campus's; nothing of it was used."
            )
        now = database_now(session)
        found: dict[str, int] = {}
        listed_at = min(file.modified_at or file.received_at, file.received_at)
        with differences.judged_rows(session) as add:
            for beside in hold_lists.drifted(session, listed_at):
                finding = judge(beside, now, campus["reconciliation"]["timing_hours"])
                found[finding.kind] = found.get(finding.kind, 0) + 1
                add(beside, finding)
        result = NO_LIST | {"name": file.name, "listed": listed.ours, "faults": faults, "found": found}
        if ctx.run.dry_run:
            return result
        # A line that could not be read may be of a hold that then only seems to be missing.
        taken = differences.take_judged(session, ctx.run.id, closes=() if faults else closes)
        hold_lists.pass_over_older(session, file, ctx.run.id)
        file.run_id, file.row_count = ctx.run.id, listed.ours
        inbound.settle_file(session, file.id, "done")
    return result | {"taken": {"opened": taken.opened, "cleared": taken.cleared}}


def _read(
    ctx: StepContext, session: ScopedSession, file: InboundFile, layout: InboundLayout, campus: CampusSettings
) -> int:
    """Stage every hold in force; returns how many lines could not be read. Raises: InboundFileError."""
    bursar = campus["bursar"]
    today = ctx.now.astimezone(ZoneInfo(ctx.tenant.time_zone)).date()
    rows = faults = 0
    with ctx.files.open(file.store_key) as source, hold_lists.listed_rows(session) as add:
        for row in read_rows(source, layout):
            rows += 1
            if isinstance(row, InboundFault):
                faults += 1
                continue
            try:
                emplid = clean_emplid(
                    row.text("emplid"), digits=bursar["emplid_digits"] or None, pad=bursar["emplid_pad"]
                )
            except IdentifierError:
                faults += 1
                continue
            if not _is_over(row.day("hold_to_on"), today):
                add(emplid, row.text("hold_code"))
            if rows % 1_000 == 0:
                ctx.stop_if_asked()
    if not rows or rows == faults:
        raise InboundFileError(
            f"{file.name} has no line of a hold that could be read with the layout {layout.name!r}. Nothing of it was used."
        )
    return faults


def _is_over(to_on: date | None, today: date) -> bool:
    return to_on is not None and to_on < today


def _refuse(ctx: StepContext, named: int | None, err: InboundFileError) -> str:
    """The list that could not be read is marked so, and read no more."""
    if not ctx.run.dry_run:
        with ctx.transaction() as session:
            file = hold_lists.newest_waiting(session, named)
            if file is not None:
                inbound.settle_file(session, file.id, "refused", message=err.message)
    return err.message


def _fetch(ctx: StepContext) -> None:
    def wait(seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ctx.progress(0, 1, "Waiting whether new files are complete")
            time.sleep(min(_SLICE_S, left))

    ctx.progress(0, 1, "Looking for PeopleSoft's list of holds")
    fetch_hold_lists(
        ctx.tenant_id, ctx.settings, ctx.vault, actor=Actor(None, f"run {ctx.run.id}"), wait=wait
    )
