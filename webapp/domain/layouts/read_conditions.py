"""From JSON to conditions."""

from __future__ import annotations

from typing import Final, get_args

from webapp.domain.layouts.catalogue import RUN_FIELDS
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import AllOf, AnyOf, Condition, FieldTest, FromRow, FromRun, Not, Test
from webapp.domain.layouts.reading import MAX_DEPTH, Node, known_name, shown

_TESTS: Final[tuple[Test, ...]] = get_args(Test)


def read_condition(members: object, path: str, faults: list[Fault], depth: int) -> Condition:
    """A test of one field, or all / any / not of further conditions."""
    if depth > MAX_DEPTH:
        faults.append(Fault(path, f"conditions are nested deeper than {MAX_DEPTH} levels"))
        return AllOf(())
    match members:
        case {"all": _}:
            return AllOf(_parts(Node(members, path, faults, ("all",)), "all", depth))
        case {"any": _}:
            return AnyOf(_parts(Node(members, path, faults, ("any",)), "any", depth))
        case {"not": inner}:
            node = Node(members, path, faults, ("not",))
            return Not(read_condition(inner, node.at("not"), faults, depth + 1))
    return _field_test(members, path, faults)


def _parts(node: Node, key: str, depth: int) -> tuple[Condition, ...]:
    return tuple(read_condition(item, path, node.faults, depth + 1) for path, item in node.items(key, 1, 50))


def _field_test(members: object, path: str, faults: list[Fault]) -> Condition:
    node = Node(members, path, faults, ("field", "run", "all", "any", "not", *_TESTS))
    tests = [key for key in _TESTS if node.has(key)]
    if node.has("field") == node.has("run") or len(tests) != 1:
        node.refuse("", f"must name one field (or run) and exactly one test: {', '.join(_TESTS)}")
        return AllOf(())
    source = (
        FromRun(known_name(node, "run", tuple(RUN_FIELDS)))
        if node.has("run")
        else FromRow(node.text("field", lowest=1))
    )
    test = tests[0]
    if test == "empty":
        wanted = FieldTest(path, source, "empty", ())
        return wanted if node.flag("empty", default=True) else Not(wanted)
    return FieldTest(path, source, test, tuple(_operands(node, test)))


def _operands(node: Node, test: str) -> list[str | int]:
    entries = node.items("in", 1, 1_000) if test == "in" else [(node.at(test), node.members[test])]
    found: list[str | int] = []
    for path, item in entries:
        if isinstance(item, str) or type(item) is int:
            found.append(item)
        else:
            node.faults.append(
                Fault(path, f"must be text, a whole number (cents) or a day as text, not {shown(item)}")
            )
    if test == "starts_with" and found and not isinstance(found[0], str):
        node.refuse(test, "must be text")
    return found
