"""The other way to Alma: payments in a file for its bursar import, confirmed by what Alma shows afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from webapp.adapters.alma.bursar_import import PaidFee, import_chunks
from webapp.adapters.errors import PermanentError
from webapp.domain.layouts.file_names import (
    FileNameContext,
    FileNameError,
    file_name,
    with_suffix_on_collision,
)
from webapp.domain.payments.posting import IMPORT_OP, PAY_OP
from webapp.store import effects, files, import_lines, posting
from worker.pipelines.posting.line_words import detail_of
from worker.pipelines.posting.send import IMPORT_KIND, LineSender
from worker.pipelines.shared.delivery import SFTP, carrier_of, leave_for_download, open_drop, put_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.adapters.alma.records import AlmaFee
    from webapp.adapters.sftp import SftpTarget
    from webapp.domain.campus_settings import CampusSettings
    from webapp.store.import_lines import LineForFile
    from webapp.store.posting import LineToPost
    from worker.steps import StepContext

# Alma's ids end with its number of the institution.
_INSTITUTION_DIGITS = 4


class ImportSender(LineSender):
    """Takes lines up for the file instead of posting them; only waivers, which no file can hold, go fee by fee."""

    def _post(self, line: LineToPost, fee: AlmaFee) -> None:
        if line.op not in {PAY_OP, IMPORT_OP}:
            super()._post(line, fee)
            return
        line = replace(line, op=IMPORT_OP)
        detail = detail_of(line, fee) | {
            "user_primary_id": fee.user_primary_id or line.patron_key,
            "fee_type": fee.type_code,
            "library": "" if fee.library == self._way.institution_code else fee.library,
            "title": fee.title,
            "barcode": fee.barcode,
            "bursar_ref": fee.bursar_transaction_id or fee.fee_id,
        }
        with self._ctx.transaction() as session:
            if posting.start_sending(session, line, fee.fee_id, op=line.op):
                effects.intend(
                    session, self._ctx.run.id, key=line.effect_key, kind=IMPORT_KIND, detail=detail
                )


def deliver_import(ctx: StepContext, campus: CampusSettings) -> None:
    """Write the file with the lines that are in none yet, and hand over every file of the run.

    Raises: RetryableError, PermanentError, UnknownOutcomeError.
    """
    _build(ctx, campus)
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    if not made:
        return
    if carrier_of(campus) == SFTP:
        put_files(ctx, import_drop(ctx, campus), made)
    else:
        leave_for_download(ctx, made)


def import_drop(ctx: StepContext, campus: CampusSettings) -> SftpTarget:
    """Where Alma fetches its import files, as the settings say now. One that was not fetched yet is never replaced."""
    return open_drop(ctx, campus, {"collision": "refuse", "directory": campus["posting"]["import_directory"]})


def take_back_undelivered(ctx: StepContext) -> None:
    """The run fails: what its files hold waits for the next one, unless a file may have reached Alma."""
    with ctx.transaction() as session:
        for file in files.files_of(session, ctx.tenant_id, ctx.run.id):
            effect = effects.effect_of_file(session, ctx.run.id, file.id)
            is_open = effect is not None and effect.state in {"sent", "unknown", "confirmed"}
            if file.confirmed_at is None and not is_open:
                words = f"{file.name} could not be handed over."
                import_lines.take_back_file(session, file.id, words, is_certain=True)


def _build(ctx: StepContext, campus: CampusSettings) -> None:
    """Nothing is on record before the file is whole, and its lines count as on their way from that moment on."""
    with ctx.transaction() as session:
        part = len(files.files_of(session, ctx.tenant_id, ctx.run.id)) + 1
        lines = list(import_lines.lines_for_file(session, ctx.run.id))
    if not lines:
        return
    key = f"{ctx.tenant_id}/{ctx.run.id}/payments-{part}.xml"
    with ctx.files.writer(key) as out:
        for chunk in import_chunks(_paid(ctx, campus, lines), file_number=str(ctx.run.id)):
            out.write(chunk)
    values = {
        "run_id": ctx.run.id,
        "kind": import_lines.FILE_KIND,
        "hold_code": "",
        "part": part,
        "name": _name(ctx, campus, part),
        "store_key": key,
        "size": out.size,
        "sha256": out.sha256,
        "row_count": len(lines),
        "total_cents": sum(line.amount_cents for line in lines),
    }
    with ctx.transaction() as session:
        file = files.record_file(session, ctx.tenant_id, values)
        if import_lines.put_in_file(session, ctx.run.id, file.id) != len(lines):
            raise RuntimeError(f"the lines of run {ctx.run.id} changed while their file was written")


def _paid(ctx: StepContext, campus: CampusSettings, lines: list[LineForFile]) -> Iterator[PaidFee]:
    paid_at = _wall_clock(ctx)
    for line in lines:
        detail = line.detail
        yield PaidFee(
            institution=str(detail["fee_id"])[-_INSTITUTION_DIGITS:],
            patron_id=detail["user_primary_id"],
            id_type="userName",
            patron_name="",
            fee_type=detail["fee_type"],
            library=detail["library"],
            title=detail["title"],
            barcode=detail["barcode"],
            comment=f"{campus['posting']['comment']} {line.external_id}".strip(),
            amount_cents=line.amount_cents,
            bursar_ref=detail["bursar_ref"],
            paid_at=paid_at,
        )


def _name(ctx: StepContext, campus: CampusSettings, part: int) -> str:
    at = _wall_clock(ctx)
    context = FileNameContext(
        ctx.tenant.slug, import_lines.FILE_KIND, at.date(), at, part, extra={"run": str(ctx.run.id)}
    )
    try:
        name = file_name(campus["posting"]["import_file_name"], context)
        name = name if part == 1 else with_suffix_on_collision(name, part)
    except FileNameError as err:
        raise PermanentError(
            f"The name of Alma's import file cannot be made: {err}. Correct it in the settings, page Posting to Alma. "
            "Nothing was sent."
        ) from err
    with ctx.transaction() as session:
        if files.name_is_taken(session, ctx.tenant_id, name=name, run_id=ctx.run.id):
            raise PermanentError(
                f"The name {name} was given to an earlier file. Add {{run}} to the name of Alma's import file in the "
                "settings, page Posting to Alma. Nothing was sent."
            )
    return name


def _wall_clock(ctx: StepContext) -> datetime:
    return ctx.now.astimezone(ZoneInfo(ctx.tenant.time_zone)).replace(tzinfo=None)
