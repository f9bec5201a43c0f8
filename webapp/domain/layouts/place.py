"""On which line of a layout's text a fault is, so that a person finds it."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from typing import Final

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLAIN: Final = re.compile(r"[-+0-9.eEa-zA-Z]+")
_LAST_STEP: Final = re.compile(r"(?:\.[^.\[\]]*|\[\d+\])$")
_DEEPEST: Final = 60


class Places:
    """The lines of a layout's text. ``text`` is JSON that could be read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[str, int] = {}
        self._value(0, "$", 0, line=None)

    def line_of(self, path: str) -> int:
        """The line (1 is the first) of the value at ``path`` ("$.records.detail[2].width"), a member's being its name's.

        For a member that is missing, the nearest is the object that it is missing from.
        """
        while path not in self._lines and path:
            shorter = _LAST_STEP.sub("", path)
            path = shorter if shorter != path else ""
        return self._lines.get(path, 1)

    def _value(self, position: int, path: str, depth: int, *, line: int | None) -> int:
        position = self._skip(position)
        self._lines.setdefault(path, self._line(position) if line is None else line)
        mark = self._text[position : position + 1]
        if depth >= _DEEPEST or not mark:
            return len(self._text)
        if mark in "{[":
            return self._members(position + 1, path, depth, closing="}" if mark == "{" else "]")
        match = (_STRING if mark == '"' else _PLAIN).match(self._text, position)
        return match.end() if match else len(self._text)

    def _members(self, position: int, path: str, depth: int, *, closing: str) -> int:
        number = 0
        while (position := self._skip(position)) < len(self._text):
            mark = self._text[position]
            if mark == closing:
                return position + 1
            if mark == ",":
                position += 1
                continue
            step, line = f"[{number}]", None
            if closing == "}":
                name = _STRING.match(self._text, position)
                if name is None:
                    break
                step, line = f".{json.loads(name[0])}", self._line(position)
                position = self._skip(name.end()) + 1
            position = self._value(position, path + step, depth + 1, line=line)
            number += 1
        return len(self._text)

    def _skip(self, position: int) -> int:
        match = _BLANK.match(self._text, position)
        return match.end() if match else position

    def _line(self, position: int) -> int:
        return bisect_left(self._ends, position) + 1
