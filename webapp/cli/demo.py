"""``feebridge demo``: two campuses, for real, on this machine."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from typing import Any

import click

from webapp.adapters.vault import Vault
from webapp.app import create_core
from webapp.cli.context import EXIT_NOT_REACHABLE, EXIT_RUN_FAILED, CommandError, find_tenant, opened_settings
from webapp.cli.operate import keep_running, start_feebridge
from webapp.cli.processes import StopRequestedError, Supervisor, stop_on_signals
from webapp.cli.rehearsal import Rehearsal, make_rehearsal
from webapp.cli.runs import COMMAND_LINE, as_text, describe_run, wait_for_run
from webapp.config import Settings, data_dir
from webapp.embedded import keep_folder_settings
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import SandboxHandle
from webapp.services.set_up_demo import (
    CAMPUSES,
    PEOPLE,
    DemoAddresses,
    DemoCampus,
    arrival_folder,
    payments_folder,
    set_up_demo,
)
from webapp.services.submit_run import submit_run
from webapp.store import payments
from webapp.store.differences import open_counts

READY_WITHIN_S = 60.0
RUN_WITHIN_S = 120.0
SANDBOX_PATRONS = 2000
PAYING_STUDENTS = 3
# So few that the next holds export is an ordinary night: what is exported is not owed in Alma any more.
BURSAR_FROM_CENTS = 80_00


@click.command()
@click.option("--once", is_flag=True, help="Do the job, print the summary, and end.")
@click.option(
    "--port",
    type=int,
    default=8000,
    show_default=True,
    help="Of the portal; the sandbox takes the next ones.",
)
@click.option("--patrons", type=click.IntRange(100, 1_000_000), default=SANDBOX_PATRONS, show_default=True)
def demo(once: bool, port: int, patrons: int) -> None:
    """Run the holds export for San Marcos and Humboldt against a stand-in Alma, SFTP server and mailbox."""
    folder = data_dir(os.environ)
    if os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        raise CommandError("The demonstration has services of its own: unset DATABASE_URL and REDIS_URL.")
    stop_on_signals()
    rehearsal = make_rehearsal(folder, port, patrons)
    keep_folder_settings(folder, rehearsal.settings())
    supervisor = Supervisor(os.environ, folder / "logs")
    went_well = True
    try:
        with rehearsal.start(folder) as sandbox, opened_settings() as settings:
            try:
                with create_core(settings).app_context():
                    vault = Vault(settings.vault_keys, settings.vault_active_key)
                    set_up_demo(_addresses(sandbox), vault, rehearsal.people_password, settings.alma_hosts)
                    start_feebridge(supervisor, rehearsal.portal_port)
                    _wait_until_ready(settings.base_url)
                    went_well = _run_everything(sandbox)
                _say_where(settings, sandbox, rehearsal, once=once, went_well=went_well)
                if not once:
                    keep_running(supervisor)
            finally:
                supervisor.stop()
    except StopRequestedError:
        click.echo("Stopping …", err=True)
    if not went_well:
        raise click.exceptions.Exit(EXIT_RUN_FAILED)


def _addresses(sandbox: SandboxHandle) -> DemoAddresses:
    return DemoAddresses(
        alma_url=sandbox.http,
        sftp_host=str(sandbox.sftp["host"]),
        sftp_port=int(sandbox.sftp["port"]),
        sftp_username=str(sandbox.sftp["username"]),
        sftp_password=str(sandbox.sftp["password"]),
        sftp_fingerprint=str(sandbox.sftp["fingerprint"]),
    )


def _run_everything(sandbox: SandboxHandle) -> bool:
    """Each campus's run; a second one that finds nothing to send; and, after a payment, exactly one release."""
    went_well = True
    for campus in CAMPUSES:
        went_well &= _run(campus.slug, "The first run", {"succeeded", "nothing_to_send"})
    went_well &= _run("csusm", "Again, right after", {"nothing_to_send"})
    paid = _pay_one_fee(sandbox, CAMPUSES[0].institution)
    went_well &= _run("csusm", f"After {paid}", {"succeeded"})
    fees = _export_to_bursar(sandbox, CAMPUSES[1])
    title = f"Alma's bursar export of {fees} fees, turned into charges"
    went_well &= _run("humboldt", title, {"succeeded", "nothing_to_send"}, "bursar_conversion")
    return went_well & _bring_payments_back(sandbox, CAMPUSES[0])


def _bring_payments_back(sandbox: SandboxHandle, campus: DemoCampus) -> bool:
    """Students pay in PeopleSoft: its file is fetched, Alma's fees are paid, their holds leave, and the books agree."""
    told = _ask(
        sandbox,
        "/payments.json",
        {"institution": campus.institution, "folder": payments_folder(campus), "patrons": PAYING_STUDENTS},
    )
    students = {paid["emplid"] for paid in told["paid"]}
    title = f"{len(students)} students have paid ${told['total_cents'] / 100:,.2f} in PeopleSoft; its file"
    went_well = _run(campus.slug, title, {"succeeded"}, "payment_import", follow=True)
    again = _ask(
        sandbox,
        "/payments.json",
        {"institution": campus.institution, "folder": payments_folder(campus), "patrons": 0},
    )
    title = f"The query drops the same {again['rows']} items once more"
    went_well &= _run(campus.slug, title, {"nothing_to_send"}, "payment_import")
    went_well &= _run(campus.slug, "Three books compared", {"succeeded"}, "reconciliation")
    with tenant_scope(find_tenant(campus.slug).id) as session:
        return went_well and not any(count for count, _ in open_counts(session).values())


def _export_to_bursar(sandbox: SandboxHandle, campus: DemoCampus) -> int:
    """Have the stand-in Alma export the larger fees of a campus; returns how many."""
    profile = {
        "institution": campus.institution,
        "profile": "BURSAR",
        "folder": arrival_folder(campus),
        "minimum_cents": BURSAR_FROM_CENTS,
    }
    return int(_ask(sandbox, "/bursar.json", profile)["fees"])


def _ask(sandbox: SandboxHandle, path: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """Have the stand-ins do something; returns what they say of it."""
    request = urllib.request.Request(  # noqa: S310 - our own sandbox on this machine
        f"{sandbox.http}{path}",
        data=json.dumps(chosen).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        told: dict[str, Any] = json.load(answer)
    return told


def _run(
    slug: str, title: str, expected: set[str], pipeline: str = "holds_export", *, follow: bool = False
) -> bool:
    """Run a pipeline and tell how it went; with ``follow`` also the runs it leads to."""
    tenant = find_tenant(slug)
    click.echo(f"\n{title} for {tenant.name}:")
    wanted = [submit_run(tenant.id, pipeline, trigger="person", actor=COMMAND_LINE)]
    went_well = True
    while wanted:
        run_id = wanted.pop(0)
        went_well &= wait_for_run(tenant, run_id, timeout_s=RUN_WITHIN_S) in expected
        click.echo(as_text(describe_run(tenant, run_id)))
        if follow:
            with tenant_scope(tenant.id) as session:
                wanted += payments.runs_after(session, run_id)
    return went_well


def _pay_one_fee(sandbox: SandboxHandle, institution: str) -> str:
    """Pay everything one patron with a single fee owes, as if at the desk; says who paid what."""
    with urllib.request.urlopen(  # noqa: S310 - our own sandbox on this machine
        f"{sandbox.http}/patrons.json?institution={institution}&owing=1", timeout=10
    ) as answer:
        patrons: list[dict[str, Any]] = json.load(answer)["patrons"]
    patron = next(
        p for p in patrons if p["emplid"] and len(p["fees"]) == 1 and p["fees"][0]["status"] == "ACTIVE"
    )
    fee = patron["fees"][0]
    request = urllib.request.Request(  # noqa: S310
        f"{sandbox.http}/almaws/v1/users/{patron['primary_id']}/fees/{fee['id']}"
        f"?op=pay&method=CASH&amount={fee['balance']}",
        method="POST",
        headers={"Authorization": f"apikey {_key_of(sandbox, institution)}", "Accept": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        return f"{patron['emplid']} has paid ${fee['balance']} at the desk"


def _key_of(sandbox: SandboxHandle, institution: str) -> str:
    return next(i["api_key"] for i in sandbox.institutions if i["code"] == institution)


def _say_where(
    settings: Settings, sandbox: SandboxHandle, rehearsal: Rehearsal, *, once: bool, went_well: bool
) -> None:
    if not went_well:
        click.echo(
            f"\nNot everything went as it should; the logs are in {data_dir(os.environ) / 'logs'}.", err=True
        )
    if once:
        click.echo("\nmake demo (without --once) stays up, to look around in the browser.")
        return
    people = "\n".join(
        f"  {p.email:<28} {p.name}, {p.campus or 'consortium'} {p.role}".rstrip() for p in PEOPLE
    )
    click.echo(
        f"\nOpen {settings.base_url} and sign in with the password {rehearsal.people_password} as\n{people}\n\n"
        f"The other side: {sandbox.http} (pay a fee, read the mail, see the delivered files, break things).\n"
        f"Ctrl-C stops everything; the data stays in {data_dir(os.environ)}."
    )


def _wait_until_ready(base_url: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base_url}/readyz", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.2)
    raise CommandError(
        f"The portal did not come up within {READY_WITHIN_S:.0f} s; see the logs in the data folder.",
        EXIT_NOT_REACHABLE,
    )


COMMANDS = (demo,)
