"""Take in the load results that PeopleSoft's people leave on the delivery server. Nothing there is changed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from webapp.adapters.sftp.pick_up import fetch, list_arrivals
from webapp.domain.bursar.policy import id_pattern
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.delivery_targets import open_sftp_secrets, sftp_target
from webapp.services.receive_file import Origin, Received, receive_file
from webapp.store import inbound

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.adapters.sftp import SftpTarget
    from webapp.adapters.sftp.pick_up import Arrival
    from webapp.adapters.vault import Vault
    from webapp.config import Settings
    from webapp.services.audit import Actor

MOST_AT_ONCE: Final = 50


def fetch_load_results(
    tenant_id: int, settings: Settings, vault: Vault, *, actor: Actor, wait: Callable[[float], object]
) -> list[Received]:
    """Every new, complete load result in the campus's folder; they stay there, and are known again by name, size and time.

    A file is complete when two looks, the campus's ``settle_s`` seconds apart, show the same size and time; ``wait`` is
    called with these seconds in between, and only when something new is there.

    Raises: RetryableError, PermanentError.
    """
    with tenant_scope(tenant_id) as session:
        campus = read_all(session)
        arrival, delivery = campus["arrival"], campus["delivery"]
        patterns = [id_pattern(pattern) for pattern in arrival["load_result_files"]]
        if not patterns or not arrival["load_result_layout"] or not delivery["sftp_enabled"]:
            return []
        secrets = open_sftp_secrets(session, vault)
    target = sftp_target(settings, delivery, campus["files"], secrets)
    folder = arrival["load_result_directory"] or campus["bursar"]["directory"] or target.directory
    place = replace(target, directory=folder)

    def is_wanted(name: str) -> bool:
        return any(pattern.fullmatch(name) for pattern in patterns)

    new = _unread(tenant_id, place, list_arrivals(place, is_wanted))
    if not new:
        return []
    wait(float(arrival["settle_s"]))
    there = set(list_arrivals(place, is_wanted))
    settled = [one for one in new if one in there][:MOST_AT_ONCE]
    return [_receive(tenant_id, settings, place, one, actor) for one in settled]


def _unread(tenant_id: int, place: SftpTarget, there: list[Arrival]) -> list[Arrival]:
    with tenant_scope(tenant_id) as session:
        return [
            one
            for one in there
            if not inbound.is_known_there(
                session, place=place.place, name=one.name, size=one.size, modified_at=one.modified_at
            )
        ]


def _receive(tenant_id: int, settings: Settings, place: SftpTarget, one: Arrival, actor: Actor) -> Received:
    return receive_file(
        tenant_id,
        Origin("load_result", "sftp", one.name, place.place, one.modified_at),
        partial(fetch, place, one, limit_bytes=settings.inbound_limit_mb << 20),
        settings=settings,
        actor=actor,
        submit=False,
    )
