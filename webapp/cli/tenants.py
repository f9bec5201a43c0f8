"""``feebridge tenants``: campuses and their settings."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from webapp.adapters.vault import Vault
from webapp.cli.context import CommandError, all_tenants, find_tenant, opened_core
from webapp.cli.runs import COMMAND_LINE
from webapp.config import Settings
from webapp.domain.campus_settings import SECTIONS, SettingField, form_text
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import campus_settings as settings_service
from webapp.services.onboard_tenant import OnboardRefusedError, register_tenant


@click.group()
def tenants() -> None:
    """Campuses and their settings."""


@tenants.command(name="list")
@click.option("--json", "as_json", is_flag=True)
def list_tenants(as_json: bool) -> None:
    """Every campus."""
    with opened_core():
        rows = all_tenants()
    if as_json:
        found = [
            {"slug": t.slug, "name": t.name, "alma": t.alma_institution, "active": t.is_active} for t in rows
        ]
        click.echo(json.dumps(found, indent=2))
        return
    for tenant in rows:
        state = "" if tenant.is_active else "  (not active)"
        click.echo(
            f"{tenant.slug:<16} {tenant.name:<28} {tenant.alma_institution:<14} {tenant.time_zone}{state}"
        )
    if not rows:
        click.echo("No campus yet. Add one: feebridge tenants add SLUG NAME --alma-code 01CALS_…")


@tenants.command()
@click.argument("slug")
@click.argument("name")
@click.option("--alma-code", required=True, help="Alma's institution code, such as 01CALS_USM.")
@click.option("--zone", default="America/Los_Angeles", show_default=True, help="The campus's time zone.")
def add(slug: str, name: str, alma_code: str, zone: str) -> None:
    """Take a campus in. SLUG is its short name in addresses and file names, such as csusm."""
    with opened_core():
        try:
            tenant = register_tenant(
                slug=slug, name=name, alma_institution=alma_code, time_zone=zone, actor=COMMAND_LINE
            )
        except OnboardRefusedError as err:
            raise CommandError(str(err)) from err
    click.echo(
        f"{tenant.name} is there as “{tenant.slug}”. Next: feebridge people add EMAIL --name NAME --tenant {tenant.slug} "
        "--role admin"
    )


@tenants.command()
@click.argument("slug")
@click.option("--section", type=click.Choice(list(SECTIONS)), help="Only this section.")
def show(slug: str, section: str | None) -> None:
    """A campus's settings, as “tenants set” takes them. Secrets show only whether they are set."""
    with opened_core(), tenant_scope(find_tenant(slug).id) as session:
        found = settings_service.read_all(session)
        secrets = settings_service.secrets_set(session)
    for name in [section] if section else SECTIONS:
        click.echo(f"[{name}] {SECTIONS[name].title}")
        for field in SECTIONS[name].fields:
            if field.kind == "secret":
                click.echo(f"  {field.name} ({'set' if field.name in secrets else 'not set'})")
            else:
                click.echo(f"  {field.name} = {form_text(field, found[name][field.name])!r}")


@tenants.command(name="set")
@click.argument("slug")
@click.argument("section", type=click.Choice(list(SECTIONS)))
@click.argument("assignments", nargs=-1, required=True, metavar="NAME=VALUE…")
def set_values(slug: str, section: str, assignments: tuple[str, ...]) -> None:
    """Change settings of one section; the others in it stay. A value @FILE is read from the file, @- is asked for."""
    declared = {field.name: field for field in SECTIONS[section].fields}
    wanted = dict(_assignment(text, declared) for text in assignments)
    with opened_core() as settings, tenant_scope(find_tenant(slug).id) as session:
        if plain := {name: text for name, text in wanted.items() if declared[name].kind != "secret"}:
            _change(session, section, plain, settings)
        vault = Vault(settings.vault_keys, settings.vault_active_key)
        for name in wanted.keys() - plain.keys():
            settings_service.put_secret(session, vault, name, wanted[name], actor=COMMAND_LINE)
        session.commit()
    click.echo(f"Changed {', '.join(wanted)} of {slug}.")


def _change(session: ScopedSession, section: str, wanted: Mapping[str, str], settings: Settings) -> None:
    stored, version = settings_service.read_section(session, section)
    raw = {f.name: form_text(f, stored[f.name]) for f in SECTIONS[section].fields if f.kind != "secret"}
    try:
        settings_service.change_section(
            session,
            section,
            raw | dict(wanted),
            actor=COMMAND_LINE,
            expected_version=version,
            alma_hosts=settings.alma_hosts,
        )
    except (
        settings_service.SettingsRefusedError,
        settings_service.SettingsChangedMeanwhileError,
    ) as err:
        raise CommandError(str(err)) from err


def _assignment(text: str, declared: Mapping[str, SettingField]) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or name not in declared:
        raise CommandError(f"{text!r} is not NAME=VALUE with one of the names {', '.join(declared)}.")
    if value == "@-":
        value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
    elif value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            raise CommandError(f"The value of {name} could not be read from {value[1:]}: {err}.") from err
    return name, value


COMMANDS = (tenants,)
