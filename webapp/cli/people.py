"""``feebridge people``: who can sign in."""

from __future__ import annotations

import getpass
import sys

import click

from webapp.cli.context import CommandError, find_tenant, opened_core
from webapp.cli.runs import COMMAND_LINE
from webapp.config import Settings
from webapp.models import Person, Tenant
from webapp.models.tenant import ROLES
from webapp.services import members


@click.group()
def people() -> None:
    """Who can sign in."""


@people.command()
@click.argument("email")
@click.option("--name", "full_name", required=True, help="The person's name.")
@click.option("--consortium-admin", is_flag=True, help="Takes campuses and people in; sees health as counts.")
@click.option("--tenant", "slug", help="Short name of the campus the person works for.")
@click.option("--role", type=click.Choice(ROLES), help="What the person may do there.")
@click.option(
    "--password-stdin", is_flag=True, help="Set a password, read from standard input, in place of a link."
)
def add(
    email: str,
    full_name: str,
    consortium_admin: bool,
    slug: str | None,
    role: str | None,
    password_stdin: bool,
) -> None:
    """Let a person sign in. Prints a link, good once and for 72 hours, with which they choose their password."""
    if (slug is None) != (role is None) or not (slug or consortium_admin):
        raise click.UsageError(
            "Say what the person may do: --tenant with --role, or --consortium-admin, or both."
        )
    with opened_core() as settings:
        tenant = find_tenant(slug) if slug else None
        password = _ask_password() if password_stdin else None
        try:
            person = _add(email, full_name, password, tenant, role, is_consortium_admin=consortium_admin)
        except members.MembersRefusedError as err:
            raise CommandError(str(err)) from err
        click.echo(_next_step(person, settings))


def _add(
    email: str,
    full_name: str,
    password: str | None,
    tenant: Tenant | None,
    role: str | None,
    *,
    is_consortium_admin: bool,
) -> Person:
    if is_consortium_admin or password is not None:
        person = members.add_person(
            email, full_name, password=password, is_consortium_admin=is_consortium_admin
        )
    if tenant is not None and role is not None:
        person = members.add_member(
            tenant.id, email=email, full_name=full_name, role=role, actor=COMMAND_LINE, may_exist=True
        )
    return person


def _next_step(person: Person, settings: Settings) -> str:
    if person.password_hash:
        return f"{person.email} signs in at {settings.base_url} with their password."
    _, token = members.consortium_invitation(person.id, actor=COMMAND_LINE, secret_key=settings.secret_key)
    return (
        f"{person.email} can choose a password for 72 hours, once, here:\n"
        f"{settings.base_url}/choose-password/{token}"
    )


def _ask_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


COMMANDS = (people,)
