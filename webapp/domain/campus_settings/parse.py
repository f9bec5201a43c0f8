"""Read what people typed into settings, and show it back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from webapp.domain.campus_settings.declare import Kind, Section, SettingField

MOST_ROWS = 5_000
EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")


def parse_section(section: Section, raw: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what a form or a file sent.

    Returns the values and the faults (field name -> what is wrong and what it may be). A flag that is absent is off,
    as browsers send it; any other absent field keeps its default. Secrets are not read here.
    """
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for declared in section.fields:
        if declared.kind == "secret":
            continue
        try:
            values[declared.name] = _parse_field(declared, raw.get(declared.name))
        except ValueError as err:
            faults[declared.name] = str(err)
    return values, faults


def form_text(declared: SettingField, value: Any) -> str:
    """A stored value as the text a form shows and sends back."""
    if declared.kind == "flag":
        return "yes" if value else ""
    if declared.kind == "cents":
        return f"{value // 100}.{value % 100:02d}"
    if declared.kind in {"words", "emails"}:
        return "\n".join(value)
    if declared.kind == "json_map":
        return "\n".join(f"{key} = {text}" for key, text in value.items())
    if declared.kind == "rows":
        return json.dumps(value, ensure_ascii=False, indent=1) if value else ""
    return str(value)


def _parse_field(declared: SettingField, raw: str | None) -> Any:
    if declared.kind == "flag":
        return (raw or "").strip().lower() in {"yes", "on", "true", "1"}
    if raw is None:
        return declared.default
    text = raw.replace("\r\n", "\n").strip()
    if not text and declared.required:
        raise ValueError(f"{declared.label} must be filled in.")
    return _PARSERS[declared.kind](declared, text)


def _parse_text(declared: SettingField, text: str) -> str:
    if len(text) > declared.longest:
        raise ValueError(f"{declared.label} may have {declared.longest} characters; this has {len(text)}.")
    if any(ord(c) < 32 and c not in "\n\t" for c in text) or ("\n" in text and declared.kind == "text"):
        raise ValueError(f"{declared.label} must be one line without control characters.")
    if text and declared.pattern and not re.fullmatch(declared.pattern, text):
        raise ValueError(f"{declared.label}: {text[:80]!r} is not {declared.pattern_says}.")
    return text


def _parse_number(declared: SettingField, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not declared.least <= int(text) <= declared.most:
        raise ValueError(f"{declared.label} must be a whole number from {declared.least} to {declared.most}.")
    return int(text)


def _parse_cents(declared: SettingField, text: str) -> int:
    match = re.fullmatch(r"\$?\s*(\d{1,9})(?:\.(\d{2}))?", text.replace(",", ""), re.ASCII)
    cents = int(match[1]) * 100 + int(match[2] or 0) if match else -1
    if not 0 <= cents <= declared.most:
        raise ValueError(
            f"{declared.label} must be an amount such as 10.00, at most {declared.most / 100:,.2f}."
        )
    return cents


def _parse_choice(declared: SettingField, text: str) -> str:
    allowed = [value for value, _ in declared.choices]
    if text not in allowed:
        raise ValueError(f"{declared.label} must be one of {', '.join(allowed)}.")
    return text


def _parse_words(declared: SettingField, text: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in re.split(r"[\n,]", text) if word.strip()))
    for word in words:
        if declared.pattern and not re.fullmatch(declared.pattern, word):
            raise ValueError(f"{declared.label}: {word[:80]!r} is not {declared.pattern_says}.")
        if len(word) > declared.longest:
            raise ValueError(f"{declared.label}: {word[:40]!r}… is too long.")
    return words


def _parse_emails(declared: SettingField, text: str) -> list[str]:
    addresses = list(dict.fromkeys(a.strip() for a in re.split(r"[\n,;]", text) if a.strip()))
    for address in addresses:
        if not EMAIL.fullmatch(address) or len(address) > 254:
            raise ValueError(f"{declared.label}: {address[:80]!r} is not a mail address.")
    if declared.most < len(addresses):
        raise ValueError(f"{declared.label} may hold {declared.most} address.")
    return addresses


def _parse_json_map(declared: SettingField, text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        key, separator, value = (part.strip() for part in line.partition("="))
        if not separator or not key or not value:
            raise ValueError(
                f"{declared.label}: line {number} must read “name = value”; it is {line[:80]!r}."
            )
        if key in pairs:
            raise ValueError(f"{declared.label}: line {number} names {key[:40]!r} a second time.")
        pairs[key] = value
    return pairs


def _parse_rows(declared: SettingField, text: str) -> dict[str, list[list[str]]]:
    """Named lists of rows of texts, as JSON: what a layout's tables and calendars are replaced with."""
    try:
        named = json.loads(text or "{}")
    except ValueError as err:
        raise ValueError(f"{declared.label} are not JSON: {err}.") from err
    if not isinstance(named, dict):
        raise ValueError(f"{declared.label} must be an object of named rows.")  # noqa: TRY004 - shown to a person
    for name, rows in named.items():
        is_rows = isinstance(rows, list) and all(
            isinstance(row, list) and row and all(isinstance(cell, str) for cell in row) for row in rows
        )
        if not is_rows or len(rows) > MOST_ROWS:
            raise ValueError(
                f"{declared.label}: {name[:40]!r} must be a list of at most {MOST_ROWS} rows of texts."
            )
    return named


def parse_dates(text: str) -> list[date]:
    """ISO dates, one a line or separated by commas. Raises: ValueError naming the first that is none."""
    dates = []
    for word in re.split(r"[\s,;]+", text.strip()):
        if word:
            try:
                dates.append(date.fromisoformat(word))
            except ValueError:
                raise ValueError(f"{word[:40]!r} is not a date like 2026-12-25.") from None
    return sorted(set(dates))


_PARSERS: Mapping[Kind, Any] = {
    "text": _parse_text,
    "long_text": _parse_text,
    "number": _parse_number,
    "cents": _parse_cents,
    "choice": _parse_choice,
    "words": _parse_words,
    "emails": _parse_emails,
    "json_map": _parse_json_map,
    "rows": _parse_rows,
}
