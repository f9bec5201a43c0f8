"""``feebridge run`` and ``feebridge runs``: ask for a run, watch it, decide about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from webapp.cli.context import (
    EXIT_INTERRUPTED,
    EXIT_NEEDS_APPROVAL,
    EXIT_RUN_FAILED,
    EXIT_STILL_RUNNING,
    CommandError,
    all_tenants,
    find_tenant,
    opened_core,
)
from webapp.cli.processes import end_with_parent
from webapp.cli.rehearsal import other_side
from webapp.config import data_dir
from webapp.domain.money import format_cents
from webapp.domain.run_states import FINAL_STATES, RUN_STATES, STATE_WORDS
from webapp.models import Run, Tenant
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services.audit import Actor
from webapp.services.cancel_run import RunRefusedError, cancel_run
from webapp.services.decide_approval import approve_run, reject_run
from webapp.services.settle_effect import settle_effect
from webapp.services.submit_run import submit_run
from webapp.store import files as file_store
from webapp.store import runs as run_store

T = TypeVar("T")
PIPELINES = ("holds_export",)
POLL_S = 0.2
# A run nobody has started by then is carried out by a worker of the command's own.
HELP_AFTER_S = 1.5
COMMAND_LINE = Actor(None, "command line")

tenant_option = click.option(
    "--tenant", "slug", required=True, help="Short name of the campus, such as csusm."
)


@click.command()
@click.argument("pipeline", type=click.Choice(PIPELINES))
@click.option(
    "--tenant", "slug", help="Short name of the campus; without it every active campus, one after the other."
)
@click.option("--dry-run", is_flag=True, help="Build and show the files; send nothing, remember nothing.")
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait for the end and say what happened."
)
@click.option(
    "--timeout", "timeout_s", type=int, default=3600, show_default=True, help="Seconds to wait at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def run(pipeline: str, slug: str | None, dry_run: bool, wait: bool, timeout_s: int, as_json: bool) -> None:
    """Run a pipeline now, for one campus or for all."""
    found = []
    with other_side(data_dir(os.environ)), opened_core():
        for tenant in [_awake(find_tenant(slug))] if slug else [t for t in all_tenants() if t.is_active]:
            run_id = submit_run(tenant.id, pipeline, trigger="person", dry_run=dry_run, actor=COMMAND_LINE)
            if wait:
                _wait_or_say_where(tenant, run_id, timeout_s=timeout_s, quiet=as_json)
            found.append(describe_run(tenant, run_id))
            if not as_json:
                click.echo(as_text(found[-1]))
    if as_json:
        click.echo(json.dumps(found[0] if slug else found, indent=2))
    if code := max((_exit_code(each["state"], waited=wait) for each in found), default=0):
        raise click.exceptions.Exit(code)


def _awake(tenant: Tenant) -> Tenant:
    if not tenant.is_active:
        raise CommandError(
            f"{tenant.name} rests: no run of it would start. A consortium admin can wake it in the portal."
        )
    return tenant


def _wait_or_say_where(tenant: Tenant, run_id: int, *, timeout_s: float, quiet: bool) -> None:
    try:
        wait_for_run(tenant, run_id, timeout_s=timeout_s, quiet=quiet)
    except KeyboardInterrupt:
        raise CommandError(
            f"Run {run_id} was not cancelled; it goes on as soon as a worker is there. "
            f"Look: feebridge runs show {run_id} --tenant {tenant.slug}. Stop it: feebridge runs cancel {run_id} --tenant "
            f"{tenant.slug}.",
            EXIT_INTERRUPTED,
        ) from None


def wait_for_run(tenant: Tenant, run_id: int, *, timeout_s: float, quiet: bool = False) -> str:
    """Wait until the run ends or needs a person, showing its steps on stderr; returns the state it is in."""
    started, helper, last_line = time.monotonic(), None, ""
    try:
        while True:
            with tenant_scope(tenant.id) as session:
                row = _load(session, tenant, run_id)
            line = _status_line(row)
            if not quiet and line != last_line:
                click.echo(f"  run {run_id}  {line}", err=True)
                last_line = line
            waited_s = time.monotonic() - started
            if row.state in FINAL_STATES or row.state == "awaiting_approval" or waited_s > timeout_s:
                return row.state
            needs_help = (
                row.state == "queued" and row.not_before <= datetime.now(UTC) and waited_s > HELP_AFTER_S
            )
            if needs_help and (helper is None or helper.poll() is not None):
                helper = _start_helper(row.queue)
            time.sleep(POLL_S)
    finally:
        if helper is not None:
            # What it has not finished it gives back; a worker, or the next command, goes on with it.
            helper.terminate()
            helper.wait()


def _status_line(row: Run) -> str:
    if row.state == "queued" and row.story:
        return f"Waiting. {row.story}"
    step = f": {row.step}" if row.step else ""
    progress = f" {row.progress_done:,} of {row.progress_total:,}" if row.progress_total else ""
    return f"{STATE_WORDS[row.state]}{step}{progress}"


def _start_helper(queue: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "worker.main", "--queue", queue, "--burst"]
    return subprocess.Popen(
        command,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for the command, which then ends its helper in order.
        process_group=0,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - one prctl call, no locks
    )


def _exit_code(state: str, *, waited: bool) -> int:
    if state == "awaiting_approval":
        return EXIT_NEEDS_APPROVAL
    if state in {"failed", "cancelled"}:
        return EXIT_RUN_FAILED
    return EXIT_STILL_RUNNING if waited and state not in FINAL_STATES else 0


def _load(session: ScopedSession, tenant: Tenant, run_id: int) -> Run:
    row = run_store.run_by_id(session, run_id)
    if row is None:
        raise _no_run(tenant, run_id)
    return row


def describe_run(tenant: Tenant, run_id: int) -> dict[str, Any]:
    """A run as plain values: its state, story, counts, error, files and deliveries."""
    with tenant_scope(tenant.id) as session:
        row = _load(session, tenant, run_id)
        files = [f for f in file_store.files_of(session, tenant.id, run_id) if f.kind != "collected"]
        deliveries = file_store.deliveries_of(session, tenant.id, run_id)
    return {
        "tenant": tenant.slug,
        "run": row.id,
        "pipeline": row.pipeline,
        "state": row.state,
        "dry_run": row.dry_run,
        "trigger": row.trigger,
        "story": row.story,
        "counts": row.counts,
        "error": row.error,
        "scheduled_at": row.scheduled_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "files": [
            {
                "id": f.id,
                "kind": f.kind,
                "name": f.name,
                "rows": f.row_count,
                "total_cents": f.total_cents,
                "sha256": f.sha256,
                "delivered": [
                    {"target": d.target, "state": d.state, "address": d.address, "name": d.remote_name}
                    for d in deliveries
                    if d.file_id == f.id
                ],
            }
            for f in files
        ],
        "mails": [
            {"state": d.state, "address": d.address, "message": d.message}
            for d in deliveries
            if d.target.startswith("mail")
        ],
    }


def as_text(found: dict[str, Any]) -> str:
    """A described run for people."""
    lines = [f"Run {found['run']} for {found['tenant']}: {_state_and_story(found['state'], found['story'])}"]
    if found["error"]:
        lines.append("  " + str(found["error"].get("message", "")))
    for file in found["files"]:
        places = ", ".join(f"{d['state']} to {d['address']}" for d in file["delivered"]) or "not sent"
        lines.append(
            f"  {file['name']}  {_lines(file['rows'])}  {format_cents(file['total_cents'])}  {places}"
        )
    lines.extend(
        f"  mail {mail['state']}: {mail['address']} {mail['message']}".rstrip() for mail in found["mails"]
    )
    return "\n".join(lines)


def _state_and_story(state: str, story: str) -> str:
    words = STATE_WORDS[state]
    # Some stories begin with the state's own words.
    return story if story.startswith(words) else f"{words}. {story}".rstrip()


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


@click.group()
def runs() -> None:
    """Look at runs and decide about them."""


@runs.command(name="list")
@tenant_option
@click.option("--state", type=click.Choice(RUN_STATES))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def list_runs(slug: str, state: str | None, limit: int, as_json: bool) -> None:
    """The newest runs of a campus."""
    with opened_core():
        tenant = find_tenant(slug)
        with tenant_scope(tenant.id) as session:
            rows = run_store.newest_runs(session, limit, state)
    if as_json:
        click.echo(json.dumps([{"run": r.id, "state": r.state, "story": r.story} for r in rows], indent=2))
        return
    for row in rows:
        local = row.scheduled_at.astimezone(ZoneInfo(tenant.time_zone))
        click.echo(f"{row.id:>8}  {local:%Y-%m-%d %H:%M %Z}  {STATE_WORDS[row.state]:<16} {row.story}")
    if not rows:
        click.echo(f"{tenant.name} has no such runs. Start one: feebridge run holds_export --tenant {slug}")


@runs.command()
@click.argument("run_id", type=int)
@tenant_option
@click.option("--json", "as_json", is_flag=True)
def show(run_id: int, slug: str, as_json: bool) -> None:
    """One run with its files and deliveries."""
    with opened_core():
        found = describe_run(find_tenant(slug), run_id)
    click.echo(json.dumps(found, indent=2) if as_json else as_text(found))


@runs.command()
@click.argument("run_id", type=int)
@tenant_option
@click.option("--note", default="", help="Why.")
def approve(run_id: int, slug: str, note: str) -> None:
    """Let a run that waits for a person go on."""
    with opened_core():
        _decide(
            find_tenant(slug), run_id, lambda tenant_id: approve_run(tenant_id, run_id, COMMAND_LINE, note)
        )
    click.echo(f"Run {run_id} goes on.")


@runs.command()
@click.argument("run_id", type=int)
@tenant_option
@click.option("--note", default="", help="Why.")
def reject(run_id: int, slug: str, note: str) -> None:
    """End a run that waits for a person; nothing of it leaves."""
    with opened_core():
        _decide(
            find_tenant(slug), run_id, lambda tenant_id: reject_run(tenant_id, run_id, COMMAND_LINE, note)
        )
    click.echo(f"Run {run_id} is cancelled; nothing of it was sent.")


@runs.command()
@click.argument("run_id", type=int)
@tenant_option
def cancel(run_id: int, slug: str) -> None:
    """Cancel a run that has not begun to deliver."""
    with opened_core():
        state = _decide(
            find_tenant(slug), run_id, lambda tenant_id: cancel_run(tenant_id, run_id, COMMAND_LINE)
        )
    click.echo(
        f"Run {run_id} is cancelled; nothing of it was sent."
        if state == "cancelled"
        else f"Run {run_id} will stop before it sends anything."
    )


def _decide(tenant: Tenant, run_id: int, decide: Callable[[int], T]) -> T:
    """Carry a decision out, its refusals in words."""
    try:
        return decide(tenant.id)
    except RunRefusedError as err:
        raise CommandError(str(err)) from err
    except LookupError as err:
        raise _no_run(tenant, run_id) from err


def _no_run(tenant: Tenant, run_id: int) -> CommandError:
    return CommandError(f"{tenant.name} has no run {run_id}. See: feebridge runs list --tenant {tenant.slug}")


@runs.command()
@click.argument("run_id", type=int)
@tenant_option
@click.option("--file", "file_id", type=int, required=True, help="The file whose delivery is unknown.")
@click.option("--arrived", "answer", flag_value="arrived", help="The receiver has it: count it as told.")
@click.option("--not-arrived", "answer", flag_value="not_arrived", help="Count it as not delivered.")
def settle(run_id: int, slug: str, file_id: int, answer: str | None) -> None:
    """Say whether a file arrived of which nobody knew; nothing is sent either way."""
    if answer is None:
        raise click.UsageError("Say --arrived or --not-arrived: ask whoever receives the file.")
    arrived = answer == "arrived"
    with opened_core():
        try:
            lines = settle_effect(find_tenant(slug).id, run_id, file_id, arrived=arrived, actor=COMMAND_LINE)
        except LookupError as err:
            raise CommandError(f"There is no run {run_id}. See: feebridge runs list --tenant {slug}") from err
        except RunRefusedError as err:
            raise CommandError(str(err)) from err
    click.echo(
        f"{_lines(lines)} of file {file_id} count as told now."
        if arrived
        else f"File {file_id} counts as not delivered; the next run tells whatever still differs."
    )


COMMANDS = (run, runs)
