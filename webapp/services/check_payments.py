"""What a file of payments would do, without doing it: counts, days, where the money would go, and what cannot be matched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from webapp.adapters.errors import OutsideError
from webapp.adapters.files import FileStore
from webapp.domain.layouts.inbound import InboundFileError
from webapp.models import Tenant
from webapp.models.scope import tenant_scope
from webapp.services.ask_fees import ask_fees
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.change_settings import vault_of
from webapp.services.open_alma import open_alma
from webapp.services.payment_file import match_rules, payment_layout, read_news, refuse_strangers
from webapp.store import inbound, payment_match, payment_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.config import Settings
    from webapp.models.scope import ScopedSession
    from webapp.services.payment_file import ReadFile
    from webapp.store.payment_match import PlannedLine
    from webapp.store.payment_rows import Tally

T = TypeVar("T")
MOST_SHOWN = 200
# Somebody waits for the answer: so many students are asked for in Alma, and no more.
MOST_ASKED = 100


@dataclass(frozen=True, slots=True)
class PaymentCheck:
    """What a file says and would do. ``cents`` is what is new; ``known`` rows bring none.

    ``lines`` are the first ones planned, ``faults`` the first that cannot be read, with their line numbers; ``refusal``
    says why the whole file would be refused, and then the rest is empty. ``note``: why Alma could not be asked, so that
    an import may find more.
    """

    rows: int = 0
    new_rows: int = 0
    cents: int = 0
    known: int = 0
    first_on: date | None = None
    last_on: date | None = None
    posted_lines: int = 0
    posted_cents: int = 0
    desk_lines: int = 0
    desk_cents: int = 0
    tallies: list[Tally] = field(default_factory=list)
    lines: list[PlannedLine] = field(default_factory=list)
    fault_count: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)
    refusal: str = ""
    note: str = ""


def check_payments(
    tenant_id: int, source: BinaryIO, *, settings: Settings, ask_alma: bool = True
) -> PaymentCheck:
    """Read the file and plan it as an import would, then forget all of it.

    Of students of whom nothing is known Alma is asked (``ask_alma``), up to a hundred. Raises: PermanentError when the
    campus's layout cannot be used.
    """
    # Whom Alma was not asked for may be known there.
    may_be_strangers, note = not ask_alma, ""
    if ask_alma:
        emplids, campus = _unknown(tenant_id, source, settings)
        source.seek(0)
        if emplids and campus is not None:
            try:
                may_be_strangers = _ask(tenant_id, settings, emplids, campus) > 0
            except OutsideError as err:
                may_be_strangers, note = True, err.message
    try:
        found = _in_a_transaction(tenant_id, source, partial(_plan, may_be_strangers=may_be_strangers))
    except InboundFileError as err:
        return PaymentCheck(refusal=err.message)
    return replace(found, note=note)


def check_arrived(tenant_id: int, inbound_file_id: int, *, settings: Settings) -> PaymentCheck:
    """The same for a file that has arrived and waits. Raises: LookupError; PermanentError."""
    with tenant_scope(tenant_id) as session:
        row = inbound.file_of_id(session, inbound_file_id)
    if row is None or row.kind != "payments" or row.purged_at is not None or not row.store_key:
        raise LookupError(f"file {inbound_file_id}")
    with FileStore(settings.files_url).open(row.store_key) as stored:
        return check_payments(tenant_id, stored, settings=settings)


def _unknown(tenant_id: int, source: BinaryIO, settings: Settings) -> tuple[list[str], Any]:
    def find(session: ScopedSession, campus: Any, _read: ReadFile) -> tuple[list[str], Any]:
        if campus["posting"]["way"] == "none" or not open_secret(session, vault_of(settings), "alma_api_key"):
            return [], None
        return payment_match.emplids_to_ask(session, MOST_ASKED), campus

    try:
        return _in_a_transaction(tenant_id, source, find)
    except InboundFileError:
        # The second reading says why.
        return [], None


def _ask(tenant_id: int, settings: Settings, emplids: list[str], campus: Any) -> int:
    """How many of them Alma knows."""
    with tenant_scope(tenant_id) as session:
        api_key = open_secret(session, vault_of(settings), "alma_api_key")
    client = open_alma(settings, campus, api_key, person_waits=True)
    return ask_fees(tenant_id, client, emplids, pad=campus["bursar"]["emplid_pad"])


def _in_a_transaction(
    tenant_id: int, source: BinaryIO, use: Callable[[ScopedSession, Any, ReadFile], T]
) -> T:
    with tenant_scope(tenant_id) as session:
        campus = read_all(session)
        layout = payment_layout(session, campus)
        read = read_news(
            session,
            source,
            layout,
            campus,
            # No file has this number: its rows are known only by what they say.
            inbound_file_id=0,
            file_at=datetime.now(UTC),
            time_zone=session.get_one(Tenant, tenant_id).time_zone,
        )
        found = use(session, campus, read)
        session.rollback()
    return found


def _plan(session: ScopedSession, campus: Any, read: ReadFile, *, may_be_strangers: bool) -> PaymentCheck:
    if not may_be_strangers:
        refuse_strangers(session, read.rows)
    payment_match.match(session, match_rules(campus["payments"]))
    tallies = payment_rows.tallies(session)
    plan = payment_match.plan_totals(session)
    first_on, last_on = payment_rows.days(session)
    waiting = [total for (state, _), total in plan.items() if state == "waiting"]
    desk = [total for (state, _), total in plan.items() if state != "waiting"]
    return PaymentCheck(
        rows=sum(tally.rows for tally in tallies),
        new_rows=sum(tally.rows for tally in tallies if tally.verdict == "post"),
        cents=sum(tally.cents for tally in tallies if tally.verdict == "post"),
        known=sum(tally.rows for tally in tallies if tally.verdict == "known"),
        first_on=first_on,
        last_on=last_on,
        posted_lines=sum(lines for lines, _ in waiting),
        posted_cents=sum(cents for _, cents in waiting),
        desk_lines=sum(lines for lines, _ in desk),
        desk_cents=sum(cents for _, cents in desk),
        tallies=tallies,
        lines=payment_match.planned_lines(session, MOST_SHOWN),
        fault_count=read.faults,
        faults=payment_rows.faults_in_news(session, MOST_SHOWN),
    )
