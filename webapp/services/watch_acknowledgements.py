"""Look whether PeopleSoft took the files of charges that lie on the delivery server. Nothing there is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from webapp.adapters.errors import OutsideError
from webapp.adapters.sftp.listing import list_folder
from webapp.domain.acknowledgements import sign_of_taking
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.campus_settings import read_all
from webapp.services.delivery_targets import open_sftp_secrets, sftp_target
from webapp.store import acknowledgements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from webapp.adapters.sftp import SftpTarget
    from webapp.adapters.vault import Vault
    from webapp.config import Settings
    from webapp.store.acknowledgements import AwaitedDelivery

_SERVER = ("host", "port", "username")
_MOST_NAMES = 100_000


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found: files taken since the last one, files still lying there, and why a folder could not be seen."""

    taken: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The look in one sentence; empty when there was nothing to look for."""
        parts = []
        if self.taken:
            parts.append(f"PeopleSoft took {', '.join(self.taken)}.")
        if self.waiting:
            parts.append(f"Not taken yet: {', '.join(self.waiting)}.")
        return " ".join([*parts, *self.notes])


def watch_acknowledgements(tenant_id: int, settings: Settings, vault: Vault) -> Look:
    """Look at the server for every delivered file of charges not known to be taken, and note what is seen.

    From now on each file has a time by which it must be taken, as the campus set it; past it, it is overdue. A server
    that cannot be asked is named in ``notes``; that is no error, since the next look will tell.
    """
    with tenant_scope(tenant_id) as session:
        campus = read_all(session)
        suffixes = tuple(campus["arrival"]["acknowledged_by"])
        hours = campus["arrival"]["acknowledged_within_h"] if suffixes else 0
        acknowledgements.await_until(session, tenant_id, hours or None)
        awaited = acknowledgements.awaited_deliveries(session, tenant_id) if suffixes else []
        target = None
        if awaited and campus["delivery"]["sftp_enabled"]:
            secrets = open_sftp_secrets(session, vault)
            target = sftp_target(settings, campus["delivery"], campus["files"], secrets)
        session.commit()
    if not awaited:
        return Look()
    folders, notes = _list(target, awaited)
    taken, waiting = [], []
    with tenant_scope(tenant_id) as session:
        for delivery in awaited:
            folder = folders.get(delivery.target["directory"]) if _same_server(target, delivery) else None
            sign = (
                sign_of_taking(folder, delivery.name, delivery.delivered_at, suffixes)
                if folder is not None
                else ""
            )
            if sign and acknowledgements.note_taken(session, tenant_id, delivery.delivery_id, sign):
                taken.append(delivery.name)
            elif not sign:
                waiting.append(delivery.name)
        session.commit()
    return Look(tuple(taken), tuple(waiting), tuple(notes))


def say_taken(tenant_id: int, delivery_id: int, actor: audit.Actor) -> bool:
    """A person says that PeopleSoft has the file; false when that was known already or there is no such delivery."""
    with tenant_scope(tenant_id) as session:
        noted = acknowledgements.note_taken(session, tenant_id, delivery_id, f"{actor.name} says so")
        if noted:
            subject = f"delivery/{delivery_id}"
            audit.record(session, actor=actor, action="delivery.taken", subject=subject)
        session.commit()
    return noted


def _same_server(target: SftpTarget | None, delivery: AwaitedDelivery) -> bool:
    return target is not None and all(getattr(target, name) == delivery.target.get(name) for name in _SERVER)


def _list(
    target: SftpTarget | None, awaited: list[AwaitedDelivery]
) -> tuple[dict[str, Mapping[str, datetime | None]], list[str]]:
    """What lies in each folder that files were put into; a folder that cannot be seen is missing, and noted."""
    here = [delivery for delivery in awaited if _same_server(target, delivery)]
    notes = []
    if len(here) < len(awaited):
        notes.append(
            f"{len(awaited) - len(here)} lie on a server that the settings no longer name, so nobody can look there."
        )
    found: dict[str, Mapping[str, datetime | None]] = {}
    for directory in sorted({delivery.target["directory"] for delivery in here}):
        assert target is not None  # noqa: S101 - deliveries are here only with a target
        try:
            listing = list_folder(replace(target, directory=directory), most=_MOST_NAMES)
        except OutsideError as err:
            notes.append(err.message)
        else:
            found[directory] = {entry.name: entry.modified_at for entry in listing.newest}
    return found, notes
