"""A general ledger journal of payments: revenue by chartfield string and day against one clearing account, zero in sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from webapp.domain.money import format_cents

# Widths as delivered: ACCOUNT 10, FUND_CODE 5, DEPTID 10, PROGRAM_CODE 5, CLASS_FLD 5
# (https://docs.oracle.com/en/applications/peoplesoft/financials-and-supply-chain-management/, delivered chartfields),
# PROJECT_ID 15 (https://pt.dbtutor.com/campus/sf_acctg_ln.htm).
WIDTHS: Final = {"account": 10, "fund": 5, "dept": 10, "program": 5, "class_field": 5, "project": 15}
ANY_TYPE: Final = "*"


class JournalError(ValueError):
    """No journal can be made of this; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True, order=True)
class Chartfields:
    """Where money is booked. Account and fund are always there; the others may be empty."""

    account: str
    fund: str
    dept: str = ""
    program: str = ""
    class_field: str = ""
    project: str = ""

    @classmethod
    def read(cls, written: str) -> Chartfields:
        """From "account / fund / dept / program / class / project". Raises: JournalError."""
        parts = [part.strip() for part in written.split("/")]
        if len(parts) > len(WIDTHS):
            raise JournalError(f"“{written}” has {len(parts)} parts; account to project are {len(WIDTHS)}.")
        parts += [""] * (len(WIDTHS) - len(parts))
        for part, (name, width) in zip(parts, WIDTHS.items(), strict=True):
            word = name.removesuffix("_field")
            if len(part) > width:
                raise JournalError(f"“{written}”: the {word} {part} is longer than {width} characters.")
            if part and not (part.isascii() and part.isalnum()):
                raise JournalError(f"“{written}”: the {word} {part!r} is not made of letters and digits.")
        if not parts[0] or not parts[1]:
            raise JournalError(f"“{written}” needs an account and a fund, such as 580090 / SM001.")
        return cls(*parts)

    def as_json(self) -> dict[str, str]:
        """The parts by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Booked:
    """Money of one day for one chartfield string: cents above zero came in, below went back; ``count`` payments."""

    on: date
    chartfields: Chartfields
    cents: int
    count: int


def read_map(written: Mapping[str, str]) -> dict[str, Chartfields]:
    """Chartfields by fee type. Raises: JournalError naming the fee type."""
    found = {}
    for fee_type, text in written.items():
        try:
            found[fee_type] = Chartfields.read(text)
        except JournalError as err:
            raise JournalError(f"{fee_type}: {err}") from err
    return found


def chartfields_of(fee_type: str, known: Mapping[str, Chartfields]) -> Chartfields | None:
    """Where money for a fee of this type is booked; None when nobody said."""
    return known.get(fee_type) or known.get(ANY_TYPE)


def journal_rows(
    booked: Iterable[Booked],
    clearing: Chartfields,
    *,
    business_unit: str,
    ledger: str,
    source: str,
    currency: str,
) -> Iterator[dict[str, Any]]:
    """The journal's lines, day by day: a credit for each revenue, then one debit of the clearing account.

    For refunds it is the other way round; what cancels out within a day has no line.

    Raises: JournalError when a day would not come to zero; that is a fault of ours, and no file may leave.
    """
    by_day: dict[date, dict[Chartfields, Booked]] = defaultdict(dict)
    for one in booked:
        known = by_day[one.on].get(one.chartfields)
        cents, count = (known.cents, known.count) if known else (0, 0)
        by_day[one.on][one.chartfields] = Booked(
            one.on, one.chartfields, cents + one.cents, count + one.count
        )
    frame = {"business_unit": business_unit, "ledger": ledger, "source": source, "currency": currency}
    for on in sorted(by_day):
        lines = [by_day[on][key] for key in sorted(by_day[on]) if by_day[on][key].cents]
        total = sum(line.cents for line in lines)
        rows = [_row(frame, line, -line.cents, "revenue") for line in lines]
        if total:
            count = sum(line.count for line in lines)
            rows.append(_row(frame, Booked(on, clearing, total, count), total, "clearing"))
        if left := sum(row["amount_cents"] for row in rows):
            raise JournalError(
                f"The journal of {on:%m/%d/%Y} for {business_unit} is {format_cents(left)} off zero. Nothing was sent."
            )
        yield from rows


def _row(frame: Mapping[str, str], line: Booked, cents: int, side: str) -> dict[str, Any]:
    parts = line.chartfields.as_json()
    parts["class"] = parts.pop("class_field")
    # Journal loads refuse special characters, and cut a line's text at 30.
    what = "Library payments" if side == "revenue" else "Library clearing"
    return {
        **frame,
        **parts,
        "amount_cents": cents,
        "journal_on": line.on,
        "side": side,
        "description": f"{what} {line.on:%m%d%Y}",
        "reference": f"LIB{line.on:%y%m%d}",
        "item_count": line.count,
    }
