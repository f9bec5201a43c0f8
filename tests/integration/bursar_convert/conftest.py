"""``feebridge convert`` as a shell calls it, with nothing to reach."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from webapp.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Desk:
    """A folder on somebody's machine."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def put(self, name: str, content: bytes | str | dict[str, Any]) -> Path:
        """Write a file into the folder; a dict as JSON."""
        path = self.folder / name
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def run(self, *arguments: object, code: int = 0) -> Result:
        """``feebridge`` with these arguments; fails when it ends with another code."""
        done = CliRunner(env={"DATABASE_URL": "", "REDIS_URL": ""}).invoke(main, [str(a) for a in arguments])
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return done

    def convert(self, content: bytes, layout: object, *more: object, code: int = 0) -> Result:
        """Convert a file's content on 2 March 2026."""
        file = self.put("BURSAR-4711-20260302.xml", content)
        return self.run(
            "convert", file, "--layout", layout, "--on", "2026-03-02", "--out", self.out, *more, code=code
        )

    def report(self, content: bytes, layout: object, *more: object) -> dict[str, Any]:
        """The report of a conversion, read from its JSON."""
        return json.loads(self.convert(content, layout, "--json", *more).output)

    def made(self) -> dict[str, bytes]:
        """What lies in the folder for files, hidden names included."""
        return {path.name: path.read_bytes() for path in self.out.iterdir()} if self.out.exists() else {}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
