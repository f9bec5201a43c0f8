"""Files: the list, one file with a look inside, what changed since the last one, and the download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

from flask import abort, current_app, flash, g, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from webapp.adapters.errors import OutsideError
from webapp.adapters.files import FileStore
from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.campus.periods import SINCE, since_at
from webapp.models import File
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.download_file import FileGoneError, download_file
from webapp.services.fetch_file import fetch_file
from webapp.services.preview_file import Preview, preview_from, preview_tail
from webapp.services.watch_acknowledgements import say_taken
from webapp.store import file_pages, line_answers
from webapp.store.file_pages import FileFilter, ListedFile
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, read_query

COLUMNS = (
    Column("Name", "name"),
    Column("Lines", "rows", "number"),
    Column("Total", "total", "money"),
    Column("Built", "created", "when", wide_only=True),
    Column("Told to PeopleSoft", kind="when", wide_only=True),
    Column("Size", "size", "number", wide_only=True),
)
CSV_HEADINGS = (
    "name",
    "what",
    "lines",
    "total",
    "bytes",
    "sha256",
    "built",
    "told to PeopleSoft",
    "run",
    "dry run",
)
EMPTY = {
    "title": "No files yet",
    "text": "Every run that has something to tell builds its files here, also a dry run, which sends nothing.",
    "action": "To Home, where runs are started",
}
RULER_WIDTH = 200
DIFFERENCES_SHOWN = 500


@blueprint.get("/files")
@campus_role("viewer")
def files() -> ResponseReturnValue:
    """Every file that was built, newest first."""
    with tenant_scope(g.tenant.tenant_id) as session:
        kinds = file_pages.kinds_of_files(session)
    choices = (Choice("kind", "What", [(kind, words.file_kind_title(kind)) for kind in kinds]), SINCE)
    query = read_query(COLUMNS, default_sort="created", descending=True, choices=choices)
    wanted = FileFilter(query.chosen["kind"], query.q, since_at(query.chosen["since"], g.tenant.time_zone))
    if query.wants_csv:
        return export(
            "files",
            CSV_HEADINGS,
            lambda session: file_pages.every_file(
                session, wanted, sort=query.sort, descending=query.descending
            ),
            _cells,
        )
    with tenant_scope(g.tenant.tenant_id) as session:
        rows = file_pages.list_files(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        total = file_pages.count_files(session, wanted)
    listing = Listing(
        query,
        COLUMNS,
        rows,
        total,
        caption="Files",
        choices=choices,
        noun="files",
        search_label="Part of a file's name",
        empty={**EMPTY, "url": url_for("campus.home")},
    )
    return render_template("campus/files.html", listing=listing, words=words)


@blueprint.get("/files/<int:file_id>")
@campus_role("viewer")
def file(file_id: int) -> ResponseReturnValue:
    """One file: what it is, where it went, and a look inside."""
    with tenant_scope(g.tenant.tenant_id) as session:
        page = file_pages.read_file_page(session, file_id)
        if page is None or page.file.kind == "collected":
            abort(404)
        before = file_pages.delivered_before(session, page.file)
        answers = line_answers.answers_of_file(session, file_id)
    preview, fault = (None, "") if page.file.purged_at else _look_inside(page.file)
    return render_template(
        "campus/file.html",
        page=page,
        file=page.file,
        before=before,
        answers=answers,
        preview=preview,
        fault=fault,
        line_n=_number("line", 1),
        is_tail=_shows_tail(),
        marks=request.args.get("marks") != "off",
        ruler=_ruler(preview),
        look=_look,
        waits=any(d.target == "download" and d.state == "pending" for d in page.deliveries),
        words=words,
    )


@blueprint.get("/files/<int:file_id>/changes")
@campus_role("viewer")
def file_changes(file_id: int) -> ResponseReturnValue:
    """Who is new, gone or changed since the last delivered file of the same kind."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = file_pages.file_row(session, file_id)
        if found is None or found.kind == "collected":
            abort(404)
        before = file_pages.delivered_before(session, found)
        difference = file_pages.difference(session, found, before, limit=DIFFERENCES_SHOWN)
    return render_template(
        "campus/file_changes.html", file=found, before=before, difference=difference, words=words
    )


@blueprint.get("/files/<int:file_id>/download")
@campus_role("viewer")
def download(file_id: int) -> ResponseReturnValue:
    """The file's bytes, exactly as they were built. Who took them is in the audit log."""
    return _send_bytes(download_file, file_id)


@blueprint.post("/files/<int:file_id>/fetch")
@campus_role("editor")
def fetch(file_id: int) -> ResponseReturnValue:
    """The bytes of a file that waits in the portal, for PeopleSoft: from now on it counts as told."""
    return _send_bytes(fetch_file, file_id)


@blueprint.post("/deliveries/<int:delivery_id>/taken")
@campus_role("editor")
def delivery_taken(delivery_id: int) -> ResponseReturnValue:
    """A person's word that PeopleSoft took a file."""
    with tenant_scope(g.tenant.tenant_id) as session:
        file_id = file_pages.file_of_delivery(session, delivery_id)
    if file_id is None:
        abort(404)
    if say_taken(g.tenant.tenant_id, delivery_id, g.actor):
        flash("Noted: PeopleSoft has the file.", "good")
    else:
        flash("That was known already; nothing was changed.", "ask")
    return redirect(url_for("campus.file", file_id=file_id), 303)


def _send_bytes(
    take: Callable[[int, int, Actor, FileStore], tuple[File, BinaryIO]], file_id: int
) -> ResponseReturnValue:
    try:
        found, source = take(g.tenant.tenant_id, file_id, g.actor, _file_store())
    except LookupError:
        abort(404)
    except (FileGoneError, OutsideError) as err:
        flash(str(err), "bad")
        return redirect(url_for("campus.file", file_id=file_id), 303)
    # As bytes, never as something a browser would show: names in a file may look like markup.
    response = send_file(
        source, mimetype="application/octet-stream", as_attachment=True, download_name=found.name
    )
    response.content_length = found.size
    return response


def _look_inside(found: File) -> tuple[Preview | None, str]:
    """The piece of the file that the address asks for, or why it cannot be shown."""
    try:
        with _file_store().open(found.store_key) as source:
            if _shows_tail():
                return preview_tail(source, found.size), ""
            return preview_from(source, found.size, _number("at", 0)), ""
    except OutsideError as err:
        return None, str(err)


def _ruler(preview: Preview | None) -> tuple[str, str] | None:
    """Tens and ones above the columns; a file whose columns are set by tabs has no use for it."""
    if preview is None or preview.has_tabs or not preview.widest:
        return None
    width = min(preview.widest, RULER_WIDTH)
    tens = "".join(f"{n:>10}" for n in range(10, width + 1, 10))
    return tens, ("1234567890" * (width // 10 + 1))[:width]


def _look(**changes: object) -> dict[str, object]:
    """The parts of the address that say where in the file the reader is, with some changed; None leaves one out."""
    now: dict[str, object] = {name: request.args.get(name) for name in ("at", "line", "marks")}
    return {name: value for name, value in {**now, **changes}.items() if value is not None}


def _shows_tail() -> bool:
    return request.args.get("at") == "end"


def _number(name: str, default: int) -> int:
    typed = request.args.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 16 else default


def _file_store() -> FileStore:
    return FileStore(current_app.config["FEEBRIDGE"].files_url)


def _cells(row: ListedFile) -> Sequence[Cell]:
    found = row.file
    return (
        found.name,
        words.file_kind_title(found.kind),
        found.row_count,
        dollars(found.total_cents),
        found.size,
        found.sha256,
        found.created_at,
        found.confirmed_at,
        found.run_id,
        "yes" if row.is_dry_run else "no",
    )
