"""``feebridge files``: list and fetch generated files."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import BinaryIO

import click

from webapp.adapters.files import FileStore
from webapp.cli.context import CommandError, find_tenant, opened_core
from webapp.cli.runs import COMMAND_LINE, tenant_option
from webapp.domain.money import format_cents
from webapp.models import File, Tenant
from webapp.models.scope import tenant_scope
from webapp.services.audit import record
from webapp.services.download_file import FileGoneError
from webapp.services.fetch_file import fetch_file
from webapp.store import files as file_store


@click.group()
def files() -> None:
    """Look at generated files and fetch them."""


@files.command(name="list")
@tenant_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_files(slug: str, limit: int) -> None:
    """The newest files of a campus."""
    with opened_core():
        tenant = find_tenant(slug)
        with tenant_scope(tenant.id) as session:
            rows = file_store.newest_files(session, tenant.id, limit)
    for row in rows:
        state = "confirmed" if row.confirmed_at else "not confirmed"
        click.echo(
            f"{row.id:>8}  run {row.run_id:<6} {row.name}  {row.row_count:,} lines  "
            f"{format_cents(row.total_cents)}  {state}  sha256 {row.sha256[:12]}…"
        )
    if not rows:
        click.echo("No files yet.")


@files.command()
@click.argument("file_id", type=int)
@tenant_option
@click.option(
    "--out", type=click.Path(dir_okay=True, path_type=Path), help="A file or folder; “-” for the screen."
)
def get(file_id: int, slug: str, out: Path | None) -> None:
    """Copy one file, byte for byte, to look at it; it never counts as told. An existing file is never overwritten."""
    with opened_core() as settings:
        tenant = find_tenant(slug)
        with tenant_scope(tenant.id) as session:
            row = file_store.file_by_id(session, tenant.id, file_id)
            if row is None or row.purged_at or row.kind == "collected":
                raise CommandError(
                    f"{tenant.name} has no file {file_id}. See: feebridge files list --tenant {slug}"
                )
            record(session, actor=COMMAND_LINE, action="file.downloaded", subject=row.name)
            session.commit()
        with FileStore(settings.files_url).open(row.store_key) as source:
            _write_out(row, source, out)


@files.command()
@click.argument("file_id", type=int)
@tenant_option
@click.option(
    "--out", type=click.Path(dir_okay=True, path_type=Path), help="A file or folder; “-” for the screen."
)
def fetch(file_id: int, slug: str, out: Path | None) -> None:
    """Take a file that waits in the portal to PeopleSoft: from now on its lines count as told."""
    with opened_core() as settings:
        tenant = find_tenant(slug)
        _refuse_overwriting(tenant, file_id, out)
        try:
            row, source = fetch_file(tenant.id, file_id, COMMAND_LINE, FileStore(settings.files_url))
        except (LookupError, FileGoneError) as err:
            reason = str(err) if isinstance(err, FileGoneError) else f"No file {file_id} waits to be fetched."
            raise CommandError(f"{reason} To look at a file: feebridge files get") from err
        with source:
            _write_out(row, source, out)


def _refuse_overwriting(tenant: Tenant, file_id: int, out: Path | None) -> None:
    """Before anything counts: once it is told, the bytes must have a place to go."""
    with tenant_scope(tenant.id) as session:
        row = file_store.file_by_id(session, tenant.id, file_id)
    if row is not None and str(out) != "-" and _place(row, out).exists():
        raise _already_there(_place(row, out))


def _place(row: File, out: Path | None) -> Path:
    return (out / row.name) if out and out.is_dir() else (out or Path(row.name))


def _already_there(target: Path) -> CommandError:
    return CommandError(f"{target} is already there and was left as it is; name another with --out.")


def _write_out(row: File, source: BinaryIO, out: Path | None) -> None:
    if str(out) == "-":
        shutil.copyfileobj(source, sys.stdout.buffer)
        return
    target = _place(row, out)
    try:
        with target.open("xb") as copy:
            shutil.copyfileobj(source, copy)
    except FileExistsError:
        raise _already_there(target) from None
    except OSError as err:
        raise CommandError(
            f"{target} could not be written: {err.strerror or err}. The file itself is still in the store."
        ) from err
    click.echo(f"{target}  {row.size:,} bytes  sha256 {row.sha256}")


COMMANDS = (files,)
