"""Tokens by which programs name their campus: the last part of a webhook's address, and the API's bearer token.

A token begins with the campus's number, so that exactly one campus is asked whether it is the right one; the rest is
chance, and only its hash is ever compared.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from webapp.config import Settings
from webapp.models import Tenant
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.change_settings import vault_of

HOOK_FIELD = "webhook_token"
API_SECRET = "api_token"  # noqa: S105 - the name of a setting
_HOOK = re.compile(r"([1-9][0-9]{0,8})-[A-Za-z0-9_-]{20,52}")
_API = re.compile(r"fb_([1-9][0-9]{0,8})_[A-Za-z0-9_-]{30,60}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The campus that a program speaks for."""

    tenant_id: int
    slug: str
    name: str


def make_hook_token(tenant_id: int, actor: Actor) -> str:
    """A new last part for the campus's webhook address; the old address is no longer answered."""
    token = f"{tenant_id}-{secrets.token_hex(16)}"
    with tenant_scope(tenant_id) as session:
        campus_settings.store_values(session, "arrival", {HOOK_FIELD: token}, actor=actor)
        session.commit()
    return token


def make_api_token(tenant_id: int, settings: Settings, actor: Actor) -> str:
    """A new API token, to be shown this once; the old one is no longer let in."""
    token = f"fb_{tenant_id}_{secrets.token_urlsafe(32)}"
    with tenant_scope(tenant_id) as session:
        campus_settings.put_secret(session, vault_of(settings), API_SECRET, token, actor=actor)
        session.commit()
    return token


def campus_of_hook(token: str) -> Caller | None:
    """The campus whose webhook address ends so."""
    match = _HOOK.fullmatch(token)
    if match is None:
        return None
    with tenant_scope(int(match[1])) as session:
        stored = campus_settings.read_section(session, "arrival")[0][HOOK_FIELD]
        return _caller(session) if _is_same(token, stored) else None


def campus_of_bearer(token: str, settings: Settings) -> Caller | None:
    """The campus whose API token this is."""
    match = _API.fullmatch(token)
    if match is None:
        return None
    with tenant_scope(int(match[1])) as session:
        stored = campus_settings.open_secret(session, vault_of(settings), API_SECRET)
        return _caller(session) if _is_same(token, stored or "") else None


def _caller(session: ScopedSession) -> Caller | None:
    tenant = session.get(Tenant, session.tenant_id)
    return Caller(tenant.id, tenant.slug, tenant.name) if tenant and tenant.is_active else None


def _is_same(given: str, stored: str) -> bool:
    hashes = (hashlib.sha256(text.encode()).digest() for text in (given, stored))
    return bool(stored) and hmac.compare_digest(*hashes)
