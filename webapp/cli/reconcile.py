"""``feebridge reconcile``: compare the books now, and list what does not agree."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from webapp.cli.context import EXIT_RUN_FAILED, EXIT_STILL_RUNNING, find_tenant, opened_core
from webapp.cli.rehearsal import other_side
from webapp.cli.runs import COMMAND_LINE, describe_run, tenant_option, wait_for_run
from webapp.config import data_dir
from webapp.domain.money import format_cents
from webapp.domain.reconcile import BOOK_WORDS, KIND_WORDS, age_words
from webapp.domain.run_states import FINAL_STATES
from webapp.models.scope import tenant_scope
from webapp.services.submit_run import submit_run
from webapp.store.differences import OpenDifference, export_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

PIPELINE = "reconciliation"
_NOT_GREEN = 1


@click.command()
@tenant_option
@click.option(
    "--on",
    "on_date",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last day that is compared, today without it. What happened later is left to later runs.",
)
@click.option(
    "--timeout", "timeout_s", type=int, default=3600, show_default=True, help="Seconds to wait at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print the run and the differences as JSON.")
def reconcile(slug: str, on_date: datetime | None, timeout_s: int, as_json: bool) -> None:
    """Lay Alma, our ledger and PeopleSoft side by side, and list every open difference.

    Exit codes: 0 the books agree, 1 there are differences or the run failed, 5 still running when the time was up.
    """
    with other_side(data_dir(os.environ)), opened_core():
        tenant = find_tenant(slug)
        options = {"on": on_date.date().isoformat()} if on_date else {}
        run_id = submit_run(tenant.id, PIPELINE, trigger="person", options=options, actor=COMMAND_LINE)
        state = wait_for_run(tenant, run_id, timeout_s=timeout_s, quiet=as_json)
        run = describe_run(tenant, run_id)
        with tenant_scope(tenant.id) as session:
            found = list(export_rows(session))
    now = datetime.now(UTC)
    if as_json:
        click.echo(json.dumps({"run": run, "differences": [_as_json(one, now) for one in found]}, indent=2))
    else:
        click.echo(_as_text(run, found, now))
    if state not in FINAL_STATES:
        raise click.exceptions.Exit(EXIT_STILL_RUNNING)
    if state != "succeeded" or found:
        raise click.exceptions.Exit(EXIT_RUN_FAILED if state != "succeeded" else _NOT_GREEN)


def _as_text(run: dict[str, Any], found: Sequence[OpenDifference], now: datetime) -> str:
    blocks = [str(run["story"])]
    for one in found:
        amounts = f"ours {_money(one.ours_cents)}, theirs {_money(one.theirs_cents)}"
        owner = f", {one.owner_name}'s" if one.owner_name else ""
        blocks.append(
            f"{KIND_WORDS[one.kind]:<15} {BOOK_WORDS[one.books]}, open for {age_words(one.first_seen_at, now)}{owner}; "
            f"{amounts}\n                {one.reason}\n                Next: {one.next_action}"
        )
    return "\n\n".join(blocks)


def _as_json(one: OpenDifference, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "type": one.kind,
        "books": one.books,
        "fee": one.fee_ref,
        "payment": one.payment_id,
        "emplid": one.emplid,
        "ours_cents": one.ours_cents,
        "theirs_cents": one.theirs_cents,
        "age_s": max(0, int((now - one.first_seen_at).total_seconds())),
        "age": age_words(one.first_seen_at, now),
        "reason": one.reason,
        "next_action": one.next_action,
        "owner": one.owner_name,
        "note": one.note,
    }


def _money(cents: int | None) -> str:
    return "–" if cents is None else format_cents(cents)


COMMANDS = (reconcile,)
