"""Alma's JSON, read without ever letting a float near an amount or an id."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from webapp.adapters.alma.calls import UnreadableAnswerError

if TYPE_CHECKING:
    from webapp.adapters.alma.transport import Answer

# Beyond this a number that went through JavaScript or a spreadsheet has lost digits, and nobody can tell.
_LAST_EXACT_NUMBER = Decimal(2**53)
_INSTITUTION = re.compile(r"institutionCode:\s*([A-Za-z0-9_]+)")


class RecordFault(ValueError):  # noqa: N818 - it is a fault of one record, not a failure of the program
    """One record in a good answer cannot be used; the message says why, ``amount_cents`` what it was about."""

    def __init__(self, reason: str, *, amount_cents: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.amount_cents = amount_cents


def read_json(answer: Answer) -> dict[str, Any]:
    """The object in the answer; every number in it is a Decimal made from the text as sent.

    Raises:
        UnreadableAnswerError: anything but a JSON object.
    """
    try:
        read = json.loads(answer.body, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError) as err:
        raise UnreadableAnswerError(f"the answer is {_shape(answer.body)}, not JSON") from err
    if not isinstance(read, dict):
        raise UnreadableAnswerError("the answer is JSON, but not an object")
    return read


def read_institution(answer: Answer) -> str:
    """The institution code in a test answer such as ``<test>GET - OK - institutionCode: 01ABC_INST</test>``, or ""."""
    found = _INSTITUTION.search(answer.body[:10_000].decode("utf-8", "replace"))
    return found[1] if found else ""


def objects(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects that Alma leaves out when it is empty."""
    listed = holder.get(name)
    if isinstance(listed, dict):
        listed = [listed]
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def text(holder: dict[str, Any], name: str) -> str:
    """A plain text, "" where it is absent or null."""
    value = holder.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value)


def coded(holder: dict[str, Any], name: str) -> tuple[str, str]:
    """Code and description of ``{"value": …, "desc": …}``; a bare text is its own code."""
    value = holder.get(name)
    if isinstance(value, dict):
        return text(value, "value"), text(value, "desc")
    return text(holder, name), ""


def id_text(holder: dict[str, Any], name: str) -> str:
    """An id, digit for digit.

    Raises:
        RecordFault: absent, or a number that may have lost digits on its way.
    """
    value = holder.get(name)
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and "E" not in str(value) and abs(value) <= _LAST_EXACT_NUMBER:
            return str(int(value))
        raise RecordFault(f"the {name} {value} is a number that has lost digits; an id must be sent as text")
    raise RecordFault(f"the {name} is missing")


def number(holder: dict[str, Any], name: str) -> Decimal | None:
    """An amount as Alma wrote it, or None where it is absent.

    Raises:
        RecordFault: there is something, but not a number.
    """
    value = holder.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return Decimal(value.strip())
        except ArithmeticError as err:
            raise RecordFault(f"the {name} {value[:40]!r} is not a number") from err
    if not isinstance(value, Decimal):
        raise RecordFault(f"the {name} is not a number")
    return value


def count(holder: dict[str, Any], name: str) -> int:
    """A count such as ``total_record_count``, 0 where it is absent or odd."""
    value = holder.get(name)
    return int(value) if isinstance(value, Decimal) and value.is_finite() and 0 <= value < 10**9 else 0


def _shape(body: bytes) -> str:
    head = body.lstrip()[:200].lower()
    if not head:
        return "empty"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a HTML page"
    return "XML" if head.startswith(b"<") else "cut short or garbled"
