"""What proves the life of a fee: each ledger entry with its source file's sha256 and the line as it stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from webapp.adapters.errors import OutsideError
from webapp.adapters.files import FileStore
from webapp.models import File, InboundFile, LedgerEntry
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import fee_evidence as evidence_store
from webapp.store.fee_evidence import ProvenEntry

_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """A file behind an entry, and the line as it stands in it; ``why_not`` says why there is no line."""

    direction: str
    name: str
    sha256: str
    size: int
    line_no: int | None
    record: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """An entry of the ledger with its sources."""

    entry: LedgerEntry
    sources: tuple[Source, ...]

    def as_json(self) -> dict[str, Any]:
        """The entry and its sources as plain values; times are ISO 8601 in UTC, amounts cents."""
        entry = self.entry
        return {
            "entry": entry.id,
            "at": entry.at.isoformat(),
            "side": entry.side,
            "event": entry.event,
            "fee": entry.fee_ref,
            "amount_cents": entry.amount_cents,
            "patron_id": entry.patron_id,
            "emplid": entry.emplid,
            "item_type": entry.item_type,
            "term": entry.term,
            "reference": entry.reference,
            "takes_back": entry.original_ref,
            "run": entry.run_id,
            "evidence": entry.evidence,
            "sources": [
                {
                    "direction": source.direction,
                    "file": source.name,
                    "sha256": source.sha256,
                    "bytes": source.size,
                    "line": source.line_no,
                    "record": source.record or None,
                    **({"why_no_record": source.why_not} if source.why_not else {}),
                }
                for source in self.sources
            ],
        }


def collect_evidence(tenant_id: int, fee_ref: str, actor: Actor, files: FileStore) -> list[Evidence]:
    """Every entry about the fee with its sources; the audit log names who took them. Files that cannot be read are said."""
    with tenant_scope(tenant_id) as session:
        found = [
            Evidence(proven.entry, tuple(_sources(session, proven, files)))
            for proven in evidence_store.proven_entries(session, fee_ref)
        ]
        audit.record(
            session,
            actor=actor,
            action="fee.evidence_taken",
            subject=f"fee/{fee_ref}",
            after={"entries": len(found)},
        )
        session.commit()
    return found


def _sources(session: ScopedSession, proven: ProvenEntry, files: FileStore) -> list[Source]:
    entry, found = proven.entry, []
    if proven.file is not None:
        found.append(_source("sent", proven.file, entry.line_no, files))
    if proven.inbound is not None:
        told = entry.evidence
        line_no = told.get("line") if isinstance(told.get("line"), int) else None
        kept = _kept_record(session, told.get("payment_id"))
        if kept:
            file = proven.inbound
            found.append(Source("received", file.name, file.sha256, file.size, line_no, kept, ""))
        else:
            found.append(_source("received", proven.inbound, line_no, files))
    return found


def _kept_record(session: ScopedSession, payment_id: object) -> str:
    return evidence_store.record_of(session, payment_id) if isinstance(payment_id, int) else ""


def _source(direction: str, file: File | InboundFile, line_no: int | None, files: FileStore) -> Source:
    record, why_not = "", ""
    if line_no is None:
        why_not = "The entry is about the whole file."
    elif file.purged_at is not None or not file.store_key:
        why_not = "The file's bytes are past their retention time; its name, size and sha256 are kept."
    else:
        record, why_not = _line_of(files, file.store_key, line_no)
    return Source(direction, file.name, file.sha256, file.size, line_no, record, why_not)


def _line_of(files: FileStore, store_key: str, line_no: int) -> tuple[str, str]:
    try:
        with files.open(store_key) as source:
            n = 0
            while n < line_no:
                piece = source.readline(_LONGEST_LINE)
                if not piece:
                    return "", f"The file has no line {line_no}."
                n += piece.endswith(b"\n") or n == line_no - 1
            return piece.decode("utf-8", "replace").rstrip("\r\n"), ""
    except OutsideError as err:
        return "", str(err)
