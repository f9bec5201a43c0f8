"""Files from Alma: what arrived and what became of it, and the ways to hand one in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.adapters.errors import OutsideError
from webapp.auth.access import campus_role
from webapp.campus import charge_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.campus.periods import SINCE, since_at
from webapp.campus.settings import feebridge_settings
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.receive_file import Origin, Received, receive_file
from webapp.services.submit_run import submit_run
from webapp.store import inbound_pages
from webapp.store.inbound_pages import InboundFilter, ListedInbound
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, read_query

COLUMNS = (
    Column("File", "name"),
    Column("State", "state", "state"),
    Column("Fees", "rows", "number", wide_only=True),
    Column("Total", "total", "money", wide_only=True),
    Column("Arrived", "received", "when", wide_only=True),
    Column("Run", wide_only=True),
)
CHOICES = (
    Choice("state", "State", list(charge_words.INBOUND_STATES.items())),
    Choice("origin", "Came by", list(charge_words.ORIGINS.items())),
    Choice("kind", "What", list(charge_words.INBOUND_KINDS.items())),
    SINCE,
)
CSV_HEADINGS = (
    "file", "what", "came by", "place", "bytes", "sha256", "export number", "state", "fees", "total", "arrived", "run",
    "why",
)  # fmt: skip
# What is handed in here, and what becomes of it.
HANDED_IN: Mapping[str, str] = {
    "bursar_xml": "is being converted",
    "load_result": "is being read",
    "student_list": "counts from the next run about charges on",
}
EMPTY = {
    "title": "No file has arrived yet",
    "text": "Alma's bursar integration profile writes them. Say under Settings, Where Alma's files arrive, where to "
    "look, or hand one in here.",
}


@blueprint.get("/inbound")
@campus_role("viewer")
def inbound() -> ResponseReturnValue:
    """Every file that arrived, newest first."""
    return inbound_page()


def inbound_page(*, fault: str = "") -> str | Response:
    """The list, with what is wrong with a file that somebody just tried to hand in."""
    query = read_query(COLUMNS, default_sort="received", descending=True, choices=CHOICES)
    wanted = InboundFilter(
        kind=query.chosen["kind"],
        state=query.chosen["state"],
        origin=query.chosen["origin"],
        words=query.q,
        from_at=since_at(query.chosen["since"], g.tenant.time_zone),
    )
    if query.wants_csv:
        return export(
            "files-from-alma",
            CSV_HEADINGS,
            lambda session: inbound_pages.every_inbound(
                session, wanted, sort=query.sort, descending=query.descending
            ),
            _cells,
        )
    with tenant_scope(g.tenant.tenant_id) as session:
        rows = inbound_pages.list_inbound(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        total = inbound_pages.count_inbound(session, wanted)
        waiting = inbound_pages.count_waiting(session)
        arrival = read_all(session)["arrival"]
    listing = Listing(
        query,
        COLUMNS,
        rows,
        total,
        caption="Files that arrived",
        choices=CHOICES,
        noun="files",
        search_label="Name, export number or sha256",
        empty=EMPTY,
    )
    return render_template(
        "campus/inbound.html",
        listing=listing,
        waiting=waiting,
        looks_at=place_words(arrival),
        fault=fault,
        words=words,
        charges=charge_words,
    )


@blueprint.get("/inbound/<int:inbound_id>")
@campus_role("viewer")
def inbound_file(inbound_id: int) -> ResponseReturnValue:
    """One file: where it came from, what became of it, and why."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = inbound_pages.inbound_file(session, inbound_id)
        if found is None:
            abort(404)
        repeats = inbound_pages.repeats_of(session, inbound_id)
    return render_template(
        "campus/inbound_file.html",
        found=found,
        file=found.file,
        repeats=repeats,
        words=words,
        charges=charge_words,
    )


@blueprint.post("/inbound")
@campus_role("editor")
def upload_inbound() -> ResponseReturnValue:
    """Take a file in from a browser; its run starts by itself."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        return inbound_page(fault="Choose the file first. Nothing was taken in."), 422
    kind = request.form.get("kind", "")
    kind = kind if kind in HANDED_IN else "bursar_xml"
    try:
        received = receive_file(
            g.tenant.tenant_id,
            Origin(kind, "upload", upload.filename),
            cast("BinaryIO", upload.stream),
            settings=feebridge_settings(),
            actor=g.actor,
        )
    except OutsideError as err:
        return inbound_page(fault=str(err)), 422
    flash_kind, said = _received_words(received, upload.filename, HANDED_IN[kind])
    flash(said, flash_kind)
    if received.run_id is not None:
        return redirect(url_for("campus.run", run_id=received.run_id), 303)
    return redirect(url_for("campus.inbound_file", inbound_id=received.inbound_file_id), 303)


@blueprint.post("/inbound/fetch")
@campus_role("editor")
def fetch_inbound() -> ResponseReturnValue:
    """Look for files and convert what waits, now."""
    run_id = submit_run(
        g.tenant.tenant_id,
        words.BURSAR_CONVERSION,
        trigger="person",
        requested_by=g.actor.person_id,
        dry_run=request.form.get("dry_run") == "yes",
        actor=g.actor,
    )
    return redirect(url_for("campus.run", run_id=run_id), 303)


@blueprint.post("/inbound/answers")
@campus_role("editor")
def look_for_answers() -> ResponseReturnValue:
    """Look now whether PeopleSoft took the files, and read what it says of their lines."""
    run_id = submit_run(
        g.tenant.tenant_id,
        words.BURSAR_ACKNOWLEDGEMENTS,
        trigger="person",
        requested_by=g.actor.person_id,
        actor=g.actor,
    )
    return redirect(url_for("campus.run", run_id=run_id), 303)


def _received_words(received: Received, name: str, done: str) -> tuple[str, str]:
    """What became of a file that was handed in: the kind of the message, and the message."""
    if received.state == "waiting":
        return "good", f"{name} is here, {words.size(received.size)}. It {done}." + _more(received)
    if received.state == "duplicate":
        return "ask", received.message or f"{name} came before; it is not counted again."
    return "bad", received.message or f"{name} was refused."


def _more(received: Received) -> str:
    return f" {received.message}" if received.message else ""


def place_words(arrival: Mapping[str, Any]) -> str:
    """Where the campus's files are looked for, as the end of "looks at …"; empty for nowhere."""
    if arrival["place"] == "sftp" and arrival["sftp_host"]:
        folder = f", folder {arrival['sftp_directory']}" if arrival["sftp_directory"] else ""
        return f"{arrival['sftp_host']}{folder}"
    return "the watched folder of this campus" if arrival["place"] == "folder" else ""


def _cells(row: ListedInbound) -> Sequence[Cell]:
    found = row.file
    return (
        found.name,
        charge_words.INBOUND_KINDS[found.kind],
        charge_words.ORIGINS[found.origin],
        found.place,
        found.size,
        found.sha256,
        found.export_number,
        charge_words.INBOUND_STATES[found.state],
        found.row_count,
        dollars(found.total_cents),
        found.received_at,
        found.run_id,
        found.message,
    )
