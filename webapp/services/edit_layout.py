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
    found: list[Lines] = []
    for file, holder in _holders(document):
        records = holder.get("records") if isinstance(holder, Mapping) else None
        if not isinstance(records, Mapping):
            continue
        for record in RECORDS:
            for line, columns in enumerate(_lists(record, records.get(record))):
                places = [
                    (Place(file, record, line, index), column)
                    for index, column in enumerate(columns)
                    if isinstance(column, Mapping)
                ]
                end = Place(file, record, line, len(columns))
                found.append(Lines(_title(file, holder, record), end, places))
    return found


def missing_lines(document: Mapping[str, Any]) -> list[Lines]:
    """Kinds of lines that the document could begin to write, each with the place of its first column.

    Layouts of holds have a header and a trailer beside their detail; the others every kind, and any number of
    continuation lines.
    """
    found = []
    for file, holder in _holders(document):
        records = holder.get("records") if isinstance(holder, Mapping) else None
        if not isinstance(records, Mapping):
            continue
        for record in RECORDS:
            if document.get("subject", "holds") == "holds" and record not in {"header", "detail", "trailer"}:
                continue
            there = len(_lists(record, records.get(record)))
            if record not in records or record == "text":
                found.append(Lines(_title(file, holder, record), Place(file, record, there, 0), []))
    return found


def edit(document: Mapping[str, Any], act: str, place: Place, form: Mapping[str, str]) -> dict[str, Any]:
    """The document after one act: ``begin`` (a kind of line), ``up``, ``down``, ``remove``, ``add`` or ``apply`` (the form).

    Raises: EditRefusedError, with the document as it was.
    """
    changed = copy.deepcopy(dict(document))
    if act == "begin":
        _begin(changed, place)
        return changed
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
        if not columns:
            _end(changed, place)
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
    if not isinstance(value, Mapping) or not value:
        return KEEP
    kind, what = next(iter(value.items()))
    if kind == "date":
        kind, what = ("run", "date") if what == "run" else ("field", what)
        value = {kind: what}
    elif kind == "lookup" and isinstance(what, Mapping):
        what = f"{what.get('table')}/{what.get('column')}"
    elif kind == "term" or "on" in value:
        kind, what = "term", f"{value.get('term')}/{value.get('on')}"
    source = str(kind) if kind in {"const", "blank"} else f"{kind}:{what}"
    # What the form would not write back just so is for the text alone.
    return source if _value(source, value.get("const", "")) == value else KEEP


def _value(source: str, const: object) -> dict[str, Any] | None:
    """The value of a source that the form named; None: it stays as it is."""
    kind, _, what = source.partition(":")
    name, _, part = what.partition("/")
    if kind in {"field", "run", "aggregate", "group", "line"} and what:
        return {kind: what}
    if kind == "lookup" and name and part:
        return {"lookup": {"table": name, "column": part}}
    if kind == "term" and name and part:
        return {"term": name, "on": part}
    if kind == "const":
        return {"const": const}
    return {"blank": True} if kind == "blank" else None


def _holders(document: Mapping[str, Any]) -> list[tuple[int | None, Any]]:
    files = document.get("files")
    return [(None, document), *(enumerate(files) if isinstance(files, list) else ())]


def _title(file: int | None, holder: Mapping[str, Any], record: str) -> str:
    about = "" if file is None else f"File {holder.get('kind', file + 1)}: "
    return f"{about}{RECORD_WORDS[record]}"


def _begin(document: dict[str, Any], place: Place) -> None:
    holder, records = _records(document, place)
    if place.record != "text" and place.record in records:
        raise EditRefusedError("That kind of line is there already; nothing was changed.")
    # Files that share the record may write it each in their own way.
    is_positional = any(
        str(one.get("mode", "")).startswith("positional")
        for _, one in _holders(document)
        if isinstance(one, Mapping)
    )
    # As wide as a line is: no fault before it is filled in.
    width = holder.get("line_length") or document.get("line_length") or 1
    columns = [{"name": "Column 1", "value": {"const": ""}, **({"width": width} if is_positional else {})}]
    if place.record == "text":
        records["text"] = [*(records.get("text") or ()), {"columns": columns}]
    else:
        records[place.record] = columns
    if place.record.startswith("patron_") and not (holder.get("group_by") or document.get("group_by")):
        holder["group_by"] = ["emplid"] if document.get("subject") == "charges" else ["business_unit"]


def _end(document: dict[str, Any], place: Place) -> None:
    _, records = _records(document, place)
    if place.record == "detail":
        raise EditRefusedError(
            "A file has a detail line, and that has a column: change this one instead. Nothing was changed."
        )
    if place.record == "text" and len(records["text"]) > 1:
        del records["text"][place.line]
    else:
        del records[place.record]


def _records(document: dict[str, Any], place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        holder = document if place.file is None else document["files"][place.file]
        records = holder["records"]
    except (KeyError, IndexError, TypeError) as err:
        raise EditRefusedError("Those lines are not there any more; nothing was changed.") from err
    if not isinstance(records, dict):
        raise EditRefusedError("Those lines are not there any more; nothing was changed.")
    return holder, records


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
    value = _value(form.get("source", KEEP), form.get("const", ""))
    if value is not None:
        made["value"] = value
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
