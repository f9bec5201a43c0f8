"""Read and change a campus's settings; every change is checked whole, stored whole, and in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func

from webapp.adapters.vault import Vault
from webapp.domain.campus_settings import SECTIONS, CampusSettings, Section, parse_section
from webapp.domain.holds.policy import code_faults
from webapp.domain.layouts.file_names import check_pattern
from webapp.domain.mail_tokens import TemplateError, check_template
from webapp.models import Tenant, TenantSetting
from webapp.models.scope import ScopedSession
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import campus_settings as settings_store


class SettingsRefusedError(Exception):
    """The section was not stored. ``faults``: field name -> what is wrong and what it may be."""

    def __init__(self, section: str, faults: Mapping[str, str]) -> None:
        super().__init__(
            f"Settings “{SECTIONS[section].title}” were not changed: " + " ".join(faults.values())
        )
        self.faults = dict(faults)


class SettingsChangedMeanwhileError(Exception):
    """Somebody else saved the section after the form was opened; nothing was overwritten."""


def read_all(session: ScopedSession) -> CampusSettings:
    """The campus's settings with the defaults filled in."""
    return CampusSettings(*settings_store.all_sections(session))


def read_section(session: ScopedSession, section: str) -> tuple[dict[str, Any], int]:
    """One section with the defaults filled in, and its version (0: never stored)."""
    row = settings_store.section_row(session, section)
    return {**SECTIONS[section].defaults(), **(row.value if row else {})}, row.version if row else 0


def change_section(
    session: ScopedSession,
    section: str,
    raw: Mapping[str, str],
    *,
    actor: Actor,
    expected_version: int | None = None,
    alma_hosts: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Check and store what a form sent, in the caller's transaction; returns the stored values.

    Raises: SettingsRefusedError with every fault; SettingsChangedMeanwhileError when the stored version is not
    ``expected_version``.
    """
    declared = SECTIONS[section]
    values, faults = parse_section(declared, raw)
    faults |= _deeper_faults(declared, values, faults, alma_hosts)
    if section == "alma" and "institution_code" not in faults:
        faults |= _institution_faults(values["institution_code"], _registered_institution(session))
    if faults:
        raise SettingsRefusedError(section, faults)
    store_values(session, section, values, actor=actor, expected_version=expected_version)
    return values


def store_values(
    session: ScopedSession,
    section: str,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    expected_version: int | None = None,
) -> None:
    """Store checked values of a section (other stored fields stay) and record what changed."""
    row = settings_store.section_row(session, section, lock=True)
    if expected_version is not None and (row.version if row else 0) != expected_version:
        raise SettingsChangedMeanwhileError(
            f"“{SECTIONS[section].title}” was changed by somebody else since you opened it. Nothing was "
            "overwritten; open it again and repeat your change."
        )
    before = {**SECTIONS[section].defaults(), **(row.value if row else {})}
    after = {**before, **values}
    if row is None:
        row = TenantSetting(section=section, version=0)
        session.add(row)
    elif before == after:
        return
    row.value, row.version = after, row.version + 1
    row.updated_by, row.updated_at = actor.person_id, func.now()
    changed = [name for name in after if after[name] != before.get(name)]
    audit.record(
        session,
        actor=actor,
        action="settings.changed",
        subject=section,
        before={name: before.get(name) for name in changed},
        after={name: after[name] for name in changed},
    )


def put_secret(session: ScopedSession, vault: Vault, name: str, plain: str, *, actor: Actor) -> None:
    """Seal and store a secret; the audit log says that it changed, never what it is."""
    sealed = vault.seal(plain, tenant_id=_tenant(session), table="tenant_secret", row=name, field="sealed")
    settings_store.store_secret(session, name, sealed, actor.person_id)
    audit.record(session, actor=actor, action="secret.changed", subject=name)


def open_secret(session: ScopedSession, vault: Vault, name: str) -> str | None:
    """The plain text of a secret, or None when it is not set."""
    sealed = settings_store.sealed_secret(session, name)
    if sealed is None:
        return None
    return vault.open(sealed, tenant_id=_tenant(session), table="tenant_secret", row=name, field="sealed")


def secrets_set(session: ScopedSession) -> set[str]:
    """The names of the secrets that are set."""
    return settings_store.secret_names(session)


def _registered_institution(session: ScopedSession) -> str:
    return session.get_one(Tenant, _tenant(session)).alma_institution


def _institution_faults(typed: str, registered: str) -> dict[str, str]:
    """Calls are counted by institution: another campus's code would use up that campus's calls."""
    if not registered or typed == registered:
        return {}
    return {
        "institution_code": f"Institution code must be {registered}, the one this campus is registered with. If that "
        "is wrong, ask whoever runs Feebridge for the consortium."
    }


def _tenant(session: ScopedSession) -> int:
    assert session.tenant_id is not None  # noqa: S101 - callers are inside tenant_scope
    return session.tenant_id


def _deeper_faults(
    section: Section, values: Mapping[str, Any], known: Mapping[str, str], alma_hosts: tuple[str, ...]
) -> dict[str, str]:
    """Faults that take more than the field's own form to see; fields already at fault are left alone."""
    found: dict[str, str] = {}
    match section.name:
        case "files":
            found["file_name"] = " ".join(check_pattern(values.get("file_name", "x")))
        case "mail_template":
            found = {name: _template_fault(values.get(name, "")) for name in ("subject", "body")}
        case "alma" if alma_hosts and values.get("base_url", "").rstrip("/") not in alma_hosts:
            found["base_url"] = "API address must be one of " + ", ".join(alma_hosts) + "."
        case "mapping":
            faults = code_faults(values.get("codes_by_type", {}))
            found["codes_by_type"] = (
                f"{section.field('codes_by_type').label}: {'; '.join(faults)}." if faults else ""
            )
        case "delivery" if values.get("sftp_enabled"):
            missing = [name for name in ("sftp_host", "sftp_username") if not values.get(name)]
            found = {n: f"{section.field(n).label} must be filled in to deliver by SFTP." for n in missing}
    return {name: fault for name, fault in found.items() if fault and name not in known}


def _template_fault(template: str) -> str:
    try:
        check_template(template)
    except TemplateError as err:
        return str(err)
    return ""
