"""Finding a layout for a command: a ready-made one by its name, or a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from webapp.cli.errors import CommandError
from webapp.domain.layouts.either_way import READY_MADE

_LONGEST_BYTES = 8 * 1024 * 1024


def find_layout(name_or_file: str) -> dict[str, Any]:
    """The layout document. Raises: CommandError, when there is none or it is not JSON."""
    path = Path(name_or_file)
    if name_or_file in READY_MADE:
        return READY_MADE[name_or_file]
    if not path.is_file():
        raise CommandError(
            f"“{name_or_file}” is neither a file nor a ready-made layout. Ready-made: {', '.join(READY_MADE)}."
        )
    return parse_layout(read_text(path), name_or_file)


def parse_layout(text: str, name: str) -> dict[str, Any]:
    """The JSON object in a layout file's text. Raises: CommandError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise CommandError(f"{name} is not JSON: {err}") from err
    if not isinstance(document, dict):
        raise CommandError(f"{name} must be one JSON object; see docs/layouts.md.")
    return document


def read_text(path: Path) -> str:
    """A small text file whole. Raises: CommandError."""
    try:
        if path.stat().st_size > _LONGEST_BYTES:
            raise CommandError(
                f"{path} is larger than {_LONGEST_BYTES // 1024 // 1024} MiB; it cannot be meant."
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as err:
        raise CommandError(f"{path} is not text in UTF-8.") from err
    except OSError as err:
        raise CommandError(f"{path} cannot be read: {err.strerror}.") from err
