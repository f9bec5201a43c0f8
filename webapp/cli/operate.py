"""Commands for those who run Feebridge: processes, migrations, keys, the audit log, the sandbox."""

from __future__ import annotations

import os
import time

import click
from alembic.util import CommandError as MigrationError

from webapp.adapters.vault import Vault
from webapp.cli.context import (
    EXIT_NOT_REACHABLE,
    EXIT_RUN_FAILED,
    CommandError,
    all_tenants,
    find_tenant,
    opened_core,
    opened_settings,
)
from webapp.cli.processes import StopRequestedError, Supervisor, replace_process, stop_on_signals
from webapp.cli.rehearsal import other_side
from webapp.config import data_dir
from webapp.migrate import migrate as migrate_database
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.check_alma import check_alma
from webapp.services.rewrap_secrets import rewrap_secrets

WEB_COMMAND = ("-m", "gunicorn", "--threads", "8", "webapp.app:create_app()")


@click.command()
@click.option("--to", "revision", default="head", help="A revision, or “base” for an empty database.")
def migrate(revision: str) -> None:
    """Bring the database to the newest schema (with DATABASE_OWNER_URL)."""
    with opened_settings() as settings:
        if not settings.owner_database_url:
            raise CommandError(
                "DATABASE_OWNER_URL is not set: migrations run as the owner role.", EXIT_NOT_REACHABLE
            )
        try:
            reached = migrate_database(settings.owner_database_url, revision=revision)
        except MigrationError as err:
            raise CommandError(f"{err}. The database was not changed.") from err
        click.echo(f"The database is at revision {reached}.")


@click.command()
@click.option("--queue", type=click.Choice(["batch", "interactive"]), default="batch", show_default=True)
def worker(queue: str) -> None:
    """Start a worker on one queue."""
    _become("worker.main", "--queue", queue)


@click.command()
def scheduler() -> None:
    """Start a scheduler; any number may run at once."""
    _become("worker.scheduler")


def _become(module: str, *arguments: str) -> None:
    # With named servers the process simply becomes the worker; built-in ones must be held while it runs.
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        replace_process(os.environ, "-m", module, *arguments)
    with opened_settings():
        stop_on_signals()
        supervisor = Supervisor(os.environ, data_dir(os.environ) / "logs")
        supervisor.start(module.rsplit(".", 1)[-1], "-m", module, *arguments)
        keep_running(supervisor)


@click.command()
@click.option("--port", type=int, default=8000, show_default=True)
def serve(port: int) -> None:
    """Start the portal, two workers and a scheduler on this machine."""
    os.environ.setdefault("FEEBRIDGE_BASE_URL", f"http://127.0.0.1:{port}")
    os.environ.setdefault("FEEBRIDGE_SECURE_COOKIES", "no")
    with opened_settings() as settings:
        stop_on_signals()
        supervisor = Supervisor(os.environ, data_dir(os.environ) / "logs")
        start_feebridge(supervisor, port)
        click.echo(f"Feebridge is at {settings.base_url}. Logs: {supervisor.log_folder}. Ctrl-C stops it.")
        keep_running(supervisor)


def start_feebridge(supervisor: Supervisor, port: int) -> None:
    """Start web, workers and scheduler under the supervisor."""
    supervisor.start("web", *WEB_COMMAND, "--bind", f"127.0.0.1:{port}")
    supervisor.start("worker-batch", "-m", "worker.main", "--queue", "batch")
    supervisor.start("worker-interactive", "-m", "worker.main", "--queue", "interactive")
    supervisor.start("scheduler", "-m", "worker.scheduler")


def keep_running(supervisor: Supervisor) -> None:
    """Watch the processes until a signal; then stop them."""
    try:
        while True:
            time.sleep(0.5)
            for note in supervisor.watch_once():
                click.echo(note, err=True)
    except StopRequestedError:
        click.echo("Stopping …", err=True)
    finally:
        supervisor.stop()


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Start the stand-in Alma, SFTP drop and mailbox (--help for its options)."""
    replace_process(os.environ, "-m", "webapp.sandbox", *arguments)


@click.command(name="check-alma")
@click.option("--tenant", "slug", required=True, help="Short name of the campus.")
def check_alma_command(slug: str) -> None:
    """Ask Alma whether the campus's key works and belongs to the campus. Changes nothing."""
    with other_side(data_dir(os.environ)), opened_core() as settings:
        result = check_alma(find_tenant(slug).id, settings)
        for line in result.lines:
            click.echo(line)
        if not result.is_well:
            raise click.exceptions.Exit(EXIT_RUN_FAILED)


@click.group()
def secrets() -> None:
    """The sealed keys and passwords of campuses."""


@secrets.command()
def rewrap() -> None:
    """Seal every secret anew with the first key of FEEBRIDGE_VAULT_KEYS."""
    with opened_core() as settings:
        vault = Vault(settings.vault_keys, settings.vault_active_key)
        count = sum(rewrap_secrets(tenant.id, vault) for tenant in all_tenants())
        click.echo(f"{count} secrets are now sealed with key “{settings.vault_active_key}”.")


@click.group(name="audit")
def audit_group() -> None:
    """The log of changes."""


@audit_group.command()
def verify() -> None:
    """Check the audit chain of every campus."""
    with opened_core():
        faults = 0
        for tenant in all_tenants():
            with tenant_scope(tenant.id) as session:
                found = audit.verify_chain(session)
            click.echo(f"{tenant.slug}: " + ("whole" if not found else " ".join(found)))
            faults += len(found)
        if faults:
            raise click.exceptions.Exit(EXIT_RUN_FAILED)


COMMANDS = (migrate, worker, scheduler, serve, sandbox, check_alma_command, secrets, audit_group)
