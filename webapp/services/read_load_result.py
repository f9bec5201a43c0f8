"""What PeopleSoft made of the lines we sent: its load result or reject file, read and written beside each line."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, BinaryIO

from webapp.adapters.errors import PermanentError
from webapp.domain.answers import match_answers
from webapp.domain.identifiers import IdentifierError, clean_emplid
from webapp.domain.layouts import LayoutError
from webapp.domain.layouts.inbound import (
    READY_MADE_INBOUND,
    InboundFault,
    InboundFileError,
    InboundLayout,
    InboundRow,
    is_inbound,
    load_inbound,
    read_rows,
)
from webapp.store import answers_desk, bursar_tasks, load_results
from webapp.store.files import newest_layout
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.models import InboundFile
    from webapp.models.scope import ScopedSession

MOST_LEFT_OVER = 500
_CHUNK = 1 << 18


@dataclass(slots=True)
class ParsedResult:
    """A load result read to its end, before anything is compared: how many lines, their cents, and bad lines."""

    lines: int = 0
    cents: int = 0
    faults: list[InboundFault] = field(default_factory=list)
    fault_count: int = 0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What came of one load result.

    ``accepted`` and ``rejected`` are lines of ours that were answered; ``known`` answers repeated what was known;
    ``unmatched`` belong to no line, or to one of several; ``unreadable`` could not be read. ``taken_after_all``:
    lines rejected before that PeopleSoft has now.
    """

    name: str
    lines: int
    accepted: int
    rejected: int
    known: int
    unmatched: int
    unreadable: int
    taken_after_all: int

    @property
    def words(self) -> str:
        """The result in one sentence."""
        parts = [f"{self.accepted:,} accepted", f"{self.rejected:,} rejected"]
        for count, what in (
            (self.known, "known before"),
            (self.unmatched, "that belong to no line we can tell"),
            (self.unreadable, "that could not be read"),
        ):
            if count:
                parts.append(f"{count:,} {what}")
        return f"{self.name}: {self.lines + self.unreadable:,} lines, {', '.join(parts)}."


def choose_inbound_layout(session: ScopedSession, name: str) -> InboundLayout:
    """The campus's own layout of that name, or the ready-made one. Raises: PermanentError."""
    own = newest_layout(session, session.tenant_id or 0, name)
    document = own.body if own is not None else READY_MADE_INBOUND.get(name)
    if document is None or not is_inbound(document):
        raise PermanentError(
            f"There is no layout of incoming files called {name!r}. Choose one in the settings; the file is kept and "
            "nothing of it was used."
        )
    try:
        return load_inbound(document)
    except LayoutError as err:
        raise PermanentError(
            f"The layout {name!r} cannot be used: {err.faults[0]} Nothing of the file was used."
        ) from err


def parse_load_result(
    source: BinaryIO,
    layout: InboundLayout,
    write: Callable[[bytes], object],
    *,
    emplid_digits: int | None,
    emplid_pad: bool,
) -> ParsedResult:
    """Read a load result to its end; ``write`` gets its lines as text for ``apply_load_result``.

    Raises: InboundFileError, and then nothing that was written may be used.
    """
    parsed = ParsedResult()
    for row in read_rows(source, layout):
        if isinstance(row, InboundRow) and not row.status:
            # Without words for accepted and rejected a layout answers nothing.
            raise InboundFileError(
                f"The layout {layout.name!r} does not say which lines were accepted and which rejected. Nothing of the "
                "file was used; name the words of its status column."
            )
        if isinstance(row, InboundFault):
            parsed.fault_count += 1
            if len(parsed.faults) < MOST_LEFT_OVER:
                parsed.faults.append(row)
            continue
        parsed.lines += 1
        parsed.cents += row.cents("amount_cents") or 0
        write(_line(parsed.lines, row, emplid_digits, pad=emplid_pad).encode("utf-8", "replace"))
    return parsed


def _line(n: int, row: InboundRow, digits: int | None, *, pad: bool) -> str:
    emplid = row.text("emplid")
    with suppress(IdentifierError):
        emplid = clean_emplid(emplid, digits=digits, pad=pad)
    texts = [row.text(name) for name in ("reference", "item_type", "term", "file_name", "message")]
    reference, item_type, term, file_name, message = texts
    return load_results.answer_line(
        (
            n,
            row.line,
            row.status,
            reference,
            emplid,
            item_type,
            term,
            row.cents("amount_cents"),
            file_name,
            row.cents("line_no"),
            message,
            json.dumps(dict(row.raw)),
        )
    )


def apply_load_result(
    session: ScopedSession, inbound: InboundFile, parsed: ParsedResult, lines: IO[bytes], run_id: int
) -> LoadResult:
    """Write every answer beside its line, in the caller's transaction. The same answers again change nothing.

    A rejected line waits at the desk; an answer that belongs to no line is shown there too.

    Raises: InboundFileError when not one line of the file belongs to anything we sent.
    """
    tenant_id = inbound.tenant_id
    load_results.open_answers(session)
    with load_results.copy_answers(session) as write:
        while chunk := lines.read(_CHUNK):
            write(chunk)
    with by_hashing(session):
        load_results.pair_answers(session, tenant_id, about=inbound.name)
        _settle(session)
    outcomes = load_results.outcomes(session)
    unmatched = outcomes.get("unknown", 0) + outcomes.get("ambiguous", 0)
    if unmatched == parsed.lines or (parsed.fault_count and not parsed.lines):
        raise InboundFileError(
            f"Not one of the {parsed.lines + parsed.fault_count:,} lines of {inbound.name} belongs to a line we sent in the "
            f"last {load_results.LOOKED_BACK_DAYS} days. It may be another campus's or another system's file; nothing of it "
            "was used."
        )
    with by_hashing(session):
        events = load_results.write_events(session, tenant_id, inbound.id)
        load_results.stamp_answered(session, tenant_id, inbound.id, f"load result {inbound.name}")
        answers_desk.park_rejected(session, tenant_id, run_id=run_id, inbound_file_id=inbound.id)
        taken = answers_desk.close_accepted(session, tenant_id, inbound_file_id=inbound.id, name=inbound.name)
        bursar_tasks.leave_out_answered(session, tenant_id, inbound_file_id=inbound.id, name=inbound.name)
    answers_desk.park_left_over(
        session,
        tenant_id,
        run_id=run_id,
        name=inbound.name,
        left_over=load_results.left_over(session, MOST_LEFT_OVER),
        faults=parsed.faults,
    )
    return LoadResult(
        name=inbound.name,
        lines=parsed.lines,
        accepted=events.get("accepted", 0),
        rejected=events.get("rejected", 0),
        known=parsed.lines - unmatched - sum(events.values()),
        unmatched=unmatched,
        unreadable=parsed.fault_count,
        taken_after_all=taken,
    )


def _settle(session: ScopedSession) -> None:
    groups = load_results.groups(session)
    with load_results.settle_answers(session) as note:
        for group in groups:
            for match in match_answers(group.answers, group.sent):
                note((match.n, match.outcome, match.entry_id))
