"""Change a layout column by column, as a form asks; whatever the form does not know stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RECORDS = ("header", "patron_header", "detail", "text", "patron_trailer", "trailer")
RECORD_WORDS = {
    "header": "Header",
    "patron_header": "Before each patron",
    "detail": "Detail",
    "text": "Continuation line",
    "patron_trailer": "After each patron",
    "trailer": "Trailer",
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "justify": ("left", "right"),
    "overflow": ("error", "cut_left", "cut_right"),
}
AMOUNT_CHOICES: Mapping[str, tuple[str, ...]] = {
    "decimals": ("point", "short", "implied"),
    "sign": ("leading", "trailing", "parentheses", "none"),
}
KEEP = "keep"


class EditRefusedError(ValueError):
    """The layout was not changed; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """One column: of the whole document (``file`` None) or one of its files; ``line`` counts continuation lines."""

    file: int | None
    record: str
    line: int
    index: int

    def __str__(self) -> str:
        file = "-" if self.file is None else str(self.file)
        return f"{file}.{self.record}.{self.line}.{self.index}"

    @classmethod
    def read(cls, text: str) -> Place:
        """The place that a button names. Raises: EditRefusedError."""
        parts = text.split(".")
        numbers = [part for part in (parts[:1] + parts[2:]) if part != "-"]
        if (
            len(parts) != 4
            or parts[1] not in RECORDS
            or not all(n.isascii() and n.isdigit() for n in numbers)
        ):
            raise EditRefusedError("That button was of another page; nothing was changed.")
        return cls(None if parts[0] == "-" else int(parts[0]), parts[1], int(parts[2]), int(parts[3]))


@dataclass(frozen=True, slots=True)
class Lines:
    """The columns of one kind of line, with the place of the column that would come last."""

    title: str
    end: Place
    columns: list[tuple[Place, Mapping[str, Any]]]


def all_lines(document: Mapping[str, Any]) -> list[Lines]:
    """Every kind of line that the document writes, file by file; what is no list of columns is left out."""
    files = document.get("files")
    found: list[Lines] = []
    holders: list[tuple[int | None, Any]] = [(None, document)]
    if isinstance(files, list):
        holders += list(enumerate(files))
    for file, holder in holders:
        records = holder.get("records") if isinstance(holder, Mapping) else None
        if not isinstance(records, Mapping):
            continue
        about = "" if file is None else f"File {holder.get('kind', file + 1)}: "
        for record in RECORDS:
            for line, columns in enumerate(_lists(record, records.get(record))):
                places = [
                    (Place(file, record, line, index), column)
                    for index, column in enumerate(columns)
                    if isinstance(column, Mapping)
                ]
                title = f"{about}{RECORD_WORDS[record]}"
                found.append(Lines(title, Place(file, record, line, len(columns)), places))
    return found


def edit(document: Mapping[str, Any], act: str, place: Place, form: Mapping[str, str]) -> dict[str, Any]:
    """The document after one act: ``up``, ``down``, ``remove``, ``add`` or ``apply`` (what the form says).

    Raises: EditRefusedError, with the document as it was.
    """
    changed = copy.deepcopy(dict(document))
    columns = _columns(changed, place)
    at = place.index
    if act == "add":
        # Where columns have places a new one is a blank wide, so that it is no fault before it is filled in.
        width = {"width": 1} if "width" in (columns[-1] if columns else {}) else {}
        columns.insert(at, {"name": f"Column {len(columns) + 1}", "value": {"const": ""}, **width})
    elif at >= len(columns):
        raise EditRefusedError("That column is not there any more; nothing was changed.")
    elif act == "remove":
        del columns[at]
    elif act in {"up", "down"}:
        other = at + (-1 if act == "up" else 1)
        if 0 <= other < len(columns):
            columns[at], columns[other] = columns[other], columns[at]
    elif act == "apply":
        columns[at] = _applied(columns[at], form)
    else:
        raise EditRefusedError("That button is not known; nothing was changed.")
    return changed


def source_of(column: Mapping[str, Any]) -> str:
    """What the form shows as a column's source; KEEP for a value that only the text can say."""
    value = column.get("value")
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, what), *_ = value.items()
        if kind in {"field", "run", "aggregate"} and isinstance(what, str):
            return f"{kind}:{what}"
        if kind in {"const", "blank"}:
            return str(kind)
        if kind == "date" and what == "run":
            return "run:date"
    return KEEP


def _lists(record: str, found: Any) -> list[list[Any]]:
    if record != "text":
        return [found] if isinstance(found, list) else []
    lines = found if isinstance(found, list) else []
    return [
        line["columns"]
        for line in lines
        if isinstance(line, Mapping) and isinstance(line.get("columns"), list)
    ]


def _columns(document: dict[str, Any], place: Place) -> list[Any]:
    holder: Any = document
    try:
        if place.file is not None:
            holder = document["files"][place.file]
        return _lists(place.record, holder["records"].get(place.record))[place.line]
    except (KeyError, IndexError, TypeError, AttributeError) as err:
        raise EditRefusedError("Those columns are not there any more; nothing was changed.") from err


def _applied(column: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
    made = {key: value for key, value in column.items() if key != "name"}
    source = form.get("source", KEEP)
    kind, _, what = source.partition(":")
    if kind in {"field", "run", "aggregate"} and what:
        made["value"] = {kind: what}
    elif kind == "const":
        made["value"] = {"const": form.get("const", "")}
    elif kind == "blank":
        made["value"] = {"blank": True}
    for name in ("start", "width"):
        _set(made, name, _whole(form.get(name, ""), name))
    for name in ("pad", "date_format", "fallback"):
        _set(made, name, form.get(name, ""))
    for name, allowed in CHOICES.items():
        _set(made, name, form.get(name, "") if form.get(name) in allowed else "")
    _set(made, "required", bool(form.get("required")))
    amount = dict(made.get("amount") or {}) if isinstance(made.get("amount", {}), Mapping) else {}
    for name, allowed in AMOUNT_CHOICES.items():
        chosen = form.get(name, "")
        _set(amount, name, chosen if chosen in allowed else "")
    _set(amount, "absolute", bool(form.get("absolute")))
    _set(made, "amount", amount)
    return {"name": form.get("column_name", "").strip() or str(column.get("name", "Column")), **made}


def _set(of: dict[str, Any], name: str, value: Any) -> None:
    """Say it, or where there is nothing to say leave it out."""
    if value in {"", None, False} if not isinstance(value, dict) else not value:
        of.pop(name, None)
    else:
        of[name] = value


def _whole(text: str, name: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= 9_999:
        raise EditRefusedError(f"The {name} must be a whole number from 1 to 9999, not {text[:20]!r}.")
    return int(text)
