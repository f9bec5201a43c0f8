"""Take a file in that arrived, whatever way: kept whole, counted once, and a run asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import uuid4

from webapp.adapters.errors import PermanentError
from webapp.adapters.files import FileStore, FileWriter
from webapp.adapters.sftp.pick_up import Sink
from webapp.config import Settings
from webapp.domain.arrivals import HEAD_BYTES, FileHead, foreign_words, read_export_name, read_head
from webapp.models import InboundFile, Tenant
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit, campus_settings
from webapp.services.audit import Actor
from webapp.services.submit_run import ring
from webapp.store import files, inbound, runs
from webapp.store.runs import NewRun

PIPELINES = {
    "bursar_xml": "bursar_conversion",
    "load_result": "bursar_acknowledgements",
    "payments": "payment_import",
    "hold_list": "reconciliation",
}
"""Which run reads a kind of file; a list of students has none of its own, the next run about charges reads it."""
LONGEST_NAME = 200
# Files that an import makes of rows it could not read. They may lie where files of payments are looked for.
GIVEN_BACK = ("rejects", "reject_reasons")
_CHUNK = 1 << 18


class TooLargeError(PermanentError):
    """The file is above the installation's limit; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a file: ``waiting`` for its run, a ``duplicate`` that is only noted, or ``refused`` with why.

    ``run_id`` is the run that was asked for. ``message`` says in words what is unusual; of a duplicate and of a
    refused file nothing was kept. ``repeats_id`` is the file that a duplicate repeats.
    """

    inbound_file_id: int
    state: str
    sha256: str
    size: int
    run_id: int | None = None
    message: str = ""
    repeats_id: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """How a file came: ``kind`` and ``way`` as in ``inbound_file``, its name, the place in words, and its time there."""

    kind: str
    way: str
    name: str
    place: str = ""
    modified_at: datetime | None = None


def receive_file(
    tenant_id: int,
    origin: Origin,
    source: BinaryIO | Callable[[Sink], object],
    *,
    settings: Settings,
    actor: Actor,
    submit: bool = True,
) -> Received:
    """Keep the bytes of ``source`` (a stream, or what writes into a sink), hashed on their way, never whole in memory.

    The same bytes count once: again, they are noted as a duplicate and dropped. A file of another campus is refused.
    With ``submit`` the row and its run appear together, and a worker is woken. The audit log names who brought it.

    Raises: TooLargeError; RetryableError and PermanentError of the source or the file store. Nothing was kept then.
    """
    store = FileStore(settings.files_url)
    key = f"{tenant_id}/inbound/{uuid4().hex}"
    with store.writer(key) as writer:
        sink = _Limited(writer, settings.inbound_limit_mb << 20, origin.name)
        if callable(source):
            source(sink)
        else:
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
    try:
        received = _write_down(tenant_id, origin, writer, key, sink.head, actor, submit=submit)
    except BaseException:
        store.delete(key)
        raise
    if received.state != "waiting":
        store.delete(key)
    if received.run_id is not None:
        ring("batch", received.run_id)
    return received


def refuse_unread(tenant_id: int, origin: Origin, size: int, message: str, *, actor: Actor) -> Received:
    """Write down a file that was not even read, so that it is known when it is seen again."""
    values = {
        "kind": origin.kind,
        "origin": origin.way,
        "name": origin.name[:LONGEST_NAME],
        "place": origin.place,
        "size": size,
        "modified_at": origin.modified_at,
        "sha256": "",
        "store_key": "",
        "state": "refused",
        "message": message,
    }
    with tenant_scope(tenant_id) as session:
        received = _received(inbound.add_aside(session, values))
        _audit(session, actor, origin, received)
        session.commit()
    return received


class _Limited:
    """Counts what passes, keeps the beginning, and stops at the limit."""

    def __init__(self, writer: FileWriter, limit: int, name: str) -> None:
        self._writer, self._limit, self._name = writer, limit, name
        self.head = b""

    def write(self, content: bytes) -> None:
        if self._writer.size + len(content) > self._limit:
            raise TooLargeError(
                f"{self._name} is larger than {self._limit >> 20:,} MB. Nothing of it was kept. If a file of that size is "
                "right, ask whoever runs Feebridge to raise the limit."
            )
        if len(self.head) < HEAD_BYTES:
            self.head += content[: HEAD_BYTES - len(self.head)]
        self._writer.write(content)


def _write_down(
    tenant_id: int, origin: Origin, writer: FileWriter, key: str, head: bytes, actor: Actor, *, submit: bool
) -> Received:
    facts = read_head(head) if origin.kind == "bursar_xml" else FileHead()
    with tenant_scope(tenant_id) as session:
        arrival = campus_settings.read_all(session)["arrival"]
        said = read_export_name(origin.name, arrival["profile_code"])
        values = {
            "kind": origin.kind,
            "origin": origin.way,
            "name": origin.name[:LONGEST_NAME],
            "place": origin.place,
            "size": writer.size,
            "modified_at": origin.modified_at,
            "sha256": writer.sha256,
            "store_key": key,
            "profile_code": said.profile_code if said else "",
            "job_id": said.job_id if said else "",
            "export_number": facts.export_number,
            "institution_id": facts.institution_id,
            "received_by": actor.person_id,
        }
        why = _why_refused(session, tenant_id, origin, facts, arrival, writer)
        if why:
            row = inbound.add_aside(session, {**values, "state": "refused", "store_key": "", "message": why})
            received = _received(row)
        else:
            values["message"] = _same_export_words(session, origin, writer.sha256, facts)
            received = _count_once(session, values, submit=submit, actor=actor)
        _audit(session, actor, origin, received)
        session.commit()
    return received


def _why_refused(
    session: ScopedSession,
    tenant_id: int,
    origin: Origin,
    facts: FileHead,
    arrival: Mapping[str, Any],
    written: FileWriter,
) -> str:
    if written.size == 0:
        return f"{origin.name} is empty. Nothing was read from it; if Alma wrote it so, there is nothing to bill."
    if origin.kind == "payments" and files.is_of_kind(
        session, tenant_id, sha256=written.sha256, kinds=GIVEN_BACK
    ):
        return f"{origin.name} holds the rows that were given back to their sender, as they are. Correct them first."
    if origin.kind != "bursar_xml":
        return ""
    return foreign_words(
        origin.name,
        facts,
        profile_code=arrival["profile_code"],
        institution_id=arrival["institution_id"] or inbound.institution_of(session, origin.kind),
        campus=session.get_one(Tenant, tenant_id).name,
    )


def _same_export_words(session: ScopedSession, origin: Origin, sha256: str, facts: FileHead) -> str:
    before = inbound.same_export(session, origin.kind, facts.export_number)
    if before is None or before.sha256 == sha256:
        return ""
    return (
        f"It has the export number {facts.export_number} of {before.name}, with other content. Fees that file held are "
        "not sent again."
    )


def _count_once(session: ScopedSession, values: dict[str, Any], *, submit: bool, actor: Actor) -> Received:
    row, is_new = inbound.add_file(session, values)
    if not is_new:
        words = f"The same content as {row.name}, which came before; it is not counted again."
        aside = {**values, "state": "duplicate", "store_key": "", "repeats_id": row.id, "message": words}
        return _received(inbound.add_aside(session, aside))
    if not submit or row.kind not in PIPELINES:
        return _received(row)
    new = NewRun(
        PIPELINES[row.kind],
        "file_arrival",
        "batch",
        requested_by=actor.person_id,
        options={"inbound_file_id": row.id},
    )
    return _received(row, runs.insert_run(session, new, actor=actor.name))


def _received(row: InboundFile, run_id: int | None = None) -> Received:
    return Received(row.id, row.state, row.sha256, row.size, run_id, row.message, row.repeats_id)


def _audit(session: ScopedSession, actor: Actor, origin: Origin, received: Received) -> None:
    audit.record(
        session,
        actor=actor,
        action=f"inbound.{received.state}",
        subject=f"inbound_file/{received.inbound_file_id}",
        after={
            "name": origin.name[:LONGEST_NAME],
            "kind": origin.kind,
            "origin": origin.way,
            "place": origin.place,
            "size": received.size,
            "sha256": received.sha256,
        },
    )
