"""``feebridge inbound``: files that arrived, handing one in, and looking where they arrive."""

from __future__ import annotations

import time
from pathlib import Path

import click

from webapp.adapters.errors import PermanentError
from webapp.cli.context import EXIT_RUN_FAILED, CommandError, find_tenant, opened_core
from webapp.cli.runs import COMMAND_LINE, tenant_option
from webapp.models.scope import tenant_scope
from webapp.services.fetch_arrivals import fetch_arrivals
from webapp.services.receive_file import Origin, Received, receive_file
from webapp.store import inbound as inbound_store

KINDS = {
    "bursar": "bursar_xml",
    "load-result": "load_result",
    "payments": "payments",
    "hold-list": "hold_list",
    "student-list": "student_list",
}


@click.group()
def inbound() -> None:
    """Files that come in: Alma's bursar files, what PeopleSoft says of lines, payments and holds, and students."""


@inbound.command(name="list")
@tenant_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_inbound(slug: str, limit: int) -> None:
    """The newest files that arrived, and what became of each."""
    with opened_core():
        tenant = find_tenant(slug)
        with tenant_scope(tenant.id) as session:
            rows = inbound_store.newest(session, limit=limit)
    for row in rows:
        run = f"run {row.run_id}" if row.run_id else "no run yet"
        click.echo(
            f"{row.id:>8}  {row.state:<9} {row.name}  {row.size:,} bytes  by {row.origin}  {run}  "
            f"sha256 {row.sha256[:12] or '–'}  {row.message}".rstrip()
        )
    if not rows:
        click.echo("No file has arrived yet.")


@inbound.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@tenant_option
@click.option("--kind", type=click.Choice(list(KINDS)), default="bursar", show_default=True)
def add(file: Path, slug: str, kind: str) -> None:
    """Hand one file in. A run is asked for it (a list of students is for the next); the same content again is only noted."""
    with opened_core() as settings:
        tenant = find_tenant(slug)
        origin = Origin(KINDS[kind], "upload", file.name, "command line")
        try:
            with file.open("rb") as source:
                received = receive_file(tenant.id, origin, source, settings=settings, actor=COMMAND_LINE)
        except PermanentError as err:
            raise CommandError(err.message, EXIT_RUN_FAILED) from err
    if received.state == "refused":
        raise CommandError(received.message, EXIT_RUN_FAILED)
    click.echo(_words(file.name, received))


@inbound.command()
@tenant_option
def fetch(slug: str) -> None:
    """Look where the campus's files arrive, take in what is new and complete, and ask for a run of each."""
    with opened_core() as settings:
        tenant = find_tenant(slug)
        received = fetch_arrivals(tenant.id, settings, actor=COMMAND_LINE, wait=time.sleep, submit=True)
        with tenant_scope(tenant.id) as session:
            names = {row.id: row.name for row in inbound_store.newest(session, limit=max(len(received), 1))}
    for one in received:
        click.echo(_words(names.get(one.inbound_file_id, "A file"), one))
    if not received:
        click.echo("Nothing new lies there.")


def _words(name: str, received: Received) -> str:
    said = f"{name}: {received.state}, file {received.inbound_file_id}, {received.size:,} bytes."
    run = f" Run {received.run_id} reads it." if received.run_id else ""
    return f"{said}{run} {received.message}".rstrip()


COMMANDS = (inbound,)
