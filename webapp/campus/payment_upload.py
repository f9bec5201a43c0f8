"""Handing in a file of payments: looked through without booking anything, or imported."""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from webapp.adapters.errors import OutsideError
from webapp.auth.access import campus_role
from webapp.campus import payment_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.payments import payments_page
from webapp.campus.settings import feebridge_settings
from webapp.services.check_payments import PaymentCheck, check_payments
from webapp.services.receive_file import Origin, Received, receive_file
from webapp.services.submit_run import submit_run

PIPELINE = "payment_import"
NO_FILE = "Choose a file of payments first. Nothing was taken in."


@blueprint.post("/payments/check")
@campus_role("editor")
def check_payment_file() -> ResponseReturnValue:
    """What the file would do. Nothing is booked, and the file is not kept."""
    upload = _upload()
    found, fault = None, "" if upload is not None else NO_FILE
    if upload is not None:
        try:
            found = check_payments(
                g.tenant.tenant_id, cast("BinaryIO", upload.stream), settings=feebridge_settings()
            )
        except OutsideError as err:
            fault = str(err)
    is_part = bool(request.headers.get("HX-Request"))
    page = render_template(
        "campus/payment_checked.html" if is_part else "campus/payment_check.html",
        name=upload.filename if upload is not None else "",
        found=found,
        fault=fault,
        by_verdict=_by_verdict(found),
        pay=payment_words,
        words=words,
    )
    # A part of a page is shown whatever it says; a page of its own has the status of its answer.
    return page, 422 if fault and not is_part else 200


@blueprint.post("/payments/import")
@campus_role("editor")
def import_payment_file() -> ResponseReturnValue:
    """Take the file in; its run books what is new in it."""
    upload = _upload()
    if upload is None:
        return payments_page(fault=NO_FILE), 422
    name = upload.filename or ""
    try:
        received = receive_file(
            g.tenant.tenant_id,
            Origin("payments", "upload", name, "upload"),
            cast("BinaryIO", upload.stream),
            settings=feebridge_settings(),
            actor=g.actor,
        )
    except OutsideError as err:
        return payments_page(fault=str(err)), 422
    said, kind = _received_words(received, name)
    flash(said, kind)
    return redirect(url_for("campus.inbound_file", inbound_id=received.inbound_file_id), 303)


@blueprint.post("/payments/fetch")
@campus_role("editor")
def fetch_payment_files() -> ResponseReturnValue:
    """Look for files of payments where the settings say, and import what waits, now."""
    run_id = submit_run(
        g.tenant.tenant_id, PIPELINE, trigger="person", requested_by=g.actor.person_id, actor=g.actor
    )
    return redirect(url_for("campus.run", run_id=run_id), 303)


def _upload() -> FileStorage | None:
    upload = request.files.get("file")
    return upload if upload is not None and upload.filename else None


def _by_verdict(found: PaymentCheck | None) -> list[tuple[str, int, int]]:
    """Rows and new cents by what would be done with them, in words."""
    rows: dict[str, tuple[int, int]] = {}
    for tally in found.tallies if found else ():
        before = rows.get(tally.verdict, (0, 0))
        rows[tally.verdict] = (before[0] + tally.rows, before[1] + tally.cents)
    return [(title, *rows[verdict]) for verdict, title in payment_words.VERDICTS.items() if verdict in rows]


def _received_words(received: Received, name: str) -> tuple[str, str]:
    """What became of a file that was handed in: the message, and its kind."""
    if received.state == "waiting":
        return f"{name} is here, {words.size(received.size)}. What is new in it is being booked.", "good"
    if received.state == "duplicate":
        return received.message or f"{name} came before; nothing in it is new.", "ask"
    return received.message or f"{name} was refused.", "bad"
