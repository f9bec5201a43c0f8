"""What people did to the sandbox's fees, kept in a file so that a restarted sandbox goes on where it was.

The file's first line names the world it belongs to; every other line is one fee as it became.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from webapp.sandbox.debts import Fee, Transaction


class Journal:
    """The journal of one world: same seed and number of patrons, hence the same invented fees."""

    def __init__(self, folder: Path, *, seed: int, patrons: int, today: date) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"world-{seed}-{patrons}.jsonl"
        self._lock = threading.Lock()
        if self._path.exists():
            self._drop_cut_line()
        else:
            self._append({"first_day": today.isoformat()})

    @property
    def first_day(self) -> date:
        """The day the world began; invented dates are counted back from it."""
        return date.fromisoformat(next(self._lines())["first_day"])

    def keep(self, institution: str, fee: Fee, *, is_new: bool) -> None:
        """Write down what a fee became."""
        self._append({"institution": institution, "is_new": is_new, "fee": asdict(fee)})

    def kept(self, institution: str) -> Iterator[tuple[Fee, bool]]:
        """An institution's changes in order, each with whether the fee was added."""
        for line in self._lines():
            if line.get("institution") == institution:
                yield _fee(line["fee"]), line["is_new"]

    def _append(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, default=datetime.isoformat, ensure_ascii=False)
        with self._lock, self._path.open("a", encoding="utf-8") as journal:
            journal.write(f"{text}\n")

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self._path.open(encoding="utf-8") as journal:
            yield from map(json.loads, journal)

    def _drop_cut_line(self) -> None:
        """A line cut by a kill is the last one, and what it said was never answered."""
        text = self._path.read_bytes()
        if not text.endswith(b"\n"):
            self._path.write_bytes(text[: text.rfind(b"\n") + 1])


def _fee(told: dict[str, Any]) -> Fee:
    moments = {name: datetime.fromisoformat(told[name]) for name in ("created_at", "status_at")}
    transactions = tuple(
        Transaction(**{**t, "at": datetime.fromisoformat(t["at"])}) for t in told["transactions"]
    )
    return Fee(**{**told, **moments, "transactions": transactions})
