"""The states of items in a delimited file as COPY text, column by column: each different text of a column is read once.

Whatever is not plain is left to the careful reader, so that both always say the same.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import count, repeat
from typing import Final, Literal, TypeVar

from webapp.domain.identifiers import EMPLID_WIDTH, IdentifierError, clean_emplid
from webapp.domain.layouts.inbound import condition_holds
from webapp.domain.layouts.inbound_cells import CellError, cell_text, read_cell
from webapp.domain.layouts.inbound_model import InboundColumn, InboundLayout
from webapp.domain.layouts.inbound_moments import in_zone
from webapp.domain.layouts.inbound_text import Record
from webapp.domain.layouts.model import FieldTest, FromRow
from webapp.domain.payments.copy_text import ESCAPES, NULL, day_text, moment_text
from webapp.domain.payments.rows import ITEM_NUMBER_DIGITS, item_number_of

_MOST_TEXTS: Final = 20_000
_MOST_PEOPLE: Final = 60_000
_NEEDED: Final = ("emplid", "item_nbr", "applied_cents")
_WRITTEN: Final = (
    *(
        "business_unit",
        "emplid",
        "item_nbr",
        "reference",
        "item_type",
        "term",
        "amount_cents",
        "applied_cents",
    ),
    "updated_at",
)
# With one of these a row says more than the quick way writes.
_BEYOND: Final = frozenset({"patron_id", "barcode", "paid_on", "paid_at", "posted_on", "status"})
_EMPTY: Final = {"amount_cents": NULL, "updated_at": f"{NULL}\t{NULL}"}
_CLOCKS: Final = frozenset(f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60))

Made = TypeVar("Made")
Convert = Callable[[str], str | None]
Careful = Callable[[Record], str]


class _Texts(dict[str, Made]):
    """What each text of a column becomes; all is forgotten when there are too many."""

    def __init__(self, convert: Callable[[str], Made], most: int) -> None:
        super().__init__()
        self._convert = convert
        self._most = most

    def __missing__(self, cell: str) -> Made:
        if len(self) >= self._most:
            self.clear()
        value = self[cell] = self._convert(cell)
        return value


@dataclass(frozen=True, slots=True)
class _Plain:
    """Texts that stay as they are: digits of these lengths and no others, but not these."""

    lengths: frozenset[int]
    never: frozenset[str] = frozenset()

    def are_all(self, cells: Sequence[str]) -> bool:
        whole = "".join(cells)
        return (
            whole.isascii()
            and whole.isdigit()
            and self.lengths.issuperset(map(len, cells))
            and self.never.isdisjoint(cells)
        )

    def is_one(self, cell: str) -> bool:
        return len(cell) in self.lengths and cell.isascii() and cell.isdigit() and cell not in self.never


@dataclass(frozen=True, slots=True)
class Campus:
    """What a campus says of its ids (as in ``clean_emplid``) and of the clock on its wall."""

    emplid_digits: int | None
    emplid_pad: bool
    zone: tzinfo


def is_quick(layout: InboundLayout) -> bool:
    """Whether a file of this layout can be read column by column: states in plain columns under a heading."""
    fields = {column.field for column in layout.columns}
    required = {column.field for column in layout.columns if column.required}
    return (
        layout.mode == "delimited"
        and layout.heading
        and not layout.skip_last
        and layout.payments is not None
        and layout.payments.says == "state"
        and not layout.payments.actions
        and required.issuperset(_NEEDED)
        and not fields & _BEYOND
        and not any(column.amount.sign_from for column in layout.columns)
        and not any(column.required and not column.field for column in layout.columns)
        and all(_is_of_one_field(condition, fields) for condition in layout.skip_when)
    )


def _is_of_one_field(condition: object, fields: set[str]) -> bool:
    match condition:
        case FieldTest(source=FromRow(field), operands=operands):
            # An absent column is empty in every line.
            return field in fields and bool(operands) and all(operands)
    return False


class QuickStates:
    """Turns lines below the headings into COPY text.

    ``places`` is where each column stands among ``width`` cells. ``careful`` gives the text of a record that is in doubt,
    empty for one that is passed over. ``units`` gets the first plain line of each business unit.
    """

    def __init__(
        self, layout: InboundLayout, places: Mapping[str, int], width: int, campus: Campus, careful: Careful
    ) -> None:
        self._width = width
        self._delimiter = layout.delimiter
        self._quoting: Literal[0, 3] = csv.QUOTE_NONE if layout.quote == "none" else csv.QUOTE_MINIMAL
        self._careful = careful
        self.units: dict[str, int] = {}
        columns = [column for column in layout.columns if column.field and column.name in places]
        self._places = {column.field: places[column.name] for column in columns}
        self._texts = {
            column.field: _Texts(
                _converter(column, layout, campus), _MOST_PEOPLE if column.field == "emplid" else _MOST_TEXTS
            )
            for column in columns
        }
        self._plain = {column.field: plain for column in columns if (plain := _plain(column, layout, campus))}
        self._hours: _Texts[tuple[str, str]] = _Texts(self._hour, _MOST_TEXTS)
        self._has_clocks = any(column.field == "updated_at" and not column.date_format for column in columns)

    def copy_lines(self, lines: Sequence[str], first: int) -> list[str] | None:
        """The text of each line, without line ends, of which the first has that number; empty where it is passed over.

        None when the lines are not a record each.
        """
        try:
            rows = list(csv.reader(lines, delimiter=self._delimiter, quoting=self._quoting, strict=True))
        except csv.Error:
            return None
        if len(rows) != len(lines):
            return None
        if not rows:
            return []
        is_even = set(map(len, rows)) == {self._width}
        doubted = set() if is_even else {at for at, row in enumerate(rows) if len(row) != self._width}
        odd, blank = {at: tuple(rows[at]) for at in doubted}, [""] * self._width
        for at in doubted:
            rows[at] = blank
        columns = list(zip(*rows, strict=True))
        made = {field: self._made(field, columns[place]) for field, place in self._places.items()}
        for values in made.values():
            if None in values:
                doubted.update(at for at, value in enumerate(values) if value is None)
        self._note_units(made.get("business_unit", ()), doubted, first)
        texts = _joined(made, first, _raw(lines))
        for at in doubted:
            record = Record(first + at, lines[at], odd.get(at) or tuple(rows[at]))
            texts[at] = "" if record.is_blank else self._careful(record)
        return texts

    def _note_units(self, units: Sequence[str | None], doubted: set[int], first: int) -> None:
        for unit in set(units) - self.units.keys():
            places = (at for at, one in enumerate(units) if one == unit and at not in doubted)
            if unit and (at := next(places, None)) is not None:
                self.units[unit] = first + at

    def _made(self, field: str, cells: Sequence[str]) -> Sequence[str | None]:
        if field == "updated_at" and self._has_clocks:
            return list(map(self._moment, cells))
        texts, plain = self._texts[field], self._plain.get(field)
        if plain is None:
            return list(map(texts.__getitem__, cells))
        if plain.are_all(cells):
            return cells
        return [cell if plain.is_one(cell) else texts[cell] for cell in cells]

    def _moment(self, cell: str) -> str | None:
        """The day and moment of a cell. A file has few different hours, so what is remembered is an hour."""
        at = cell.rfind(":")
        clock = cell[at - 2 : at + 3]
        if clock in _CLOCKS and cell[at - 3] == ":":
            before, after = self._hours[cell[: at - 2] + cell[at + 3 :]]
            if before:
                return before + clock + after
        return self._texts["updated_at"][cell]

    def _hour(self, key: str) -> tuple[str, str]:
        """What stands before and behind minutes and seconds; nothing where the clocks change within the hour."""
        texts = self._texts["updated_at"]
        begins, ends = (texts[key.replace(":", f":{clock}", 1)] for clock in ("00:00", "59:59"))
        if key.count(":") != 1 or not begins or not ends or ends.replace(":59:59", ":00:00") != begins:
            return "", ""
        before, middle, after = begins.partition(":00:00")
        return (f"{before}:", after) if middle else ("", "")


def _joined(made: Mapping[str, Sequence[str | None]], first: int, raw: Sequence[str]) -> list[str]:
    parts = [made.get(field) or repeat(_EMPTY.get(field, "")) for field in _WRITTEN]
    return [
        f"{line}\t{line}\tpayment\tstate\t{unit}|{emplid}|{item}\t\t{emplid}\t\t{reference}\t{item_type}\t{term}\t{amount}\t{applied}\t"
        f"\\N\t{moment}\t{text}\t\\N\n"
        for line, text, unit, emplid, item, reference, item_type, term, amount, applied, moment in zip(
            count(first), raw, *parts, strict=False
        )
    ]


def _raw(lines: Sequence[str]) -> Sequence[str]:
    whole = "".join(lines)
    return [line.translate(ESCAPES) for line in lines] if "\\" in whole or "\t" in whole else lines


def _plain(column: InboundColumn, layout: InboundLayout, campus: Campus) -> _Plain | None:
    """What need not be looked at closely in a column where nearly every text is another; None for other columns."""
    operands = [word for test in _tests(column, layout) for word in test.operands]
    if any(str(word)[:1].isdigit() for word in operands):
        return None
    match column.field:
        case "item_nbr" if column.digits in {0, ITEM_NUMBER_DIGITS}:
            return _Plain(frozenset({ITEM_NUMBER_DIGITS}))
        case "reference" if not column.digits:
            return _Plain(frozenset(range(1 if column.required else 0, 100)))
        case "emplid" if not column.digits:
            digits = campus.emplid_digits
            lengths = range(1, EMPLID_WIDTH + 1) if digits is None else (digits,)
            return _Plain(frozenset(lengths), frozenset("0" * length for length in lengths))
    return None


def _tests(column: InboundColumn, layout: InboundLayout) -> list[FieldTest]:
    """The conditions under which a line is passed over for this column."""
    return [
        condition
        for condition in layout.skip_when
        if isinstance(condition, FieldTest) and condition.source == FromRow(column.field)
    ]


def _converter(column: InboundColumn, layout: InboundLayout, campus: Campus) -> Convert:
    """A function from a cell to its text for COPY; None where the line is in doubt or passed over."""
    tests = _tests(column, layout)
    write = _writer(column, campus)

    def convert(cell: str) -> str | None:
        text = cell_text(cell)
        if any(condition_holds(test, {column.field: text}) for test in tests) or (
            column.required and not text
        ):
            return None
        try:
            return write(text)
        except (CellError, IdentifierError):
            return None

    return convert


def _writer(column: InboundColumn, campus: Campus) -> Callable[[str], str]:
    """What a good cell becomes. Raises: CellError, IdentifierError."""
    empty = _EMPTY.get(column.field, "")

    def write(text: str) -> str:
        if not text:
            return empty
        value = read_cell(column, text, {})
        if column.field == "updated_at" and isinstance(value, datetime):
            moment = in_zone(value, campus.zone)
            return f"{day_text(moment.astimezone(campus.zone).date())}\t{moment_text(moment)}"
        if column.field == "emplid":
            value = clean_emplid(str(value), digits=campus.emplid_digits, pad=campus.emplid_pad)
        elif column.field == "item_nbr":
            value = item_number_of(str(value))
        return str(value).translate(ESCAPES)

    return write
