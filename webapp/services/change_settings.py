"""Store what a person typed on a page of settings: the fields and the secrets together or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from webapp.adapters.errors import PermanentError
from webapp.adapters.sftp.keys import load_private_key
from webapp.adapters.vault import Vault
from webapp.config import Settings
from webapp.domain.campus_settings import SECTIONS, Section, form_text, parse_section
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit, campus_settings
from webapp.services.audit import Actor
from webapp.services.campus_settings import SettingsRefusedError
from webapp.store import layouts, settings_pages

# Set by acts of their own, never by the form around them.
MANAGED_FIELDS = frozenset({"sftp_host_keys", "webhook_token"})
# Made by Feebridge and shown once, never typed.
MADE_SECRETS = frozenset({"api_token"})
# Sections that name a server, with the secrets that belong to it and to no other.
SERVER_SECRETS = {
    "delivery": ("sftp_password", "sftp_private_key", "sftp_passphrase"),
    "arrival": ("arrival_sftp_password", "arrival_sftp_private_key", "arrival_sftp_passphrase"),
}
_LONGEST_SECRET = 20_000
_ALMA_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def vault_of(settings: Settings) -> Vault:
    """The vault of this process."""
    return Vault(settings.vault_keys, settings.vault_active_key)


def save_section(
    tenant_id: int,
    section: str,
    typed: Mapping[str, str],
    *,
    secrets: Mapping[str, str],
    actor: Actor,
    expected_version: int,
    settings: Settings,
) -> list[str]:
    """Check and store a section and those of its ``secrets`` that were typed; returns what else came of it, in words.

    Raises: SettingsRefusedError with every fault by field; SettingsChangedMeanwhileError. Nothing is stored then.
    """
    declared = SECTIONS[section]
    fresh = {
        name: text.strip()
        for name, text in secrets.items()
        if name in declared.secrets() and name not in MADE_SECRETS and text.strip()
    }
    with tenant_scope(tenant_id) as session:
        before, _ = campus_settings.read_section(session, section)
        raw, notes = _with_managed(declared, before, typed)
        faults = {
            **_secret_faults(session, settings, fresh),
            **_choice_faults(session, section, raw),
            **_file_name_faults(session, declared, raw),
        }
        try:
            campus_settings.change_section(
                session,
                section,
                raw,
                actor=actor,
                expected_version=expected_version,
                alma_hosts=settings.alma_hosts,
            )
        except SettingsRefusedError as err:
            raise SettingsRefusedError(section, {**faults, **err.faults}) from err
        if faults:
            raise SettingsRefusedError(section, faults)
        vault = vault_of(settings)
        for name, plain in fresh.items():
            campus_settings.put_secret(session, vault, name, plain, actor=actor)
        if section in SERVER_SECRETS and _moves_elsewhere(declared, before, raw):
            notes += _forget_credentials(session, declared, fresh, actor)
        session.commit()
    return notes


def _forget_credentials(
    session: ScopedSession, declared: Section, fresh: Mapping[str, str], actor: Actor
) -> list[str]:
    """A password typed for one server must not be shown to another just because the host was changed."""
    forgotten = [
        name
        for name in SERVER_SECRETS[declared.name]
        if name not in fresh and settings_pages.remove_secret(session, name)
    ]
    for name in forgotten:
        audit.record(session, actor=actor, action="secret.removed", subject=name)
    labels = " and ".join(declared.field(name).label.lower() for name in forgotten)
    return (
        [f"What was set for the old server was forgotten: {labels}. Type it for the new one."]
        if forgotten
        else []
    )


def forget_secret(tenant_id: int, name: str, actor: Actor) -> bool:
    """Remove a key or password; False when none was set."""
    with tenant_scope(tenant_id) as session:
        if not settings_pages.remove_secret(session, name):
            return False
        audit.record(session, actor=actor, action="secret.removed", subject=name)
        session.commit()
        return True


def _with_managed(
    declared: Section, before: Mapping[str, Any], typed: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What was typed, with the fields that the form does not show as they are stored."""
    raw = {name: text for name, text in typed.items() if name not in MANAGED_FIELDS}
    notes = []
    for name in MANAGED_FIELDS & {field.name for field in declared.fields}:
        raw[name] = form_text(declared.field(name), before[name])
    if (
        declared.name in SERVER_SECRETS
        and before["sftp_host_keys"]
        and _moves_elsewhere(declared, before, raw)
    ):
        # A key confirmed for one server says nothing about another.
        raw["sftp_host_keys"] = ""
        notes.append(
            "The server is another one now, so the confirmed host key was taken out. Test the connection and confirm "
            "the new server's key before the next run."
        )
    return raw, notes


def _moves_elsewhere(declared: Section, before: Mapping[str, Any], raw: Mapping[str, str]) -> bool:
    values, _ = parse_section(declared, raw)
    return any(values.get(name, before[name]) != before[name] for name in ("sftp_host", "sftp_port"))


def _secret_faults(session: ScopedSession, settings: Settings, fresh: Mapping[str, str]) -> dict[str, str]:
    faults = {
        name: "That is too long for a key or password. Paste the key alone."
        for name, plain in fresh.items()
        if len(plain) > _LONGEST_SECRET
    }
    key = fresh.get("alma_api_key")
    if key and not _ALMA_KEY.fullmatch(key):
        faults["alma_api_key"] = "An Alma API key has no blanks or line breaks inside. Paste the key alone."
    for _, key_name, passphrase in SERVER_SECRETS.values():
        if key_name not in fresh:
            continue
        stored = campus_settings.open_secret(session, vault_of(settings), passphrase)
        try:
            load_private_key(fresh[key_name], fresh.get(passphrase) or stored)
        except PermanentError as err:
            faults[key_name] = str(err)
    return faults


def _choice_faults(session: ScopedSession, section: str, raw: Mapping[str, str]) -> dict[str, str]:
    if section != "files" or "layout" not in raw:
        return {}
    names = layouts.layout_names(session)
    if raw["layout"].strip() in names:
        return {}
    return {"layout": f"There is no layout called {raw['layout'][:60]!r}. Choose one of {', '.join(names)}."}


def _file_name_faults(session: ScopedSession, declared: Section, raw: Mapping[str, str]) -> dict[str, str]:
    """Where each hold code has a file of its own, the name must tell them apart: three pages have a say in it."""
    fields = {"files": "file_name", "mapping": "file_per_code", "policy": "style"}
    if declared.name not in fields:
        return {}
    values, _ = parse_section(declared, raw)
    campus = {name: campus_settings.read_section(session, name)[0] for name in fields}
    campus[declared.name] |= values
    why = {"files": "", "mapping": "", "policy": ""}
    if campus["mapping"]["file_per_code"]:
        why |= {"files": "“One file per code” is on", "mapping": "With one file per code"}
    if campus["policy"]["style"] == "ids":
        why |= {"files": "Lists of EMPLIDs have one file per code", "policy": "With lists of EMPLIDs"}
    if not why[declared.name] or "{hold_code}" in campus["files"]["file_name"]:
        return {}
    if declared.name == "files":
        fault = (
            f"{why['files']}, so the file name needs {{hold_code}}; without it two files would have one name."
        )
    else:
        fault = f"{why[declared.name]}, each code's file needs a name of its own. First add {{hold_code}} to the file name on the page Files."
    return {fields[declared.name]: fault}
