"""The evidence file of a fee: its whole life in a ZIP that a student or an auditor can be handed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Response, abort, current_app, g, render_template
from flask.typing import ResponseReturnValue

from webapp.adapters.files import FileStore
from webapp.auth.access import campus_role
from webapp.campus import charge_words, payment_words
from webapp.campus.blueprint import blueprint
from webapp.campus.fee_life import Moment
from webapp.campus.ledger_pages import FeePage, read_fee
from webapp.models.scope import tenant_scope
from webapp.services.fee_evidence import Evidence, collect_evidence
from webapp.web.csv_export import Cell, csv_lines, dollars

if TYPE_CHECKING:
    from typing_extensions import Buffer

CSV_HEADINGS = ("when", "whose book", "what", "amount", "detail", "file", "line", "run", "evidence")
README = """Evidence for fee {fee_ref}, {campus}
Made {made_at} by {by}.

timeline.html  the fee's whole life, for reading and printing
timeline.csv   the same as a table; times are UTC
entries.json   every entry of Feebridge's ledger about the fee, in the order it was written. Entries are
               added and never changed. Each names the file it was sent in or came from, with the
               file's sha256 and the line as it stands there.

To check an entry: ask for the file by its name, compute its sha256, compare, and look at the line.
Amounts are signed as the side that speaks sees them: a charge is above zero, a payment below.
"""


@blueprint.get("/fees/<fee_ref>/evidence")
@campus_role("viewer")
def fee_evidence(fee_ref: str) -> ResponseReturnValue:
    """The ZIP, sent while it is written. Who took it is in the audit log."""
    with tenant_scope(g.tenant.tenant_id) as session:
        page = read_fee(session, fee_ref)
    if page is None:
        abort(404)
    files = FileStore(current_app.config["FEEBRIDGE"].files_url)
    found = collect_evidence(g.tenant.tenant_id, fee_ref, g.actor, files)
    made_at = datetime.now(UTC)
    members = _members(fee_ref, page, found, made_at)
    response = Response(_zipped(members, made_at), content_type="application/zip")
    name = "".join(char if char.isalnum() and char.isascii() else "-" for char in fee_ref)[:60]
    response.headers["Content-Disposition"] = f'attachment; filename="fee-{name}-evidence.zip"'
    return response


def _members(
    fee_ref: str, page: FeePage, found: list[Evidence], made_at: datetime
) -> list[tuple[str, Iterable[str]]]:
    """Names and texts of what is in the ZIP."""
    readme = README.format(
        fee_ref=fee_ref,
        campus=g.tenant.name,
        made_at=made_at.isoformat(timespec="seconds"),
        by=g.actor.name,
    )
    printed = render_template(
        "campus/fee_evidence.html",
        fee_ref=fee_ref,
        page=page,
        found=found,
        made_at=made_at,
        by=g.actor.name,
        pay=payment_words,
        charges=charge_words,
    )
    entries = {
        "format": "feebridge/fee-evidence/1",
        "campus": g.tenant.name,
        "fee": fee_ref,
        "made_at": made_at.isoformat(timespec="seconds"),
        "entries": [evidence.as_json() for evidence in found],
    }
    return [
        ("README.txt", [readme]),
        ("timeline.html", [printed]),
        ("timeline.csv", list(csv_lines(CSV_HEADINGS, map(_cells, page.moments)))),
        ("entries.json", [json.dumps(entries, indent=2, ensure_ascii=False)]),
    ]


def _cells(moment: Moment) -> tuple[Cell, ...]:
    return (
        moment.at,
        moment.side,
        moment.title,
        dollars(moment.amount_cents),
        moment.detail,
        moment.file_name,
        moment.line_no,
        moment.run_id,
        "; ".join(f"{name} {value}" for name, value in moment.evidence),
    )


class _Pipe(io.RawIOBase):
    """What a ZIP is written into: a stream that cannot go back, emptied between two pieces."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Buffer, /) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _zipped(members: list[tuple[str, Iterable[str]]], made_at: datetime) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in members:
            head = zipfile.ZipInfo(name, made_at.timetuple()[:6])
            head.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(head, "w") as member:
                for piece in pieces:
                    member.write(piece.encode())
                    yield pipe.take()
    yield pipe.take()
