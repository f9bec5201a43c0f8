"""Hand a run's files over: by SFTP, by the report mail, or left in the portal. What a file told counts once it is confirmed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import OutsideError
from webapp.adapters.sftp import SftpTarget, put_file
from webapp.services.campus_settings import read_all
from webapp.services.confirm_delivery import confirm_delivered_file
from webapp.services.delivery_targets import open_sftp_secrets, sftp_target
from webapp.services.settle_by_looking import Look, frozen_target, look_for_file, place_of
from webapp.store import effects, files
from worker.effects import perform_effect
from worker.pipelines.shared.mail import is_mail_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from webapp.domain.campus_settings import CampusSettings
    from webapp.models import File
    from webapp.models.scope import ScopedSession
    from worker.steps import StepContext

SFTP, MAIL, DOWNLOAD = "sftp", "mail", "download"


def current_settings(ctx: StepContext) -> CampusSettings:
    """The campus's settings as they are now."""
    with ctx.transaction() as session:
        return read_all(session)


def carrier_of(campus: CampusSettings) -> str:
    """What takes the files to PeopleSoft; only its confirmation counts as told. A mail with a link is a notice."""
    if campus["delivery"]["sftp_enabled"]:
        return SFTP
    carries = is_mail_wanted(campus) and campus["notification"]["attach_files"]
    return MAIL if carries else DOWNLOAD


def open_drop(ctx: StepContext, campus: CampusSettings, files_section: Mapping[str, Any]) -> SftpTarget:
    """The campus's SFTP drop as the settings name it now.

    ``files_section`` says what happens when a name is taken (``collision``), and may name another ``directory``.
    """
    with ctx.transaction() as session:
        secrets = open_sftp_secrets(session, ctx.vault)
    delivery = dict(campus["delivery"])
    if files_section.get("directory"):
        delivery["sftp_directory"] = files_section["directory"]
    return sftp_target(ctx.settings, delivery, files_section, secrets)


def put_files(ctx: StepContext, target: SftpTarget, made: Sequence[File]) -> None:
    """Put each file into the drop, once. Raises: RetryableError, PermanentError, UnknownOutcomeError."""
    for number, file in enumerate(made, 1):
        ctx.progress(number - 1, len(made), f"Sending {file.name} to {target.host}")
        _put(ctx, target, file)


def confirm_all(made: Sequence[File], session: ScopedSession, _evidence: dict[str, Any]) -> None:
    """The mail with these files was accepted."""
    for file in made:
        confirm_delivered_file(session, file)


def leave_for_download(ctx: StepContext, made: Sequence[File]) -> None:
    """The files wait in the portal until somebody fetches them."""
    with ctx.transaction() as session:
        for file in made:
            files.delivery_of(session, ctx.tenant_id, run_id=ctx.run.id, file_id=file.id, target=DOWNLOAD)


def _put(ctx: StepContext, target: SftpTarget, file: File) -> None:
    key, token = f"run:{ctx.run.id}:file:{file.id}:sftp", f"r{ctx.run.id}f{file.id}"
    detail = {
        "file_ids": [file.id],
        "name": file.name,
        "token": token,
        "size": file.size,
        "sha256": file.sha256,
        "target": frozen_target(target),
    }

    def send(before_effect: Callable[[], None]) -> dict[str, Any]:
        receipt = put_file(
            target,
            name=file.name,
            token=token,
            open_source=partial(ctx.files.open, file.store_key),
            size=file.size,
            sha256=file.sha256,
            before_effect=before_effect,
            row_count=file.row_count,
            total_cents=file.total_cents,
        )
        return {"final_name": receipt.final_name, "seconds": receipt.seconds, "notes": list(receipt.notes)}

    def look() -> Look:
        with ctx.transaction() as session:
            effect = effects.effect_of_key(session, key)
            sent = dict(effect.detail) if effect else {}
        return look_for_file(target, sent)

    def confirmed(session: ScopedSession, evidence: dict[str, Any]) -> None:
        _record(ctx, session, key, file, "delivered", evidence.get("final_name", file.name))
        confirm_delivered_file(session, file)

    try:
        perform_effect(ctx, key=key, kind="sftp", detail=detail, send=send, look=look, on_confirm=confirmed)
    except OutsideError as err:
        with ctx.transaction() as session:
            effect = effects.effect_of_key(session, key)
            # A look that could not be taken leaves it as open as one that cannot tell.
            state = "unknown" if effect is not None and effect.state in {"sent", "unknown"} else "failed"
            _record(ctx, session, key, file, state, message=err.message)
        raise


def _record(
    ctx: StepContext,
    session: ScopedSession,
    key: str,
    file: File,
    state: str,
    remote_name: str = "",
    message: str = "",
) -> None:
    delivery = files.delivery_of(session, ctx.tenant_id, run_id=ctx.run.id, file_id=file.id, target=SFTP)
    effect = effects.effect_of_key(session, key)
    address = place_of(effect.detail) if effect else ""
    delivery.state, delivery.address, delivery.message = state, address, message
    if state == "delivered":
        delivery.remote_name = remote_name
        files.stamp_delivered(session, ctx.tenant_id, delivery.id)
