"""What every command needs: settings, the built-in services where none are named, the core application."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.app import create_core
from webapp.cli.errors import (
    EXIT_INTERRUPTED,
    EXIT_NEEDS_APPROVAL,
    EXIT_NOT_REACHABLE,
    EXIT_RUN_FAILED,
    EXIT_STILL_RUNNING,
    EXIT_USAGE,
    CommandError,
)
from webapp.config import ConfigError, Settings, load_settings
from webapp.embedded import EmbeddedServiceError, ensure_services
from webapp.migrate import migrate
from webapp.models import Tenant, db
from webapp.models.scope import person_scope
from webapp.store.tenants import tenants_by_id

__all__ = [
    "EXIT_INTERRUPTED",
    "EXIT_NEEDS_APPROVAL",
    "EXIT_NOT_REACHABLE",
    "EXIT_RUN_FAILED",
    "EXIT_STILL_RUNNING",
    "EXIT_USAGE",
    "CommandError",
    "all_tenants",
    "find_tenant",
    "opened_core",
    "opened_settings",
]


@contextmanager
def opened_settings() -> Iterator[Settings]:
    """The settings, with built-in services started (and migrated) where none are named, for as long as the block."""
    try:
        held = ensure_services(os.environ)
        settings = load_settings(os.environ)
    except (ConfigError, EmbeddedServiceError) as err:
        raise CommandError(str(err), EXIT_NOT_REACHABLE) from err
    try:
        if held:
            migrate(settings.owner_database_url)
        yield settings
    finally:
        for server in reversed(held):
            server.release()


@contextmanager
def opened_core() -> Iterator[Settings]:
    """``opened_settings`` inside the core application's context, so that scopes work."""
    with opened_settings() as settings, create_core(settings).app_context():
        try:
            yield settings
        finally:
            for engine in db.engines.values():
                engine.dispose()


def find_tenant(slug: str) -> Tenant:
    """The campus of that short name. Raises: CommandError naming the ones there are."""
    tenants = {tenant.slug: tenant for tenant in all_tenants()}
    if slug not in tenants:
        known = ", ".join(tenants) or "none yet; add one with: feebridge tenants add"
        raise CommandError(f"There is no campus “{slug}”. Campuses: {known}.")
    return tenants[slug]


def all_tenants() -> list[Tenant]:
    """Every campus, by short name."""
    with person_scope(None) as session:
        return sorted(tenants_by_id(session).values(), key=lambda tenant: tenant.slug)
