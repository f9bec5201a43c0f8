"""What can be wrong with a layout, with a row, and with a finished file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a layout: ``path`` is its place in the JSON ("$.records.detail[2].width").

    A warning does not keep the layout from being used: it says what will happen.
    """

    path: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class LayoutError(ValueError):
    """A layout cannot be used; ``faults`` holds everything found, each with its place."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"the layout has {len(self.faults)} fault(s):\n{lines}")


class RowRefusedError(ValueError):
    """One row cannot be written as the layout asks; nothing of it was written.

    ``field`` is the column's name, ``reason`` a sentence, ``row_number`` counts from 1 within the file where known.
    """

    def __init__(self, field: str, reason: str, row_number: int | None = None) -> None:
        self.field = field
        self.reason = reason
        self.row_number = row_number
        where = f"row {row_number}, " if row_number is not None else ""
        super().__init__(f"{where}column {field!r}: {reason}")


class TotalsDifferError(ValueError):
    """The header or trailer would state other totals than the lines between them; the file must not leave."""


class RenderError(ValueError):
    """A file cannot be finished as its layout asks, for a reason beyond one row; what was written must not be used."""
