"""The totals that a layout defines itself, added up as rows are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.layouts.external_sort import comparable

if TYPE_CHECKING:
    from webapp.domain.layouts.catalogue import Catalogue, FieldKind, Row, Value
    from webapp.domain.layouts.compile_conditions import Test
    from webapp.domain.layouts.model import AggregateRule


class OwnTotal:
    """One entry of "aggregates"; ``kind`` is that of its value."""

    def __init__(self, rule: AggregateRule, holds: Test | None, catalogue: Catalogue) -> None:
        self._rule = rule
        self._holds = holds
        self.kind: FieldKind = "count" if rule.kind == "count" else catalogue[rule.field]

    @property
    def is_number(self) -> bool:
        """Whether it is a count or an amount in cents."""
        return self.kind in {"count", "cents"}

    @property
    def begin(self) -> Value:
        """The total of no rows."""
        return 0 if self._rule.kind in {"sum", "count"} else None

    def add(self, so_far: Value, rows: list[Row]) -> Value:
        """The total of the rows so far and these; a row without the field adds nothing.

        Raises: ValueError with a sentence, when a row cannot be asked the condition or has a value of a wrong kind.
        """
        taken = rows if self._holds is None else [row for row in rows if self._holds(row)]
        rule = self._rule
        if rule.kind == "count":
            return _whole(so_far) + len(taken)
        values = [value for row in taken if (value := row.get(rule.field)) is not None]
        if rule.kind == "sum":
            numbers = [_whole(value) for value in values]
            return _whole(so_far) + (sum(map(abs, numbers)) if rule.absolute else sum(numbers))
        values += [] if so_far is None else [so_far]
        if not values:
            return None
        choose = min if rule.kind == "min" else max
        return choose(values, key=lambda value: comparable(value, self.kind, rule.field))


def _whole(value: Value) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value
