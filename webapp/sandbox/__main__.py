"""``python -m webapp.sandbox``: start the sandbox and print one JSON line when it is ready."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webapp.sandbox.server import ServerOptions, running_sandbox
from webapp.sandbox.settings import DEFAULT_INSTITUTIONS, SandboxSettings, spec_from_text

if TYPE_CHECKING:
    from datetime import date, datetime

PR_SET_PDEATHSIG = 1


@click.command(context_settings={"show_default": True})
@click.option("--port", default=0, help="Port of Alma and the pages; 0 takes a free one.")
@click.option("--sftp-port", default=0, help="Port of the SFTP drop.")
@click.option("--smtp-port", default=0, help="Port of the mailbox.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder for delivered files; default a temporary one."
)
@click.option("--remember", is_flag=True, help="Keep what was paid or added in --data over a restart.")
@click.option("--seed", default=7, help="The number everything is invented from.")
@click.option("--patrons", default=200, type=click.IntRange(100, 1_000_000), help="Patrons per institution.")
@click.option(
    "--owing", default=8.0, type=click.FloatRange(0, 100), help="Percent of patrons who owe something."
)
@click.option(
    "--institution", multiple=True, metavar="CODE=KEY[=NAME]", help="An institution; may be repeated."
)
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="The sandbox's date; default the real one.")
@click.option("--analytics-live", is_flag=True, help="Analytics is always up to date, not a nightly copy.")
@click.option("--loading-answers", default=1, help='How often a report says "still loading" first.')
@click.option("--calls-per-second", default=25, help="Alma's per-second threshold per institution.")
@click.option("--calls-per-day", default=400_000, help="Alma's daily threshold per institution.")
@click.option("--sftp-password", default="", help="The drop's password; default a random one.")
@click.option("--authorized-key", multiple=True, help="A public key line let into the drop; may be repeated.")
@click.option("--drop-folder", multiple=True, help="A further folder in the drop; may be repeated.")
@click.option("--only-alma", is_flag=True, help="Start neither SFTP drop nor mailbox.")
@click.option(
    "--die-with", type=int, hidden=True, help="Process id of the parent this process must not outlive."
)
@click.option("--ready-file", type=click.Path(path_type=Path), help="Also write the ready line to this file.")
def main(**chosen: Any) -> None:
    """Start an invented Alma, SFTP drop and mailbox on this machine."""
    if chosen["die_with"]:
        _die_with(chosen["die_with"])
    settings, options = _settings(chosen), _server_options(chosen)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with running_sandbox(settings, options) as ready:
        line = json.dumps(ready | {"pid": os.getpid()})
        if chosen["ready_file"]:
            _write_whole(chosen["ready_file"], line)
        click.echo(line)
        stop.wait()


def _settings(chosen: dict[str, Any]) -> SandboxSettings:
    try:
        specs = tuple(spec_from_text(text) for text in chosen["institution"]) or DEFAULT_INSTITUTIONS
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--institution") from err
    return SandboxSettings(
        institutions=specs,
        seed=chosen["seed"],
        patrons=chosen["patrons"],
        owing_percent=chosen["owing"],
        today=_date(chosen["today"]),
        analytics_live=chosen["analytics_live"],
        analytics_loading_answers=chosen["loading_answers"],
        calls_per_second=chosen["calls_per_second"],
        calls_per_day=chosen["calls_per_day"],
        memory=chosen["data"] if chosen["remember"] else None,
    )


def _server_options(chosen: dict[str, Any]) -> ServerOptions:
    return ServerOptions(
        data=chosen["data"] or Path(tempfile.mkdtemp(prefix="feebridge-sandbox-")),
        port=chosen["port"],
        sftp_port=chosen["sftp_port"],
        smtp_port=chosen["smtp_port"],
        sftp_password=chosen["sftp_password"],
        authorized_keys=chosen["authorized_key"],
        drop_folders=chosen["drop_folder"],
        only_alma=chosen["only_alma"],
    )


def _die_with(parent_pid: int) -> None:
    """Have the kernel end this process when its parent goes (prctl(2) PR_SET_PDEATHSIG; Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:  # it went before the kernel was told
        raise SystemExit(1)


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _write_whole(path: Path, line: str) -> None:
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(f"{line}\n", encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main()
