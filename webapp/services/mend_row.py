"""Put right, let go, or take charge of a row that a conversion held back; and send what is ready at once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from webapp.domain.layouts import FEE_FIELDS
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.resolve_row import RowRefusedError
from webapp.services.submit_run import submit_run
from webapp.store import quarantine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.models import QuarantinedRow
    from webapp.services.audit import Actor

PIPELINE = "bursar_conversion"
LONGEST_TEXT = 200
# What identifies the row, and what the ledger adds by itself, is not for people to write.
_NOT_MENDED = frozenset(
    {
        *(
            "fee_ref",
            "kind",
            "debit_credit",
            "payer",
            "emplid",
            "reference_out",
            "export_number",
            "profile_code",
        ),
        *("total_cents", "original_amount_cents", "original_item_type", "original_term", "original_fee_type"),
        *("original_billing_on", "transaction_at", "item_count"),
    }
)
MENDABLE = tuple(name for name in FEE_FIELDS if name not in _NOT_MENDED)
"""The fields of a held-back row that a person may correct; ``original_reference`` names a credit's charge."""


def mend_row(tenant_id: int, row_id: int, patch: Mapping[str, str], actor: Actor) -> None:
    """Correct fields of a row; the next run judges it with them. An empty text takes a correction back.

    Amounts are cents ("1250"), days are ISO ("2026-11-21"). Raises: RowRefusedError with every fault; LookupError.
    """
    with tenant_scope(tenant_id) as session:
        row = _open_row(session, row_id)
        # A row that came without its id may be given one, so that it is known again.
        allowed = MENDABLE if row.raw.get("fee_ref") else (*MENDABLE, "fee_ref")
        mended, dropped, faults = _read(patch, allowed)
        if faults:
            raise RowRefusedError(" ".join(faults) + " Nothing was changed.")
        before = dict(row.patch)
        row.patch = {name: value for name, value in {**before, **mended}.items() if name not in dropped}
        row.owner_id = row.owner_id or actor.person_id
        _record(session, actor, "row.mended", row_id, {"fields": sorted({*mended, *dropped})})
        session.commit()


def release_row(tenant_id: int, row_id: int, actor: Actor, note: str = "") -> None:
    """Let the row go as it is with the next run, whatever held it back.

    What the ledger knows still holds: a fee that was told is not told twice, and no credit exceeds its charge.
    Raises: RowRefusedError; LookupError.
    """
    with tenant_scope(tenant_id) as session:
        row = _open_row(session, row_id)
        row.decision, row.owner_id = "released", row.owner_id or actor.person_id
        _record(session, actor, "row.released", row_id, {"reason": note})
        session.commit()


def own_row(tenant_id: int, row_id: int, person_id: int | None, actor: Actor) -> None:
    """Say who looks after the row; None: nobody. Raises: RowRefusedError; LookupError."""
    with tenant_scope(tenant_id) as session:
        row = _open_row(session, row_id)
        row.owner_id = person_id
        _record(session, actor, "row.owned", row_id, {"owner_id": person_id})
        session.commit()


def send_desk_now(tenant_id: int, actor: Actor) -> int:
    """Ask for a run of what waits at the desk alone, without a cut-off; returns its id."""
    return submit_run(
        tenant_id,
        PIPELINE,
        trigger="person",
        requested_by=actor.person_id,
        options={"only_desk": True},
        actor=actor,
    )


def _open_row(session: ScopedSession, row_id: int) -> QuarantinedRow:
    row = quarantine.lock_row(session, row_id)
    if row is None:
        raise LookupError(f"row {row_id}")
    if row.pipeline != PIPELINE:
        raise RowRefusedError("This row is not of a bursar conversion; correct it where it comes from.")
    if row.resolved_at is not None:
        raise RowRefusedError("This row was resolved meanwhile; nothing was changed.")
    if quarantine.is_under_way(session, row_id):
        raise RowRefusedError(
            "A run has taken this row up just now; nothing was changed. Look again when it is over."
        )
    return row


def _read(patch: Mapping[str, str], allowed: tuple[str, ...]) -> tuple[dict[str, Any], set[str], list[str]]:
    mended: dict[str, Any] = {}
    dropped, faults = set[str](), []
    for name, raw in patch.items():
        given = " ".join(raw.replace("\x00", "").split())[:LONGEST_TEXT]
        if name not in allowed:
            faults.append(f"{name} cannot be corrected; these can: {', '.join(allowed)}.")
        elif not given:
            dropped.add(name)
        elif (value := _value(FEE_FIELDS[name], given)) is None:
            kind = "whole cents such as 1250" if FEE_FIELDS[name] == "cents" else "a day such as 2026-11-21"
            faults.append(f"{name} must be {kind}, not {given}.")
        else:
            mended[name] = value
    return mended, dropped, faults


def _value(kind: str, given: str) -> str | int | None:
    if kind == "cents":
        digits = given.removeprefix("-")
        return int(given) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None
    if kind == "date":
        try:
            return date.fromisoformat(given).isoformat()
        except ValueError:
            return None
    return given


def _record(session: ScopedSession, actor: Actor, action: str, row_id: int, after: dict[str, Any]) -> None:
    audit.record(session, actor=actor, action=action, subject=f"quarantined_row/{row_id}", after=after)
