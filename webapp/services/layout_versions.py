"""What changed between two versions of a layout, in words: columns, tables, calendars, and everything else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_RECORDS: Final = ("header", "patron_header", "detail", "text", "patron_trailer", "trailer")
_NAMED: Final = {"tables": "table", "calendars": "calendar", "fields": "field", "aggregates": "total"}
_LONGEST: Final = 120


def layout_changes(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[str]:
    """A sentence for each difference, file by file and record by record; none when the documents say the same."""
    found = [*_keys("", older, newer), *_all_records("", older, newer)]
    for key, word in _NAMED.items():
        found += _members(word, _mapping(older.get(key)), _mapping(newer.get(key)))
    was, now = _by_kind(older.get("files")), _by_kind(newer.get("files"))
    for kind in was | now:
        if kind not in now:
            found.append(f"File {kind}: taken away.")
        elif kind not in was:
            found.append(f"File {kind}: added.")
        else:
            about = f"File {kind}, "
            found += [*_keys(about, was[kind], now[kind]), *_all_records(about, was[kind], now[kind])]
    common_was, common_now = [k for k in was if k in now], [k for k in now if k in was]
    if common_was != common_now:
        found.append(f"Files: tried in another order, {', '.join(common_now)}.")
    return found


def _keys(about: str, older: Mapping[str, Any], newer: Mapping[str, Any]) -> Iterator[str]:
    apart = {"records", "files", *_NAMED}
    for key in {**older, **newer}:
        if key not in apart and older.get(key) != newer.get(key):
            yield f"{about}{key}: {_shown(older.get(key))} → {_shown(newer.get(key))}."


def _all_records(about: str, older: Mapping[str, Any], newer: Mapping[str, Any]) -> Iterator[str]:
    was, now = _mapping(older.get("records")), _mapping(newer.get("records"))
    for record in _RECORDS:
        before, after = _lines(was.get(record)), _lines(now.get(record))
        for number in range(max(len(before), len(after))):
            words = f"{about}{record}" + (f" line {number + 1}" if record == "text" else "")
            if number >= len(after):
                yield f"{words}: taken away."
            elif number >= len(before):
                yield f"{words}: added."
            else:
                yield from _columns(words, before[number], after[number])


def _columns(about: str, older: Mapping[str, Any], newer: Mapping[str, Any]) -> Iterator[str]:
    yield from _keys(f"{about}, ", {**older, "columns": None}, {**newer, "columns": None})
    was, now = _by_name(older["columns"]), _by_name(newer["columns"])
    for name in was:
        if name not in now:
            yield f"{about}: column “{name}” taken away."
    for position, name in enumerate(now, 1):
        if name not in was:
            yield f"{about}: column “{name}” added as column {position}."
            continue
        for key in {**was[name], **now[name]}:
            before, after = was[name].get(key), now[name].get(key)
            if before != after:
                yield f"{about}: column “{name}”: {key} {_shown(before)} → {_shown(after)}."
    common_was, common_now = [n for n in was if n in now], [n for n in now if n in was]
    for place, name in _moved(common_was, common_now):
        yield f"{about}: column “{name}” moved {place}."


def _moved(was: Sequence[str], now: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The fewest names that explain the new order, found by taking them out one by one."""
    left = list(was)
    for index, name in enumerate(now):
        if index < len(left) and left[index] == name:
            continue
        follower = left[index]
        # The one that stood here may have gone further down by itself.
        if left[index + 1 : index + 2] == [name]:
            mover = follower
            left.pop(index)
            left.insert(now.index(mover), mover)
            at = now.index(mover)
        else:
            mover, at = name, index
            left.remove(mover)
            left.insert(index, mover)
        yield (f"behind “{now[at - 1]}”" if at else "to the front"), mover


def _members(word: str, older: Mapping[str, Any], newer: Mapping[str, Any]) -> Iterator[str]:
    for name in {**older, **newer}:
        was, now = older.get(name), newer.get(name)
        if was == now:
            continue
        if now is None or was is None:
            yield f"{word.capitalize()} {name}: {'taken away' if now is None else 'added'}."
            continue
        rows_was, rows_now = _rows(was), _rows(now)
        if rows_was is None or rows_now is None:
            yield f"{word.capitalize()} {name}: {_shown(was)} → {_shown(now)}."
            continue
        for row in rows_was:
            if row not in rows_now:
                yield f"{word.capitalize()} {name}: row {_shown(row)} taken away."
        for row in rows_now:
            if row not in rows_was:
                yield f"{word.capitalize()} {name}: row {_shown(row)} added."
        if sorted(rows_was, key=str) == sorted(rows_now, key=str) and rows_was != rows_now:
            yield f"{word.capitalize()} {name}: rows in another order."
        yield from _keys(f"{word.capitalize()} {name}, ", _without_rows(was), _without_rows(now))


def _rows(member: Any) -> list[Any] | None:
    if not isinstance(member, Mapping):
        return None
    return next(
        (member[key] for key in ("rows", "terms", "months") if isinstance(member.get(key), list)), None
    )


def _without_rows(member: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in member.items() if key not in {"rows", "terms", "months"}}


def _lines(record: Any) -> list[dict[str, Any]]:
    """A record as lines with columns: continuation lines are several, any other record is one."""
    if not isinstance(record, list) or not record:
        return []
    if all(isinstance(one, Mapping) and isinstance(one.get("columns"), list) for one in record):
        return [dict(one) for one in record]
    return [{"columns": record}]


def _by_name(columns: list[Any]) -> dict[str, Mapping[str, Any]]:
    return {str(column.get("name")): column for column in columns if isinstance(column, Mapping)}


def _by_kind(files: Any) -> dict[str, Mapping[str, Any]]:
    listed = files if isinstance(files, list) else []
    return {str(file.get("kind")): file for file in listed if isinstance(file, Mapping)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"“{text[:_LONGEST]}…”" if len(text) > _LONGEST else f"“{text}”"
