"""``feebridge files``: list and fetch generated files."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from webapp.adapters.files import FileStore
from webapp.cli.context import CommandError, find_tenant, opened_core
from webapp.cli.runs import COMMAND_LINE, tenant_option
from webapp.domain.money import format_cents
from webapp.models.scope import tenant_scope
from webapp.services.audit import record
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
    """Fetch one file, byte for byte. An existing file is never overwritten."""
    with opened_core() as settings:
        tenant = find_tenant(slug)
        with tenant_scope(tenant.id) as session:
            row = file_store.file_by_id(session, tenant.id, file_id)
            if row is None or row.purged_at:
                raise CommandError(
                    f"{tenant.name} has no file {file_id}. See: feebridge files list --tenant {slug}"
                )
            record(session, actor=COMMAND_LINE, action="file.downloaded", subject=row.name)
            session.commit()
        with FileStore(settings.files_url).open(row.store_key) as source:
            if str(out) == "-":
                shutil.copyfileobj(source, sys.stdout.buffer)
                return
            target = (out / row.name) if out and out.is_dir() else (out or Path(row.name))
            try:
                with target.open("xb") as copy:
                    shutil.copyfileobj(source, copy)
            except FileExistsError:
                raise CommandError(
                    f"{target} is already there and was left as it is; name another with --out."
                ) from None
            except OSError as err:
                raise CommandError(
                    f"{target} could not be written: {err.strerror or err}. The file itself is still in the store."
                ) from err
    click.echo(f"{target}  {row.size:,} bytes  sha256 {row.sha256}")


COMMANDS = (files,)
