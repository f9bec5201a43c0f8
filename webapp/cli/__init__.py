"""The ``feebridge`` command."""

from __future__ import annotations

from typing import Any

import click
from redis import RedisError
from sqlalchemy.exc import OperationalError, ProgrammingError

from webapp.adapters.errors import OutsideError
from webapp.cli import (
    convert,
    demo,
    files,
    inbound,
    layouts,
    mail,
    operate,
    people,
    runs,
    tenants,
    violations,
)
from webapp.cli.context import EXIT_NOT_REACHABLE, CommandError

UNDEFINED_TABLE = "42P01"


class Feebridge(click.Group):
    """Says in words what was not reachable, instead of showing where in the program it was noticed."""

    def invoke(self, ctx: click.Context) -> Any:
        """Carry the command out. Raises: CommandError."""
        try:
            return super().invoke(ctx)
        except OperationalError as err:
            raise CommandError(
                f"The database could not be reached; nothing was changed. Look at DATABASE_URL. ({err.orig})",
                EXIT_NOT_REACHABLE,
            ) from err
        except ProgrammingError as err:
            if getattr(err.orig, "sqlstate", None) != UNDEFINED_TABLE:
                raise
            raise CommandError(
                "The database has no tables, or not all of them. Run: feebridge migrate", EXIT_NOT_REACHABLE
            ) from err
        except RedisError as err:
            raise CommandError(
                f"Redis could not be reached. Look at REDIS_URL. ({err})", EXIT_NOT_REACHABLE
            ) from err
        except OutsideError as err:
            raise CommandError(err.message, EXIT_NOT_REACHABLE) from err


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


for command in (
    *demo.COMMANDS,
    *runs.COMMANDS,
    *tenants.COMMANDS,
    *people.COMMANDS,
    *files.COMMANDS,
    *inbound.COMMANDS,
    *mail.COMMANDS,
    *violations.COMMANDS,
    *convert.COMMANDS,
    *layouts.COMMANDS,
    *operate.COMMANDS,
):
    main.add_command(command)
