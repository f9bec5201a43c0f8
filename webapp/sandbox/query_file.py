"""PeopleSoft's stand-in: students pay at the cashier, and a query drops the state of their library items several times a day.

Columns and their headings are those of PeopleSoft's item record as campuses print it (ITEM_SF,
https://dev.apps.maine.edu/DARTS/ITEM_SF---Item-Record.html); amounts below a dollar come without their zero.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from webapp.sandbox.debts import Fee
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron
    from webapp.sandbox.settings import World

HEADINGS = (
    "Unit", "ID", "Item Nbr", "Item Type", "Acct Term", "Reference Nbr", "Item Amount", "Applied Amount", "Item Balance",
    "Due Date", "DateTime Updated",
)  # fmt: skip
UNIT = "SMCMP"
ITEM_TYPE = "300000006919"
MOST_PATRONS = 10_000


class QueryFileError(ValueError):
    """No file can be written as asked; the message says why."""


@dataclass(slots=True)
class Item:
    """One item of a student account that stands for a fee of the library."""

    number: int
    patron: Patron
    fee: Fee
    applied_cents: int
    updated_at: datetime


@dataclass(slots=True)
class StudentAccounts:
    """What PeopleSoft knows of one institution's library items: all that were ever paid, in the order they came."""

    items: dict[str, Item] = field(default_factory=dict)

    def pay(self, patron: Patron, fee: Fee, cents: int, at: datetime) -> None:
        """The student pays something towards an item."""
        item = self.items.setdefault(fee.fee_id, Item(len(self.items) + 1, patron, fee, 0, at))
        item.applied_cents += cents
        item.updated_at = at

    def as_csv(self) -> str:
        """The query's result: every item as it is now."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(HEADINGS)
        for item in self.items.values():
            amount = item.fee.original_cents
            writer.writerow(
                (
                    UNIT,
                    item.patron.emplid,
                    f"{item.number:015}",
                    ITEM_TYPE,
                    "2264",
                    item.fee.fee_id,
                    _money(amount),
                    _money(item.applied_cents),
                    _money(amount - item.applied_cents),
                    f"{item.fee.created_at:%m/%d/%Y}",
                    f"{item.updated_at:%m/%d/%Y  %I:%M:%S%p}",
                )
            )
        return out.getvalue()


class QueryFiles:
    """Writes query files for any institution of a world; what was paid once stays in the next file as well."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._accounts: dict[str, StudentAccounts] = {}

    def pay_and_drop(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Some students pay all they owe, then the query drops its file.

        ``chosen``: institution, folder (below the drop), patrons (how many pay; 0 repeats what is known).
        Returns {"file", "rows", "paid": [{"emplid", "fee_id", "cents"}], "total_cents"}. Raises: QueryFileError.
        """
        code = str(chosen.get("institution") or next(iter(self._world.institutions)))
        institution = self._world.institutions.get(code)
        if institution is None:
            raise QueryFileError(f"there is no institution {code}")
        wanted = _whole(chosen.get("patrons"), 3)
        folder = self._folder(institution, str(chosen.get("folder") or ""))
        now = self._world.clock.now()
        accounts = self._accounts.setdefault(code, StudentAccounts())
        with institution.lock:
            paid = [(patron, fee) for patron, fees in _payers(institution, accounts, wanted) for fee in fees]
            for patron, fee in paid:
                accounts.pay(patron, fee, fee.balance_cents, now)
        name = f"payments_{now:%Y%m%d%H%M%S%f}.csv"
        (folder / name).write_text(accounts.as_csv(), encoding="utf-8", newline="")
        return {
            "file": name,
            "rows": len(accounts.items),
            "paid": [
                {"emplid": patron.emplid, "fee_id": fee.fee_id, "cents": fee.balance_cents}
                for patron, fee in paid
            ],
            "total_cents": sum(fee.balance_cents for _, fee in paid),
        }

    def _folder(self, institution: Institution, wanted: str) -> Path:
        root = self._world.drop_root
        if root is None:
            raise QueryFileError("this sandbox was started without an SFTP drop")
        folder = (root / (wanted or institution.spec.folder or institution.spec.code)).resolve()
        if not folder.is_relative_to(root.resolve()):
            raise QueryFileError(f"{wanted} is not below the drop")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _payers(
    institution: Institution, accounts: StudentAccounts, wanted: int
) -> list[tuple[Patron, list[Fee]]]:
    """Students whose every fee is active and was never paid through PeopleSoft: paying all of them leaves nothing."""
    found: list[tuple[Patron, list[Fee]]] = []
    for patron in institution.live_view().patrons_with_fees():
        if len(found) == wanted:
            break
        fees = [fee for fee in institution.fees(patron) if fee.status != "CLOSED"]
        is_plain = all(fee.status == "ACTIVE" and fee.balance_cents > 0 for fee in fees)
        if patron.emplid and fees and is_plain and not any(fee.fee_id in accounts.items for fee in fees):
            found.append((patron, fees))
    return found


def _whole(value: object, usual: int) -> int:
    try:
        number = int(str(value)) if value not in {None, ""} else usual
    except ValueError as err:
        raise QueryFileError(f"{value} is no number of patrons") from err
    if not 0 <= number <= MOST_PATRONS:
        raise QueryFileError(f"the number of patrons is between 0 and {MOST_PATRONS:,}")
    return number


def _money(cents: int) -> str:
    text = f"{cents // 100}.{cents % 100:02}"
    return text.removeprefix("0") if text.startswith("0.") else text
