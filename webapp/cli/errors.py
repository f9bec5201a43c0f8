"""How a command ends when it cannot do what was asked. Imports nothing of the application: some commands need none."""

from __future__ import annotations

import click

EXIT_RUN_FAILED = 1
EXIT_USAGE = 2
EXIT_NEEDS_APPROVAL = 3
EXIT_NOT_REACHABLE = 4
EXIT_STILL_RUNNING = 5
# What a shell reports for a command that Ctrl-C ended.
EXIT_INTERRUPTED = 130


class CommandError(click.ClickException):
    """A command cannot do what was asked; the message says why and what to do. Exits with ``exit_code``."""

    def __init__(self, message: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance
