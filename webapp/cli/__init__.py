"""The ``feebridge`` command."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from webapp.adapters.errors import OutsideError
from webapp.cli.errors import EXIT_NOT_REACHABLE, CommandError

UNDEFINED_TABLE = "42P01"
# These need neither database nor server, and are ready in a moment because nothing of those is loaded for them.
_ALONE: Final = {"convert": "convert", "layouts": "layouts"}
_TOGETHER: Final = (
    "demo",
    "runs",
    "reconcile",
    "tenants",
    "people",
    "files",
    "inbound",
    "payments",
    "mail",
    "violations",
    "operate",
)


class Feebridge(click.Group):
    """Says in words what was not reachable, instead of showing where in the program it was noticed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        self._load(*_TOGETHER, *_ALONE.values())
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, loaded when it is asked for."""
        if cmd_name not in self.commands:
            self._load(*([_ALONE[cmd_name]] if cmd_name in _ALONE else _TOGETHER))
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Carry the command out. Raises: CommandError."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as err:
            words = _words(err)
            if words is None:
                raise
            raise CommandError(words, EXIT_NOT_REACHABLE) from err

    def _load(self, *modules: str) -> None:
        for name in modules:
            for command in importlib.import_module(f"webapp.cli.{name}").COMMANDS:
                self.add_command(command)


def _words(err: Exception) -> str | None:
    """What was not reachable, or None when it is something else that went wrong."""
    # Loaded here, since only commands that use them can have failed by them.
    from redis import RedisError
    from sqlalchemy.exc import OperationalError, ProgrammingError

    if isinstance(err, OutsideError):
        return err.message
    if isinstance(err, OperationalError):
        return f"The database could not be reached; nothing was changed. Look at DATABASE_URL. ({err.orig})"
    if isinstance(err, ProgrammingError) and getattr(err.orig, "sqlstate", None) == UNDEFINED_TABLE:
        return "The database has no tables, or not all of them. Run: feebridge migrate"
    if isinstance(err, RedisError):
        return f"Redis could not be reached. Look at REDIS_URL. ({err})"
    return None


@click.group(
    cls=Feebridge, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="feebridge")
def main() -> None:
    """Move fines, holds and payments between Alma, PeopleSoft and payment pages.

    Without DATABASE_URL and REDIS_URL a built-in PostgreSQL and Redis are used, in the folder FEEBRIDGE_DATA (var).

    Exit codes: 0 done or nothing to send, 1 the run failed, 2 wrong use, 3 a person must approve,
    4 something needed is not reachable, 5 still running when the time was up, 130 interrupted by Ctrl-C.
    """
