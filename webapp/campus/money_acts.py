"""What a person decides about money on the desk, one click each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.campus.money import LONGEST_REASON, part_page
from webapp.campus.settings import feebridge_settings
from webapp.domain.money import MoneyError, format_cents, parse_cents
from webapp.models.scope import tenant_scope
from webapp.services import apply_money as applying
from webapp.services import settle_posting as settling
from webapp.store import money_pages

LONGEST_ID = 60
_FOUND = {
    "posted": "Alma has it: it is posted.",
    "waiting": "Alma does not have it. The next posting run posts it.",
    "unknown": "Alma's answer leaves it open. Nothing was changed.",
}


class TypedWrongError(Exception):
    """What was typed cannot be acted on; the message is a sentence for the person who typed it."""


@blueprint.post("/money/<int:payment_id>/<int:line_n>/own")
@campus_role("editor")
def own_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Look after it from now on."""
    return _act(
        payment_id,
        line_n,
        "own",
        lambda: applying.own_money(
            g.tenant.tenant_id, payment_id, line_n, owner_id=g.actor.person_id, actor=g.actor
        ),
        "You look after this money now.",
    )


@blueprint.post("/money/<int:payment_id>/<int:line_n>/apply")
@campus_role("editor")
def apply_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Pay fees with it; the next posting run writes that to Alma."""
    said: list[str] = []

    def apply() -> None:
        parts = _parts()
        run_id = applying.apply_to_fees(
            g.tenant.tenant_id, payment_id, line_n, parts, actor=g.actor, reason=_applied_reason()
        )
        total = format_cents(sum(cents for _, cents in parts))
        to = words.counted(len(parts), "fee")
        said.append(
            f"{total} goes to {to}; run {run_id} posts it in Alma."
            if run_id is not None
            else f"{total} is applied to {to}. This campus posts nothing to Alma."
        )

    return _act(payment_id, line_n, "apply", apply, said)


@blueprint.post("/money/<int:payment_id>/<int:line_n>/refund")
@campus_role("editor")
def refund_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Ask that it be paid back."""
    return _act(
        payment_id,
        line_n,
        "refund",
        lambda: applying.ask_refund(
            g.tenant.tenant_id, payment_id, line_n, actor=g.actor, reason=_typed_text("refund-reason")
        ),
        "A refund is asked for. The money stays on the desk until it was paid back.",
    )


@blueprint.post("/money/<int:payment_id>/<int:line_n>/refunded")
@campus_role("editor")
def money_refunded(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Say that it was paid back, when and under which number."""

    def refunded() -> None:
        try:
            on_date = date.fromisoformat(request.form.get("refunded-on", ""))
        except ValueError:
            raise TypedWrongError("Give the day it was paid back. Nothing was changed.") from None
        if on_date > datetime.now(ZoneInfo(g.tenant.time_zone)).date():
            raise TypedWrongError("The day it was paid back is still to come. Nothing was changed.")
        applying.refund_done(
            g.tenant.tenant_id,
            payment_id,
            line_n,
            on=on_date,
            receipt=_typed_text("refund-reference"),
            actor=g.actor,
        )

    return _act(payment_id, line_n, "refunded", refunded, "Noted: it was paid back.")


@blueprint.post("/money/<int:payment_id>/<int:line_n>/ignore")
@campus_role("editor")
def ignore_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Set it aside for a reason."""
    return _act(
        payment_id,
        line_n,
        "ignore",
        lambda: applying.ignore_money(
            g.tenant.tenant_id, payment_id, line_n, actor=g.actor, reason=_typed_text("ignore-reason")
        ),
        "Set aside. It stays in the books with its reason.",
    )


@blueprint.post("/money/<int:payment_id>/<int:line_n>/pull-back")
@campus_role("editor")
def pull_money_back(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Have what waits to be posted, or was set aside, on the desk again."""
    return _act(
        payment_id,
        line_n,
        "pull",
        lambda: applying.pull_back(
            g.tenant.tenant_id, payment_id, line_n, actor=g.actor, reason=_typed_text("pull-reason")
        ),
        "Taken back. It waits on the desk for another decision.",
    )


@blueprint.post("/money/<int:payment_id>/<int:line_n>/look")
@campus_role("editor")
def look_at_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Read the fee in Alma once more and find the part by its name."""
    said: list[str] = []

    def look() -> None:
        found = settling.check_again(
            g.tenant.tenant_id, payment_id, line_n, settings=feebridge_settings(), actor=g.actor
        )
        said.append(_FOUND[found])

    return _act(payment_id, line_n, "look", look, said, stay=True)


@blueprint.post("/money/<int:payment_id>/<int:line_n>/settle")
@campus_role("editor")
def settle_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """A person's word on whether Alma has it."""
    is_posted = request.form.get("outcome") == "posted"
    settle = settling.mark_posted if is_posted else settling.mark_not_posted
    return _act(
        payment_id,
        line_n,
        "settle",
        lambda: settle(g.tenant.tenant_id, payment_id, line_n, g.actor, _typed_text("settle-reason")),
        "Noted: it is posted." if is_posted else "Noted: it goes with the next posting run.",
    )


@blueprint.post("/money/<int:payment_id>/<int:line_n>/waive")
@campus_role("editor")
def waive_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """Have what PeopleSoft wrote off waived in Alma."""
    return _act(
        payment_id,
        line_n,
        "waive",
        lambda: settling.ask_waiver(
            g.tenant.tenant_id,
            payment_id,
            line_n,
            _typed_id("waive-fee"),
            g.actor,
            _typed_text("waive-reason"),
        ),
        "The next posting run waives it in Alma.",
    )


@blueprint.post("/money/<int:payment_id>/<int:line_n>/restore")
@campus_role("editor")
def restore_money(payment_id: int, line_n: int) -> ResponseReturnValue:
    """The dispute is settled: end it in Alma, then post."""
    return _act(
        payment_id,
        line_n,
        "restore",
        lambda: settling.restore_and_post(
            g.tenant.tenant_id, payment_id, line_n, g.actor, _typed_text("restore-reason")
        ),
        "The next posting run ends the dispute in Alma and posts it.",
    )


@blueprint.post("/money/<int:payment_id>/<int:line_n>/take-back")
@campus_role("editor")
def take_posting_back(payment_id: int, line_n: int) -> ResponseReturnValue:
    """A posting was wrong: a task to refund it and to mend the fee in Alma."""
    return _act(
        payment_id,
        line_n,
        "take-back",
        lambda: settling.ask_refund_of_posting(
            g.tenant.tenant_id, payment_id, line_n, g.actor, _typed_text("take-back-reason")
        ),
        "It is to be refunded. Mend the fee in Alma by hand: Alma's interface takes no payment back.",
        stay=True,
    )


def _act(
    payment_id: int,
    line_n: int,
    act: str,
    do: Callable[[], object],
    said: str | list[str],
    *,
    stay: bool = False,
) -> ResponseReturnValue:
    with tenant_scope(g.tenant.tenant_id) as session:
        if money_pages.money_row(session, payment_id, line_n) is None:
            abort(404)
    try:
        do()
    except LookupError:
        abort(404)
    except (TypedWrongError, applying.MoneyRefusedError, settling.PostingRefusedError) as err:
        return part_page(payment_id, line_n, fault=str(err), act=act, typed=_typed()), 422
    flash(said if isinstance(said, str) else " ".join(said), "good")
    if act == "own" or stay:
        return redirect(url_for("campus.money_part", payment_id=payment_id, line_n=line_n), 303)
    # The desk goes on with what still waits, and leads to what was just decided.
    return redirect(url_for("campus.money", decided=payment_id), 303)


def _parts() -> list[tuple[str, int]]:
    """The fees that were given something, with the cents."""
    found = []
    for fee, text in zip(request.form.getlist("fee"), request.form.getlist("amount"), strict=False):
        name, amount = fee.strip()[:LONGEST_ID], text.strip()
        if not amount.strip("0.$ "):
            continue
        if not name:
            raise TypedWrongError(f"Say which fee {amount} is for. Nothing was changed.")
        try:
            cents = parse_cents(amount)
        except MoneyError as err:
            raise TypedWrongError(f"For fee {name}: {err}. Nothing was changed.") from err
        if cents <= 0:
            raise TypedWrongError(f"For fee {name}: give an amount above zero. Nothing was changed.")
        found.append((name, cents))
    if not found:
        raise TypedWrongError("Give at least one fee an amount. Nothing was changed.")
    return found


def _typed_text(name: str) -> str:
    return request.form.get(name, "")[:LONGEST_REASON]


def _typed_id(name: str) -> str:
    return request.form.get(name, "").strip()[:LONGEST_ID]


def _applied_reason() -> str:
    return _typed_text("apply-reason").strip() or f"Applied by {g.actor.name} at the desk."


def _typed() -> dict[str, str]:
    """What the forms held, so that nothing has to be typed twice."""
    fees, amounts = request.form.getlist("fee"), request.form.getlist("amount")
    kept = {
        name: value for name, value in request.form.items() if name not in {"csrf_token", "fee", "amount"}
    }
    kept |= dict(zip(fees[:-1], amounts, strict=False))
    return kept | ({"other": fees[-1], "other_amount": amounts[-1]} if fees and amounts else {})
