"""Alma's fine and fee report: every payment and waiver of some days, those made at a desk among them.

Source: Ex Libris OpenAPI "conf", GET /almaws/v1/conf/utilities/fee-transactions: 100 fees a page, seven days a call;
each fee comes with the transactions of those days only. The key needs the area Configuration.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from webapp.adapters.alma.answers import RecordFault, count, objects, read_json, text
from webapp.adapters.alma.records import AlmaFee, fee_from_json
from webapp.adapters.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from webapp.adapters.alma.calls import AlmaCalls

FEES_PER_PAGE: Final = 100
DAYS_PER_CALL: Final = 7
# The list is read in pages while desks go on; when it shrank or grew meanwhile it is read anew.
_READINGS: Final = 3


def read_fee_transactions(
    calls: AlmaCalls, first_on: date, last_on: date, *, on_fault: Callable[[str], object]
) -> Iterator[list[AlmaFee]]:
    """The fees with a payment or waiver from the first to the last day, both included, as a list for up to seven days.

    ``on_fault`` is told, in a sentence, of every fee that cannot be read; the others are given all the same.

    Raises: PermanentError, RetryableError.
    """
    while first_on <= last_on:
        until_on = min(last_on, first_on + timedelta(days=DAYS_PER_CALL - 1))
        yield _read_days(calls, first_on, until_on, on_fault)
        first_on = until_on + timedelta(days=1)


def _read_days(
    calls: AlmaCalls, first_on: date, last_on: date, on_fault: Callable[[str], object]
) -> list[AlmaFee]:
    what = f"reading the fee transactions of {first_on} to {last_on}"
    for _ in range(_READINGS):
        listed, announced = _read_pages(calls, first_on, last_on, what)
        if len(listed) >= announced:
            break
    else:
        raise RetryableError(
            f"Alma's list changed each time while {what}: it announced {announced:,} fees and {len(listed):,} came. "
            "Nothing was changed; try again when less is being done in Alma."
        )
    fees = []
    for record in listed.values():
        try:
            fees.append(fee_from_json(record))
        except RecordFault as fault:
            on_fault(
                f"Fee {text(record, 'id') or 'without id'} in Alma's report cannot be used: {fault.reason}."
            )
    return fees


def _read_pages(
    calls: AlmaCalls, first_on: date, last_on: date, what: str
) -> tuple[dict[str, dict[str, Any]], int]:
    """Fees by id, and how many the last page announced."""
    found: dict[str, dict[str, Any]] = {}
    offset = 0
    while True:
        answer = calls.get(
            "/almaws/v1/conf/utilities/fee-transactions",
            read_json,
            what=what,
            params={
                "limit": str(FEES_PER_PAGE),
                "offset": str(offset),
                "transaction_from_date": first_on.isoformat(),
                "transaction_to_date": last_on.isoformat(),
                "transaction_type": "BOTH",
            },
        )
        listed, total = objects(answer, "fee"), count(answer, "total_record_count")
        for number, record in enumerate(listed):
            found[text(record, "id") or f"without id {offset + number}"] = record
        offset += FEES_PER_PAGE
        if not listed or offset >= total:
            return found, total
