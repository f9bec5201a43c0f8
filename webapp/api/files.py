"""Files that were built for PeopleSoft: the list, and one file's bytes."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, request, send_file, url_for
from flask.typing import ResponseReturnValue

from webapp.adapters.files import FileStore
from webapp.api.blueprint import blueprint, campus_token, error
from webapp.domain.money import format_cents
from webapp.models import File
from webapp.models.scope import tenant_scope
from webapp.services.download_file import FileGoneError, download_file
from webapp.services.fetch_file import fetch_file
from webapp.store import api_pages

MOST_FILES = 100
HELD = (
    "This file has not been let go: its run waits for approval, was a rehearsal, or did not come to its end. Load nothing "
    "of it. Ask again when its run is done; people can look at it in the portal."
)


@blueprint.get("/files")
@campus_token
def list_files() -> ResponseReturnValue:
    """Files with a number above ``after``, oldest first, at most ``limit`` (100); ``next`` is there when more follow."""
    after = max(0, request.args.get("after", 0, type=int))
    limit = max(1, min(request.args.get("limit", MOST_FILES, type=int), MOST_FILES))
    with tenant_scope(g.caller.tenant_id) as session:
        found = api_pages.files_after(session, after=min(after, 2**62), limit=limit + 1)
    listed = found[:limit]
    more = url_for("api.list_files", after=listed[-1][0].id, limit=limit) if len(found) > limit else None
    return {
        "files": [_described(file) | {"may_leave": may_leave} for file, may_leave in listed],
        "next": more,
    }


@blueprint.get("/files/<int:file_id>/content")
@campus_token
def file_content(file_id: int) -> ResponseReturnValue:
    """One file, byte for byte, with its sha256 as ETag. Reading it changes nothing: it does not count as taken.

    What people have not agreed to, or a failed run built, is for people to look at and not for programs to load: 409.
    """
    with tenant_scope(g.caller.tenant_id) as session:
        if api_pages.may_leave(session, file_id) is False:
            return error(409, HELD)
    try:
        file, source = download_file(g.caller.tenant_id, file_id, g.actor, _store())
    except LookupError:
        return error(404, "There is no such file.")
    except FileGoneError as err:
        return error(410, str(err))
    answer = send_file(
        source,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=file.name,
        etag=file.sha256,
    )
    answer.content_length = file.size
    return answer


@blueprint.post("/files/<int:file_id>/taken")
@campus_token
def file_taken(file_id: int) -> ResponseReturnValue:
    """Say that a file left for fetching was taken to PeopleSoft: from now on its lines count as told."""
    try:
        file, source = fetch_file(g.caller.tenant_id, file_id, g.actor, _store())
    except LookupError:
        return error(404, "There is no such file waiting to be taken.")
    except FileGoneError as err:
        return error(410, str(err))
    source.close()
    return _described(file)


def _described(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "kind": file.kind,
        "part": file.part,
        "run_id": file.run_id,
        "rows": file.row_count,
        "total": format_cents(file.total_cents, grouping=False, currency=""),
        "size": file.size,
        "sha256": file.sha256,
        "built_at": file.created_at.isoformat(),
        "told_at": file.confirmed_at.isoformat() if file.confirmed_at else None,
        "content": None if file.purged_at else url_for("api.file_content", file_id=file.id),
    }


def _store() -> FileStore:
    return FileStore(current_app.config["FEEBRIDGE"].files_url)
