"""``feebridge mail``: what the mail server has to say about mail that was sent."""

from __future__ import annotations

from typing import BinaryIO

import click
from sqlalchemy.exc import OperationalError

from webapp.adapters.mail.bounce import MOST_BYTES
from webapp.cli.context import EXIT_NOT_REACHABLE, CommandError, opened_core
from webapp.services.note_bounce import BounceRefusedError, note_bounce

# sysexits.h: a mail server that pipes into a command keeps the mail and tries again.
EXIT_TRY_AGAIN = 75


@click.group()
def mail() -> None:
    """What became of mail."""


@mail.command()
@click.argument("file", type=click.File("rb"), default="-")
def bounce(file: BinaryIO) -> None:
    """Note a returned mail (a delivery status notification, from FILE or standard input) on its run.

    Exits 0 when noted, 2 when it is no such notification or none of ours, 75 when the database is away.
    """
    raw = file.read(MOST_BYTES)
    while file.read(1 << 16):
        pass  # a mail server takes a pipe that closes early for a failure
    try:
        with opened_core():
            noted = note_bounce(raw)
    except BounceRefusedError as err:
        raise CommandError(str(err)) from err
    except OperationalError as err:
        raise CommandError("The database could not be reached; nothing was noted.", EXIT_TRY_AGAIN) from err
    except CommandError as err:
        code = EXIT_TRY_AGAIN if err.exit_code == EXIT_NOT_REACHABLE else err.exit_code
        raise CommandError(err.message, code) from err
    state = "bounced" if noted.is_bounced else "noted, nothing changed"
    click.echo(f"Run {noted.run_id}: {state}. " + " ".join(noted.sentences))


COMMANDS = (mail,)
