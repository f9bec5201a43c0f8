"""Did the receiver take a file? Read off what lies in the folder it was put into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime


def sign_of_taking(
    folder: Mapping[str, datetime | None], name: str, delivered_at: datetime, suffixes: Sequence[str]
) -> str:
    """In words how the receiver showed that it took the file; empty while it did not.

    ``folder`` holds the names there with the time each was last written, where the server tells it. A receiver
    renames the file, puts it back under its name with a suffix (UC Irvine does: ``.staged``), or takes it away. The
    mark of an earlier file of the same name, beside this one still lying there, says nothing.
    """
    for suffix in suffixes:
        marked = name + suffix
        if marked not in folder:
            continue
        written_at = folder[marked]
        if name not in folder or (written_at is not None and written_at >= delivered_at):
            return f"lies there as {marked}"
    return "" if name in folder else "was taken from the folder"
