"""Which keys an SFTP server may show: confirmed by a person who compared them, each act in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable

from webapp.domain.campus_settings.delivery_section import FINGERPRINT
from webapp.models.scope import tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor

MOST_KEYS = 5


class HostKeyRefusedError(Exception):
    """The key was not stored; the message says why."""


def confirm_host_key(
    tenant_id: int,
    fingerprint: str,
    *,
    host: str,
    actor: Actor,
    replaces_others: bool = False,
    section: str = "delivery",
) -> list[str]:
    """Trust a key from now on, beside those confirmed before or (``replaces_others``) instead of them.

    ``section`` is the settings section that names the server: ``delivery``, or ``arrival``. ``host`` is the server it was compared for: if the settings name another one by now, nothing is stored. Returns the
    keys now confirmed.

    Raises: HostKeyRefusedError.
    """
    fingerprint = _normal(fingerprint)

    def added(keys: list[str]) -> list[str]:
        kept = [] if replaces_others else [key for key in keys if _normal(key) != fingerprint]
        if len(kept) >= MOST_KEYS:
            raise HostKeyRefusedError(
                f"{MOST_KEYS} keys are confirmed already. Remove those the server no longer has."
            )
        return [*kept, fingerprint]

    return _change(tenant_id, section, host, actor, added)


def forget_host_key(
    tenant_id: int, fingerprint: str, *, host: str, actor: Actor, section: str = "delivery"
) -> list[str]:
    """Trust a key no longer; returns the keys still confirmed. Raises: HostKeyRefusedError."""
    fingerprint = _normal(fingerprint)

    def without(keys: list[str]) -> list[str]:
        kept = [key for key in keys if _normal(key) != fingerprint]
        if len(kept) == len(keys):
            raise HostKeyRefusedError("That key is not among the confirmed ones; nothing was changed.")
        return kept

    return _change(tenant_id, section, host, actor, without)


def _change(
    tenant_id: int, section: str, host: str, actor: Actor, changed: Callable[[list[str]], list[str]]
) -> list[str]:
    with tenant_scope(tenant_id) as session:
        values, version = campus_settings.read_section(session, section)
        if values["sftp_host"] != host:
            raise HostKeyRefusedError(
                f"The host was changed to {values['sftp_host'] or 'none'} meanwhile, so the key of {host} was not "
                "stored. Test the connection again."
            )
        keys = changed(list(values["sftp_host_keys"]))
        try:
            campus_settings.store_values(
                session, section, {"sftp_host_keys": keys}, actor=actor, expected_version=version
            )
        except campus_settings.SettingsChangedMeanwhileError as err:
            raise HostKeyRefusedError(str(err)) from err
        session.commit()
        return keys


def _normal(fingerprint: str) -> str:
    """The fingerprint as ssh-keygen prints it: no padding at the end. Raises: HostKeyRefusedError."""
    text = fingerprint.strip()
    if not re.fullmatch(FINGERPRINT, text):
        raise HostKeyRefusedError(
            f"{text[:80]!r} is not a fingerprint. It looks like SHA256: and 43 letters and digits, as "
            "ssh-keygen -l prints it."
        )
    return text.rstrip("=")
