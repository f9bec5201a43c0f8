"""Read the whole file, or refuse it whole; and find what is new in it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import PermanentError
from webapp.domain.layouts.inbound import InboundFileError
from webapp.domain.payments.rejects import write_rejects
from webapp.services.campus_settings import read_all
from webapp.services.payment_file import StrangersError, payment_layout, read_news, refuse_strangers
from webapp.services.receive_file import GIVEN_BACK
from webapp.store import files, inbound, payment_rows
from worker.pipelines.payments.ask import ask_alma
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings
    from webapp.domain.layouts.inbound import InboundLayout

REJECTS, REASONS = GIVEN_BACK
MOST_FAULTS = 100_000


def read(ctx: StepContext) -> Continue:
    """Stage every line with what is new in it. Raises: RetryableError; PermanentError, and the file is then marked as refused."""
    taken = ctx.result("receive")
    with ctx.transaction() as session:
        campus = read_all(session)
        layout = payment_layout(session, campus)
    ctx.progress(0, 0, f"Reading {taken['name']}")
    try:
        result = _read_known(ctx, campus, layout)
    except InboundFileError as err:
        return _refuse(ctx, err)
    if result["faults"]:
        _give_faults_back(ctx, layout, taken)
    return Continue(result | {"settings": {"payments": dict(campus["payments"])}})


def _read_known(ctx: StepContext, campus: CampusSettings, layout: InboundLayout) -> dict[str, Any]:
    """Read it; where nobody is known here, once more if Alma knows one of the students."""
    try:
        return _read(ctx, campus, layout)
    except StrangersError as err:
        if not ask_alma(ctx, campus, err.emplids)["known"]:
            raise
    return _read(ctx, campus, layout, may_be_strangers=True)


def _read(
    ctx: StepContext, campus: CampusSettings, layout: InboundLayout, *, may_be_strangers: bool = False
) -> dict[str, Any]:
    taken = ctx.result("receive")
    with ctx.files.open(taken["store_key"]) as source, ctx.transaction() as session:
        found = read_news(
            session,
            source,
            layout,
            campus,
            inbound_file_id=taken["inbound_file_id"],
            file_at=datetime.fromisoformat(taken["file_at"]),
            time_zone=ctx.tenant.time_zone,
            on_rows=lambda _rows: ctx.stop_if_asked(),
        )
        if not may_be_strangers:
            refuse_strangers(session, found.rows)
        payment_rows.keep_rows(session, ctx.run.id)
        tallies = payment_rows.tallies(session)
        first_on, last_on = payment_rows.days(session)
        taken_back_cents = payment_rows.taken_back_cents(session)
    return {
        "rows": found.rows,
        "faults": found.faults,
        "tallies": [[tally.verdict, tally.rule, tally.rows, tally.cents] for tally in tallies],
        "new_rows": sum(tally.rows for tally in tallies if tally.verdict == "post"),
        "new_cents": sum(tally.cents for tally in tallies if tally.verdict == "post"),
        "taken_back_cents": taken_back_cents,
        "first_on": first_on.isoformat() if first_on else "",
        "last_on": last_on.isoformat() if last_on else "",
    }


def _refuse(ctx: StepContext, err: InboundFileError) -> Continue:
    taken = ctx.result("receive")
    where = f" (line {err.line})" if err.line and "ine " not in err.message[:6] else ""
    if not ctx.run.dry_run:
        with ctx.transaction() as session:
            inbound.settle_file(session, taken["inbound_file_id"], "refused", message=err.message)
    raise PermanentError(
        f"{taken['name']}{where} was refused. {err.message}",
        evidence={"file": taken["name"], "found": ", ".join(err.found), "wanted": ", ".join(err.wanted)},
    ) from err


def _give_faults_back(ctx: StepContext, layout: InboundLayout, taken: dict[str, Any]) -> None:
    """The lines that could not be read become a file in the sender's own form, with the reasons."""
    with ctx.transaction() as session:
        bad = payment_rows.faults(session, ctx.run.id, MOST_FAULTS)
    folder = f"{ctx.tenant_id}/runs/{ctx.run.id}"
    with (
        ctx.files.open(taken["store_key"]) as source,
        ctx.files.writer(f"{folder}/{REJECTS}") as rejects,
        ctx.files.writer(f"{folder}/{REASONS}") as reasons,
    ):
        count = write_rejects(source, layout, bad, rejects, reasons)
    stem, _, suffix = taken["name"].rpartition(".")
    made = [(REJECTS, rejects, f"{stem or suffix}-rejected.{suffix if stem else 'txt'}")]
    if reasons.size and layout.mode == "positional":
        made.append((REASONS, reasons, f"{stem or suffix}-reasons.txt"))
    with ctx.transaction() as session:
        for kind, writer, name in made:
            files.record_file(
                session,
                ctx.tenant_id,
                {
                    "run_id": ctx.run.id, "kind": kind, "hold_code": "", "name": name, "store_key": f"{folder}/{kind}",
                    "size": writer.size, "sha256": writer.sha256, "row_count": count, "total_cents": 0,
                },
            )  # fmt: skip
