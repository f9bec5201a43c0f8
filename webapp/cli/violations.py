"""``feebridge violations``: hand in the parking system's file, from a nightly script for instance."""

from __future__ import annotations

from pathlib import Path

import click

from webapp.adapters.errors import OutsideError
from webapp.adapters.files import FileStore
from webapp.cli.context import EXIT_NOT_REACHABLE, CommandError, find_tenant, opened_core
from webapp.cli.runs import COMMAND_LINE, tenant_option
from webapp.services.violation_uploads import UploadTooLargeError, hand_in, upload_words


@click.group()
def violations() -> None:
    """Hand in a parking system's violations file."""


@violations.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@tenant_option
def put(file: Path, slug: str) -> None:
    """Hand in one file. The next holds export reads it; nothing is sent by this."""
    with opened_core() as settings:
        tenant = find_tenant(slug)
        try:
            with file.open("rb") as source:
                kept = hand_in(FileStore(settings.files_url), tenant.id, file.name, source, COMMAND_LINE)
        except UploadTooLargeError as err:
            raise CommandError(str(err)) from err
        except OutsideError as err:
            raise CommandError(str(err), EXIT_NOT_REACHABLE) from err
        words = upload_words(kept, tenant.time_zone)
    click.echo(f"{words}  {kept['size']:,} bytes  sha256 {kept['sha256']}")


COMMANDS = (violations,)
