"""Seal a campus's secrets anew with the active key, for key rotation."""

from __future__ import annotations

from webapp.adapters.vault import Vault
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM, record
from webapp.store import campus_settings as settings_store


def rewrap_secrets(tenant_id: int, vault: Vault) -> int:
    """Returns how many secrets the campus has; each is now sealed with the active key."""
    with tenant_scope(tenant_id) as session:
        names = sorted(settings_store.secret_names(session))
        for name in names:
            sealed = settings_store.sealed_secret(session, name)
            assert sealed is not None  # noqa: S101 - the name was just read
            anew = vault.rewrap(sealed, tenant_id=tenant_id, table="tenant_secret", row=name, field="sealed")
            settings_store.store_secret(session, name, anew, None)
        if names:
            record(session, actor=SYSTEM, action="secrets.rewrapped", subject=", ".join(names))
        session.commit()
        return len(names)
