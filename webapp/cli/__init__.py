"""The ``feebridge`` command."""

from __future__ import annotations

import click

from webapp.cli import demo, files, mail, operate, runs, tenants, violations


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="feebridge")
def main() -> None:
    """Move fines, holds and payments between Alma, PeopleSoft and payment pages.

    Without DATABASE_URL and REDIS_URL a built-in PostgreSQL and Redis are used, in the folder FEEBRIDGE_DATA (var).

    Exit codes: 0 done or nothing to send, 1 the run failed, 2 wrong use, 3 a person must approve,
    4 something needed is not reachable, 5 still running when the time was up.
    """


for command in (
    *demo.COMMANDS,
    *runs.COMMANDS,
    *tenants.COMMANDS,
    *files.COMMANDS,
    *mail.COMMANDS,
    *violations.COMMANDS,
    *operate.COMMANDS,
):
    main.add_command(command)
