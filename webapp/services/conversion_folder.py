"""The folder of an offline conversion: files appear in it together when all of them are whole, or not at all."""

from __future__ import annotations

import csv
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from webapp.domain.money import format_cents

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

QUARANTINED_NAME: Final = "quarantined.csv"
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_TEXTS: Final = (
    *("patron_id", "patron_name", "fee_type", "currency", "library", "transaction_on", "fee_ref"),
    *("item_barcode", "item_title", "comment"),
)
HEADING: Final = ("row", "rule", "reason", "amount", *_TEXTS)


class FolderError(Exception):
    """The files cannot be put into the folder; the message says which and why."""


class Folder:
    """Collects parts under names nobody picks up. Used as a context: what was not published is taken away."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._mark = f".feebridge-{secrets.token_hex(6)}"
        self._open: dict[tuple[str, int], BinaryIO] = {}
        self._rows: _QuarantinedFile | None = None
        self._made = False

    def __enter__(self) -> Self:
        """Make the folder where it is missing. Raises: FolderError."""
        try:
            self._made = not self.place.exists()
            self.place.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise FolderError(f"The folder {self.place} cannot be used: {err.strerror}.") from err
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what was not published, and the folder if it was made for this."""
        for sink in self._open.values():
            sink.close()
        if self._rows is not None:
            self._rows.close()
        for left in self.place.glob(f"{self._mark}*"):
            left.unlink(missing_ok=True)
        if self._made and error is not None:
            with suppress(OSError):
                self.place.rmdir()

    def open_part(self, kind: str, part: int) -> BinaryIO:
        """Where the bytes of one part go until it has its name."""
        sink = self._path(kind, part).open("xb")
        self._open[kind, part] = sink
        return sink

    def quarantine(self, row: Mapping[str, object], rule: str, reason: str) -> None:
        """Note a row that waits for a person."""
        if self._rows is None:
            self._rows = _QuarantinedFile(self.place / f"{self._mark}.quarantined")
        self._rows.add(row, rule, reason)

    def publish(self, names: Mapping[tuple[str, int], str]) -> None:
        """Give every part its name, and take away an older list of quarantined rows where there is no new one.

        Raises: FolderError, with nothing of this conversion in the folder, when a name cannot be given.
        """
        moves = {self._path(*key): self.place / name for key, name in names.items()}
        quarantined = self.place / QUARANTINED_NAME
        if self._rows is not None:
            self._rows.close()
            moves[self._rows.path] = quarantined
        self._check(list(moves.values()))
        done: list[Path] = []
        try:
            for sink in self._open.values():
                sink.close()
            for path in moves:
                _to_disk(path)
            for path, name in moves.items():
                path.replace(name)
                done.append(name)
            if self._rows is None:
                quarantined.unlink(missing_ok=True)
        except OSError as err:
            for name in done:
                name.unlink(missing_ok=True)
            raise FolderError(f"The files cannot be put into {self.place}: {err.strerror}.") from err

    def _path(self, kind: str, part: int) -> Path:
        return self.place / f"{self._mark}-{kind}-{part}"

    def _check(self, names: list[Path]) -> None:
        # Some campuses' disks do not tell capitals apart.
        folded = [name.name.casefold() for name in names]
        for name in names:
            if folded.count(name.name.casefold()) > 1:
                raise FolderError(
                    f"Two files would be called {name.name}; change the layout's file names (with {{kind}}, for "
                    "instance)."
                )
            if name.is_dir():
                raise FolderError(f"{name} is a folder, and a file of that name is to be written.")


class _QuarantinedFile:
    """Rows with their reasons as a CSV for people."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # With the mark that makes spreadsheets read UTF-8.
        self._file = path.open("x", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(HEADING)

    def add(self, row: Mapping[str, object], rule: str, reason: str) -> None:
        """Write one row down."""
        cents = row.get("amount_cents")
        amount = format_cents(cents, grouping=False, currency="") if isinstance(cents, int) else ""
        texts = (str(row[name]) if row.get(name) else "" for name in _TEXTS)
        self._writer.writerow([row.get("n", ""), rule, reason, amount, *(_neutral(text) for text in texts)])

    def close(self) -> None:
        """The list is whole."""
        self._file.close()


def _neutral(text: str) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
