"""From conditions to functions that answer yes or no for a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, assert_never

from webapp.domain.layouts.catalogue import Catalogue, Row, Value
from webapp.domain.layouts.check_pieces import kind_of
from webapp.domain.layouts.model import AllOf, AnyOf, Condition, FieldTest, FromRun, Not

Test = Callable[[Row], bool]


def compile_condition(condition: Condition, catalogue: Catalogue, run_values: Mapping[str, Value]) -> Test:
    """A function from a row to whether the condition holds; an absent value meets no comparison."""
    match condition:
        case AllOf(parts):
            tests = [compile_condition(part, catalogue, run_values) for part in parts]
            return lambda row: all(test(row) for test in tests)
        case AnyOf(parts):
            tests = [compile_condition(part, catalogue, run_values) for part in parts]
            return lambda row: any(test(row) for test in tests)
        case Not(part):
            inner = compile_condition(part, catalogue, run_values)
            return lambda row: not inner(row)
        case FieldTest():
            return _compile_test(condition, catalogue, run_values)
        case _:
            assert_never(condition)


def _compile_test(test: FieldTest, catalogue: Catalogue, run_values: Mapping[str, Value]) -> Test:
    is_day = kind_of(test.source, catalogue) in {"date", "datetime"}
    compare = _comparison(test, is_day=is_day)
    zone = run_at.tzinfo if isinstance(run_at := run_values["date"], datetime) else None

    def holds(value: Value) -> bool:
        if isinstance(value, datetime):
            value = value.date() if value.tzinfo is None else value.astimezone(zone).date()
        try:
            return value is not None and compare(value)
        except TypeError as error:
            raise ValueError(
                f"{value!r} cannot be compared with {', '.join(map(repr, test.operands))}"
            ) from error

    if test.test == "empty":
        holds = _is_empty
    if isinstance(test.source, FromRun):
        answer = holds(run_values[test.source.name])
        return lambda _row: answer
    name = test.source.field
    return lambda row: holds(row.get(name))


def _comparison(test: FieldTest, *, is_day: bool) -> Callable[[Any], bool]:
    operands: list[Any] = [date.fromisoformat(str(item)) if is_day else item for item in test.operands]
    match test.test:
        case "is" | "in" | "empty":
            return lambda value: value in operands
        case "starts_with":
            return lambda value: str(value).startswith(operands[0])
        case "less_than":
            return lambda value: bool(value < operands[0])
        case "at_most":
            return lambda value: bool(value <= operands[0])
        case "at_least":
            return lambda value: bool(value >= operands[0])
        case "more_than":
            return lambda value: bool(value > operands[0])


def _is_empty(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
