"""Money that names no fee: which of a patron's fees it pays, by the campus's rule, each part with its reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from webapp.domain.money import format_cents

Rule = Literal["oldest", "lost_first", "types", "none"]
_LAST: Final = date.max


@dataclass(frozen=True, slots=True)
class OpenFee:
    """A fee with something left to pay. ``open_cents`` is what is neither paid nor on its way."""

    fee_ref: str
    fee_id: str
    fee_type: str
    opened_on: date | None
    open_cents: int
    item_type: str = ""
    term: str = ""
    amount_cents: int | None = None
    barcode: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """So much of the money for one fee; ``reason`` is a sentence for a librarian."""

    fee_ref: str
    fee_id: str
    amount_cents: int
    reason: str


def allocate(
    cents: int,
    fees: Sequence[OpenFee],
    *,
    rule: Rule,
    types: Sequence[str] = (),
    lost_types: Collection[str] = (),
) -> tuple[list[Part], int]:
    """The parts, and what is left over when every fee is paid.

    Fees are paid in an order that is always the same: by the rule, then the oldest first, then by their reference; the
    last one may be paid in part. The rule "none" leaves everything.
    """
    if rule == "none":
        return [], cents
    parts: list[Part] = []
    left = cents
    for fee in sorted(fees, key=lambda fee: _place(fee, rule, types, lost_types)):
        part = min(left, fee.open_cents)
        if part <= 0:
            continue
        parts.append(Part(fee.fee_ref, fee.fee_id, part, _reason(fee, part, rule, types, lost_types)))
        left -= part
    return parts, left


def _place(
    fee: OpenFee, rule: Rule, types: Sequence[str], lost_types: Collection[str]
) -> tuple[int, date, str]:
    rank = 0
    if rule == "lost_first":
        rank = 0 if fee.fee_type in lost_types else 1
    elif rule == "types":
        rank = types.index(fee.fee_type) if fee.fee_type in types else len(types)
    return rank, fee.opened_on or _LAST, fee.fee_ref


def _reason(fee: OpenFee, part: int, rule: Rule, types: Sequence[str], lost_types: Collection[str]) -> str:
    why = "the oldest fee"
    if rule == "lost_first" and fee.fee_type in lost_types:
        why = "lost items come first"
    elif rule == "types" and fee.fee_type in types:
        why = f"{fee.fee_type} is number {types.index(fee.fee_type) + 1} in the campus's order"
    since = f" of {fee.opened_on:%m/%d/%Y}" if fee.opened_on else ""
    whole = "all" if part == fee.open_cents else f"{format_cents(part)} of the {format_cents(fee.open_cents)}"
    return f"Named no fee; pays {whole} that is left of {fee.fee_type or 'the fee'}{since}: {why}."
