"""A layout's values, shapes and conditions in words, for people who never read JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.model import (
    AllOf,
    AnyOf,
    Concat,
    Condition,
    Const,
    DateStep,
    FieldTest,
    FirstOf,
    FromGroup,
    FromLine,
    FromRow,
    FromRun,
    FromTerm,
    FromTotals,
    LookUp,
    Not,
    Piece,
    SignOf,
    Transform,
    ValueNode,
)

if TYPE_CHECKING:
    from webapp.domain.layouts.catalogue import FieldKind
    from webapp.domain.layouts.model import AmountFormat, Layout

_TESTS: Final = {
    "less_than": "less than",
    "at_most": "at most",
    "at_least": "at least",
    "more_than": "more than",
}
_STEPS: Final = {
    "upper": "in capitals",
    "lower": "in small letters",
    "trim": "without blanks around it",
    "strip_zeros": "without leading zeros",
}
_DECIMALS = {
    "point": "amount with point",
    "short": "amount with point, without needless zeros",
    "implied": "amount in cents without point",
}


def condition_words(condition: Condition) -> str:
    """A condition as half a sentence: "debit_credit is C and library is not empty"."""
    match condition:
        case AllOf(parts):
            return " and ".join(_enclosed(part) for part in parts) or "always"
        case AnyOf(parts):
            return " or ".join(_enclosed(part) for part in parts) or "never"
        case Not(FieldTest() as test):
            return _test_words(test, "is not", "does not start with")
        case Not(part):
            return f"not {_enclosed(part)}"
        case FieldTest():
            return _test_words(condition, "is", "starts with")


def _enclosed(condition: Condition) -> str:
    words = condition_words(condition)
    return f"({words})" if isinstance(condition, (AllOf, AnyOf)) else words


def _test_words(test: FieldTest, verb: str, starts: str) -> str:
    name = test.source.field if isinstance(test.source, FromRow) else f"the run's {test.source.name}"
    operands = [_operand_words(item, name) for item in test.operands]
    match test.test:
        case "empty":
            return f"{name} {verb} empty"
        case "is":
            return f"{name} {verb} {operands[0]}"
        case "in":
            return f"{name} {verb} one of {', '.join(operands)}"
        case "starts_with":
            return f"{name} {starts} {operands[0]}"
        case _:
            return f"{name} {verb} {_TESTS[test.test]} {operands[0]}"


def _operand_words(operand: str | int, name: str) -> str:
    if isinstance(operand, int):
        return money_words(operand) if name.endswith("_cents") else str(operand)
    return operand or "nothing"


def money_words(cents: int) -> str:
    """Cents as a person writes them: "-12.50"."""
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{part:02d}"


def value_words(value: ValueNode) -> str:  # noqa: C901, PLR0911 - one case per kind of value
    """Where a value comes from: "emplid", "look-up item_types by fee_type"."""
    match value:
        case Const(text):
            return f"always {text!r}" if text.strip() else "blank"
        case FromRow(name):
            return name
        case FromRun(name):
            return "the run's day" if name == "date" else f"the run's {name}"
        case FromTotals(name):
            return f"total {name} of the file"
        case FromGroup(name):
            return f"total {name} of the patron"
        case FromTerm(calendar, on, career):
            day = "the run's day" if isinstance(on, FromRun) else on.field
            return f"term of {day} by calendar {calendar}" + (f" and {career}" if career else "")
        case FromLine():
            return _line_words(value)
        case Concat(pieces):
            return " + ".join(piece_words(piece) for piece in pieces)
        case LookUp(table, column):
            return f"{column} from table {table}"
        case SignOf(source, positive, negative, zero):
            return f"sign of {value_words(source)}: {positive!r} above, {negative!r} below, {zero!r} at zero"
        case FirstOf(branches, otherwise):
            cases = [f"{piece_words(then)} if {condition_words(when)}" for when, then in branches]
            return "; ".join([*cases, f"else {piece_words(otherwise)}" if otherwise else "else blank"])


def _line_words(value: FromLine) -> str:
    if value.scope == "equal":
        return f"number of the line among those with the same {', '.join(value.fields)}"
    return f"number of the line in the {value.scope}"


def piece_words(piece: Piece) -> str:
    """A value together with what is done to its text."""
    steps = [_step_words(step) for step in piece.transforms]
    if piece.date_rule:
        steps.insert(0, rule_words(piece.date_rule))
    if piece.fallback:
        steps.append(f"if empty {piece.fallback!r}")
    return ", ".join([value_words(piece.value), *steps])


def _step_words(step: Transform) -> str:
    match step.kind:
        case "last":
            return f"last {step.length} characters"
        case "substring":
            return f"characters {step.start} to {step.start + step.length - 1}"
        case _:
            return _STEPS[step.kind]


def rule_words(rule: tuple[DateStep, ...]) -> str:
    """A date rule: "1 month later, day 25"."""
    words = []
    for step in rule:
        if step.kind == "day":
            words.append(f"day {step.number}" if step.number else "last day of the month")
        else:
            unit = "day" if step.kind == "add_days" else "month"
            many = "" if abs(step.number) == 1 else "s"
            words.append(f"{abs(step.number)} {unit}{many} {'earlier' if step.number < 0 else 'later'}")
    return ", ".join(words)


def format_words(piece: Piece, kind: FieldKind, layout: Layout) -> str:
    """How a column's text looks: "amount with point, right, filled with 0; sets the row aside if too long"."""
    words = [_kind_words(piece, kind)]
    if piece.width is not None:
        default_pad = "" if layout.mode == "delimited" else " "
        justify = piece.justify or ("right" if kind in {"cents", "count"} else "left")
        pad = default_pad if piece.pad is None else piece.pad
        if pad:
            words.append(f"{justify}, filled with {'blanks' if pad == ' ' else pad}")
        if piece.overflow != "error":
            words.append("cut at the left" if piece.overflow == "cut_left" else "cut at the right")
    return ", ".join(words)


def _kind_words(piece: Piece, kind: FieldKind) -> str:
    match kind:
        case "cents":
            return _amount_words(piece.amount)
        case "count":
            return "whole number"
        case "date" | "datetime":
            zone = f" in {piece.date_zone}" if piece.date_zone else ""
            return f"{piece.date_format or 'YYYY-MM-DD'}{zone}"
        case "text":
            return "text"


def _amount_words(form: AmountFormat | None) -> str:
    if form is None:
        return "amount with point, minus in front"
    words = [_DECIMALS[form.decimals]]
    if form.absolute:
        words.append("without sign")
    elif form.sign == "none":
        words.append("never below zero")
    else:
        places = {"leading": "in front", "trailing": "behind", "parentheses": "as parentheses"}
        words.append(f"minus {places[form.sign]}")
    if form.plus and form.sign != "none":
        words.append(f"plus as {form.plus!r}")
    if form.zero != "allow":
        words.append("zero is blank" if form.zero == "blank" else "zero sets the row aside")
    return ", ".join(words)
