"""Alma's job "Import from bursar": takes the payment files out of the drop and books them on their fees.

Source of the behaviour: Ex Libris Developer Network, "Bursar integration", import (match by the bursar transaction id,
else by the internal id; the composite sum is what was paid; full payment closes, more than is owed makes a credit).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from lxml import etree

from webapp.sandbox.bursar_job import BursarJobError
from webapp.sandbox.debts import Fee, Transaction

if TYPE_CHECKING:
    from pathlib import Path

    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron
    from webapp.sandbox.settings import World

HANDLED = ".handled"


class BursarImport:
    """Runs the job for any institution of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self, institution: str = "", folder: str = "", name: str = "") -> dict[str, Any]:
        """Book every waiting file (or the one called ``name``); returns {"files", "payments", "total_cents", "unmatched"}.

        ``folder`` is below the drop ("": the institution's own). A file that was booked is renamed.
        Raises: BursarJobError.
        """
        code = institution or next(iter(self._world.institutions))
        held, root = self._world.institutions.get(code), self._world.drop_root
        if held is None or root is None:
            raise BursarJobError(f"there is no institution {code}, or no SFTP drop")
        place = (root / (folder or held.spec.folder or code)).resolve()
        if not place.is_relative_to(root.resolve()):
            raise BursarJobError(f"{folder} is not below the drop")
        files = sorted(place.glob(name or "*.xml")) if place.is_dir() else []
        told: dict[str, Any] = {
            "files": [file.name for file in files],
            "payments": 0,
            "total_cents": 0,
            "unmatched": 0,
        }
        for file in files:
            for reference, cents in _paid(file):
                booked = self._book(held, reference, cents, file.name)
                told["payments"] += booked
                told["total_cents"] += cents if booked else 0
                told["unmatched"] += not booked
            file.rename(file.with_name(f"{file.name}{HANDLED}"))
        return told

    def _book(self, institution: Institution, reference: str, cents: int, file_name: str) -> bool:
        with institution.lock:
            found = _fee(institution, reference)
            if found is None:
                return False
            patron, fee = found
            owed_cents = _owed_cents(fee)
            now = institution.clock.now()
            transaction = Transaction(
                institution.next_transaction_id(),
                "PAYMENT",
                cents,
                now,
                "System",
                "Bursar External system",
                comment=file_name,
            )
            left_cents = max(0, owed_cents - cents)
            is_transferred = fee.status == "EXPORTED"
            institution.store(
                replace(
                    fee,
                    balance_cents=0 if is_transferred else left_cents,
                    status=fee.status if left_cents else "CLOSED",
                    status_at=now,
                    transactions=(*fee.transactions, transaction),
                )
            )
            if cents > owed_cents:
                self._credit(institution, fee, cents - owed_cents)
            self._world.book.record(
                "import",
                institution=institution.spec.code,
                primary_id=patron.primary_id,
                fee_id=fee.fee_id,
                amount_cents=cents,
                file=file_name,
            )
        return True

    @staticmethod
    def _credit(institution: Institution, fee: Fee, cents: int) -> None:
        now = institution.clock.now()
        credit = Fee(
            fee_id=institution.next_fee_id(),
            patron_index=fee.patron_index,
            type_code="CREDIT",
            status="ACTIVE",
            original_cents=-cents,
            balance_cents=-cents,
            created_at=now,
            status_at=now,
            owner=fee.owner,
        )
        institution.add(credit)


def _paid(file: Path) -> list[tuple[str, int]]:
    """Reference and cents of each payment in the file."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.parse(file, parser).getroot()
        return [
            (_leaf(fee, "bursarTransactionId"), int(Decimal(_leaf(fee, "sum")) * 100))
            for fee in root.iter("{*}userFineFee")
        ]
    except (etree.XMLSyntaxError, InvalidOperation) as err:
        raise BursarJobError(f"{file.name} is no file of payments: {err}") from err


def _leaf(fee: Any, name: str) -> str:
    return next((str(leaf.text or "").strip() for leaf in fee.iter("{*}" + name)), "")


def _fee(institution: Institution, reference: str) -> tuple[Patron, Fee] | None:
    view = institution.live_view()
    for patron in view.patrons_with_fees():
        for fee in view.fees(patron):
            if reference and reference in {fee.bursar_transaction_id, fee.fee_id}:
                return patron, fee
    return None


def _owed_cents(fee: Fee) -> int:
    """What is owed on it: of a transferred fee Alma shows no balance, but still waits for what was transferred."""
    if fee.status != "EXPORTED":
        return fee.balance_cents
    settled = sum(entry.amount_cents for entry in fee.transactions if entry.type_code in {"PAYMENT", "WAIVE"})
    return max(0, fee.original_cents - settled)
