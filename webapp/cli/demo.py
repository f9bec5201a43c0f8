"""``feebridge demo``: two campuses, for real, on this machine."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import click

from webapp.adapters.vault import Vault
from webapp.app import create_core
from webapp.cli.context import EXIT_NOT_REACHABLE, EXIT_RUN_FAILED, CommandError, find_tenant, opened_settings
from webapp.cli.operate import keep_running, start_feebridge
from webapp.cli.processes import StopRequestedError, Supervisor, stop_on_signals
from webapp.cli.runs import COMMAND_LINE, as_text, describe_run, wait_for_run
from webapp.config import Settings, data_dir
from webapp.sandbox.process import SandboxHandle, SandboxStartError, start_sandbox
from webapp.services.set_up_demo import CAMPUSES, PEOPLE, DemoAddresses, set_up_demo
from webapp.services.submit_run import submit_run

READY_WITHIN_S = 60.0
RUN_WITHIN_S = 120.0
SANDBOX_PATRONS = 2000


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
    ports = _free_ports(port)
    stop_on_signals()
    sandbox: SandboxHandle | None = None
    supervisor = Supervisor(os.environ, folder / "logs")
    try:
        sandbox = _start_sandbox(folder, ports, patrons)
        os.environ.update(_demo_environment(sandbox, ports[0]))
        with opened_settings() as settings:
            password = _demo_password(folder)
            with create_core(settings).app_context():
                set_up_demo(_addresses(sandbox), _vault(settings), password, settings.alma_hosts)
                start_feebridge(supervisor, ports[0])
                _wait_until_ready(settings.base_url)
                went_well = _run_everything(sandbox)
            _say_where(settings, sandbox, password, once=once)
            if not once:
                keep_running(supervisor)
            supervisor.stop()
    except StopRequestedError:
        click.echo("Stopping …", err=True)
        return
    finally:
        supervisor.stop()
        if sandbox is not None:
            sandbox.stop()
    if not went_well:
        raise click.exceptions.Exit(EXIT_RUN_FAILED)


def _start_sandbox(folder: Path, ports: list[int], patrons: int) -> SandboxHandle:
    try:
        return start_sandbox(
            data=folder / "sandbox",
            port=ports[1],
            sftp_port=ports[2],
            smtp_port=ports[3],
            patrons=patrons,
            analytics_live=True,
        )
    except SandboxStartError as err:
        raise CommandError(f"The sandbox did not start: {err}", EXIT_NOT_REACHABLE) from err


def _demo_environment(sandbox: SandboxHandle, port: int) -> dict[str, str]:
    return {
        "FEEBRIDGE_BASE_URL": f"http://127.0.0.1:{port}",
        "FEEBRIDGE_SECURE_COOKIES": "no",
        "FEEBRIDGE_ALLOW_PRIVATE_HOSTS": "yes",
        "FEEBRIDGE_ALMA_HOSTS": sandbox.http,
        "FEEBRIDGE_MAIL_FROM": "feebridge@consortium.example",
        "SMTP_HOST": str(sandbox.smtp["host"]),
        "SMTP_PORT": str(sandbox.smtp["port"]),
        "SMTP_TLS": "none",
    }


def _addresses(sandbox: SandboxHandle) -> DemoAddresses:
    return DemoAddresses(
        alma_url=sandbox.http,
        sftp_host=str(sandbox.sftp["host"]),
        sftp_port=int(sandbox.sftp["port"]),
        sftp_username=str(sandbox.sftp["username"]),
        sftp_password=str(sandbox.sftp["password"]),
        sftp_fingerprint=str(sandbox.sftp["fingerprint"]),
    )


def _vault(settings: Settings) -> Vault:
    return Vault(settings.vault_keys, settings.vault_active_key)


def _run_everything(sandbox: SandboxHandle) -> bool:
    """Each campus's run; a second one that finds nothing to send; and, after a payment, exactly one release."""
    went_well = True
    for campus in CAMPUSES:
        went_well &= _run(campus.slug, "The first run", {"succeeded", "nothing_to_send"})
    went_well &= _run("csusm", "Again, right after", {"nothing_to_send"})
    paid = _pay_one_fee(sandbox, CAMPUSES[0].institution)
    return went_well & _run("csusm", f"After {paid}", {"succeeded"})


def _run(slug: str, title: str, expected: set[str]) -> bool:
    tenant = find_tenant(slug)
    click.echo(f"\n{title} for {tenant.name}:")
    run_id = submit_run(tenant.id, "holds_export", trigger="person", actor=COMMAND_LINE)
    state = wait_for_run(tenant, run_id, timeout_s=RUN_WITHIN_S)
    click.echo(as_text(describe_run(tenant, run_id)))
    return state in expected


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


def _say_where(settings: Settings, sandbox: SandboxHandle, password: str, *, once: bool) -> None:
    if once:
        click.echo("\nStart it again without --once to look around in the browser.")
        return
    click.echo(
        f"\nOpen {settings.base_url} and sign in with the password {password} as\n"
        + "\n".join(f"  {p.email:<28} {p.name}, {p.campus or 'consortium'} {p.role}".rstrip() for p in PEOPLE)
        + f"\n\nThe other side: {sandbox.http} (pay a fee, read the mail, see the delivered files, break things)."
        "\nCtrl-C stops everything; the data stays in " + str(data_dir(os.environ)) + "."
    )


def _demo_password(folder: Path) -> str:
    path = folder / "demo-password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text("demo-" + secrets.token_urlsafe(9))
    return path.read_text()


def _free_ports(first: int) -> list[int]:
    """Four ports from ``first`` on that nobody listens on."""
    found: list[int] = []
    for port in range(first, first + 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == 4:
            return found
    raise CommandError(f"No four free ports from {first} on; name others with --port.", EXIT_NOT_REACHABLE)


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
