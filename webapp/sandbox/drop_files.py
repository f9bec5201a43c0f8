"""The files that arrived in the SFTP drop, for the pages and for judges."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class DropFile:
    """One delivered file; ``path`` is relative to the drop, ``folder`` its first part (a campus) or ""."""

    path: str
    folder: str
    name: str
    size: int
    sha256: str
    modified_at: datetime

    def summary(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "path": self.path,
            "folder": self.folder,
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "modified_at": self.modified_at.isoformat(),
        }


def drop_files(root: Path | None) -> list[DropFile]:
    """Every file below the drop, by path; empty without a drop.

    Hidden files and folders (names with a leading dot) are left out, and so is a file that vanishes meanwhile.
    """
    if root is None or not root.is_dir():
        return []
    found = []
    for path in sorted(root.rglob("*")):
        try:
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
                found.append(_drop_file(root, path))
        except FileNotFoundError:
            continue
    return found


def delivered_path(root: Path | None, relative: str) -> Path | None:
    """The file at ``relative`` if it lies in the drop, else None (never a path outside)."""
    if root is None:
        return None
    path = (root / relative).resolve()
    return path if path.is_relative_to(root.resolve()) and path.is_file() else None


def _drop_file(root: Path, path: Path) -> DropFile:
    relative = path.relative_to(root)
    facts = path.stat()
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    folder = relative.parts[0] if len(relative.parts) > 1 else ""
    modified_at = datetime.fromtimestamp(facts.st_mtime, UTC)
    return DropFile(relative.as_posix(), folder, path.name, facts.st_size, sha256, modified_at)
