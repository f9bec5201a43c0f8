"""``feebridge payments``: files of payments checked and imported, and what became of the money."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webapp.adapters.errors import OutsideError, PermanentError
from webapp.cli.context import EXIT_RUN_FAILED, CommandError, find_tenant, opened_core
from webapp.cli.rehearsal import other_side
from webapp.cli.runs import COMMAND_LINE, as_text, describe_run, tenant_option, wait_for_run
from webapp.config import data_dir
from webapp.domain.money import format_cents
from webapp.models.scope import tenant_scope
from webapp.services.apply_money import MoneyRefusedError, pull_back
from webapp.services.check_payments import PaymentCheck, check_payments
from webapp.services.receive_file import Origin, receive_file
from webapp.store import payments as payment_store
from webapp.store.payment_match import PlannedLine

if TYPE_CHECKING:
    from webapp.models import Tenant

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 40
_FINE = {"succeeded", "nothing_to_send"}


@click.group()
def payments() -> None:
    """Money that comes back from PeopleSoft or a cashier."""


@payments.command()
@click.argument("file", type=_FILE)
@tenant_option
@click.option("--offline", is_flag=True, help="Ask Alma nothing.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def check(file: Path, slug: str, offline: bool, is_json: bool) -> None:
    """Say what a file would do, and do nothing: counts, days, what would be posted where, what cannot be matched."""
    with other_side(data_dir(os.environ)), opened_core() as settings:
        tenant = find_tenant(slug)
        try:
            with file.open("rb") as source:
                found = check_payments(tenant.id, source, settings=settings, ask_alma=not offline)
        except OutsideError as err:
            raise CommandError(err.message, EXIT_RUN_FAILED) from err
    if is_json:
        click.echo(json.dumps(asdict(found), default=str, indent=2))
    else:
        click.echo("\n".join(_check_lines(file.name, found)))
    if found.refusal:
        raise click.exceptions.Exit(EXIT_RUN_FAILED)


@payments.command(name="import")
@click.argument("file", type=_FILE)
@tenant_option
@click.option("--wait", is_flag=True, help="Wait until it is booked and posted, and say what happened.")
@click.option(
    "--timeout", "timeout_s", type=int, default=3600, show_default=True, help="Seconds to wait at most."
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def import_file(file: Path, slug: str, wait: bool, timeout_s: int, is_json: bool) -> None:
    """Hand a file in, have it booked, and its payments posted to Alma. The same content again posts nothing."""
    with other_side(data_dir(os.environ)), opened_core() as settings:
        tenant = find_tenant(slug)
        try:
            with file.open("rb") as source:
                received = receive_file(
                    tenant.id, Origin("payments", "upload", file.name, "command line"), source, settings=settings,
                    actor=COMMAND_LINE,
                )  # fmt: skip
        except PermanentError as err:
            raise CommandError(err.message, EXIT_RUN_FAILED) from err
        found: dict[str, Any] = {
            "file": received.inbound_file_id,
            "state": received.state,
            "message": received.message,
            "runs": [],
        }
        if wait and received.run_id is not None:
            found["runs"] = _follow(tenant, received.run_id, timeout_s, is_quiet=is_json)
    if is_json:
        click.echo(json.dumps(found, default=str, indent=2))
    else:
        click.echo("\n".join(_import_lines(file.name, found, received.run_id)))
    runs_went_well = all(run["state"] in _FINE for run in found["runs"])
    if received.state == "refused" or not runs_went_well:
        raise click.exceptions.Exit(EXIT_RUN_FAILED)


@payments.command(name="list")
@tenant_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_payments(slug: str, limit: int) -> None:
    """The newest payments, and where their money is."""
    with opened_core():
        tenant = find_tenant(slug)
        with tenant_scope(tenant.id) as session:
            rows = payment_store.newest(session, limit)
    for row in rows:
        paid = f"{row.paid_on:%Y-%m-%d}" if row.paid_on else "no day    "
        click.echo(
            f"{row.id:>8}  {row.ref}  {paid}  {format_cents(row.amount_cents):>12}  {row.kind:<10} {row.emplid:<11} {row.states}"
        )
    if not rows:
        click.echo("No payment has come yet.")


@payments.command(name="pull-back")
@click.argument("payment_id", type=int)
@click.argument("line", type=int)
@tenant_option
@click.option("--reason", required=True, help="Why; it is kept with the money.")
def pull_back_money(payment_id: int, line: int, slug: str, reason: str) -> None:
    """Take money that is not posted yet, or was set aside, back to the desk, where a person says where it goes."""
    with opened_core():
        tenant = find_tenant(slug)
        try:
            pull_back(tenant.id, payment_id, line, actor=COMMAND_LINE, reason=reason)
        except LookupError as err:
            raise CommandError(f"There is no {err.args[0]} of this campus.", EXIT_RUN_FAILED) from err
        except MoneyRefusedError as err:
            raise CommandError(str(err), EXIT_RUN_FAILED) from err
    click.echo(
        f"Line {line} of payment {payment_id} waits for a person again. It is not posted until somebody says so."
    )


def _follow(tenant: Tenant, run_id: int, timeout_s: int, *, is_quiet: bool) -> list[dict[str, Any]]:
    """The import, and the runs it leads to: posting, and the release of holds where the campus asks for it."""
    found = []
    wanted: list[int] = [run_id]
    while wanted:
        current = wanted.pop(0)
        wait_for_run(tenant, current, timeout_s=timeout_s, quiet=is_quiet)
        found.append(describe_run(tenant, current))
        with tenant_scope(tenant.id) as session:
            wanted += payment_store.runs_after(session, current)
    return found


def _import_lines(name: str, found: dict[str, Any], run_id: int | None) -> list[str]:
    if found["state"] != "waiting":
        return [f"{name}: {found['state']}. {found['message']} Nothing new is posted."]
    if not found["runs"]:
        return [f"{name}: taken in as file {found['file']}. Run {run_id} reads it."]
    return [as_text(run) for run in found["runs"]]


def _check_lines(name: str, found: PaymentCheck) -> list[str]:
    if found.refusal:
        return [f"{name} would be refused. {found.refusal}"]
    days = f", paid from {found.first_on} to {found.last_on}" if found.first_on else ""
    lines = [
        (
            f"{name}: {_counted(found.rows, 'row')}{days}; {found.new_rows:,} with news, {format_cents(found.cents)} in all; "
            f"{found.known:,} known."
        ),
        (
            f"Would be posted: {_counted(found.posted_lines, 'line')}, {format_cents(found.posted_cents)}. "
            f"For a person: {_counted(found.desk_lines, 'line')}, {format_cents(found.desk_cents)}."
        ),
    ]
    lines += [_planned(line) for line in found.lines[:_SHOWN]]
    if len(found.lines) > _SHOWN:
        lines.append(f"  … and more; the first {_SHOWN} are shown.")
    if found.fault_count:
        lines.append(f"{_counted(found.fault_count, 'row')} that cannot be read would go back to the sender:")
        lines += [f"  {reason}" for _, reason in found.faults[:_SHOWN]]
    if found.note:
        lines.append(f"Alma could not be asked for fees; an import may find more. {found.note}")
    return [*lines, "Nothing was booked."]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _planned(line: PlannedLine) -> str:
    where = f"fee {line.fee_ref}" if line.state == "waiting" else line.rule
    return f"  line {line.line:>6}  {line.emplid:<11} {format_cents(line.amount_cents):>12}  {where}  {line.reason}"


COMMANDS = (payments,)
