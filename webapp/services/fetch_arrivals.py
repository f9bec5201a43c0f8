"""Look where a campus's files arrive, and take in what lies there complete and was not read before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from webapp.adapters.errors import PermanentError, RetryableError
from webapp.adapters.sftp import SftpTarget
from webapp.adapters.sftp.pick_up import (
    Arrival,
    Aside,
    Sink,
    fetch,
    lies_there,
    list_arrivals,
    put_aside,
)
from webapp.config import Settings
from webapp.domain.arrivals import is_wanted
from webapp.models import Tenant
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.change_settings import vault_of
from webapp.services.delivery_targets import arrival_target, open_arrival_secrets
from webapp.services.receive_file import Origin, Received, receive_file, refuse_unread
from webapp.services.watched_folder import WatchedFolder
from webapp.store import inbound

ORIGINS = {"sftp": "sftp", "folder": "folder"}


class Place(Protocol):
    """Somewhere files are left for a campus."""

    @property
    def place(self) -> str:
        """Its address in words."""

    def look(self, wanted: Callable[[str], bool]) -> list[Arrival]:
        """What lies there."""

    def fetch(self, arrival: Arrival, sink: Sink) -> None:
        """One file's bytes."""

    def put_aside(self, arrival: Arrival, aside: Aside, *, before_effect: Callable[[], None]) -> str:
        """Rename or move one that was read."""

    def lies_there(self, arrival: Arrival) -> bool:
        """Whether it still lies there."""


@dataclass(frozen=True, slots=True)
class SftpPlace:
    """The campus's folder on an SFTP server."""

    target: SftpTarget
    limit_bytes: int

    @property
    def place(self) -> str:
        """Host and folder."""
        return self.target.place

    def look(self, wanted: Callable[[str], bool]) -> list[Arrival]:
        """As ``pick_up.list_arrivals``."""
        return list_arrivals(self.target, wanted)

    def fetch(self, arrival: Arrival, sink: Sink) -> None:
        """As ``pick_up.fetch``."""
        fetch(self.target, arrival, sink, limit_bytes=self.limit_bytes)

    def put_aside(self, arrival: Arrival, aside: Aside, *, before_effect: Callable[[], None]) -> str:
        """As ``pick_up.put_aside``."""
        return put_aside(self.target, arrival, aside, before_effect=before_effect)

    def lies_there(self, arrival: Arrival) -> bool:
        """As ``pick_up.lies_there``."""
        return lies_there(self.target, arrival)


def arrival_place(session: ScopedSession, settings: Settings) -> Place | None:
    """Where the campus's files arrive, as its settings stand; None when nothing is to be looked at."""
    arrival = campus_settings.read_all(session)["arrival"]
    if arrival["place"] == "sftp":
        if not arrival["sftp_host"]:
            raise PermanentError(
                "No SFTP server is named under “Where Alma's files arrive”, so nothing was looked at. Name it there, or "
                "choose that files are uploaded."
            )
        secrets = open_arrival_secrets(session, vault_of(settings))
        return SftpPlace(arrival_target(settings, arrival, secrets), settings.inbound_limit_mb << 20)
    if arrival["place"] == "folder":
        assert session.tenant_id is not None  # noqa: S101 - callers are inside tenant_scope
        return WatchedFolder(settings.inbound_root, session.get_one(Tenant, session.tenant_id).slug)
    return None


def aside_of(arrival: Mapping[str, Any]) -> Aside | None:
    """What becomes of a file that was read, from the settings section; None: it is left."""
    match arrival["afterwards"]:
        case "rename":
            return Aside("rename", arrival["rename_suffix"] or ".processed")
        case "archive":
            return Aside("archive", arrival["archive_folder"] or "old_xml")
    return None


def fetch_arrivals(
    tenant_id: int,
    settings: Settings,
    *,
    actor: Actor,
    wait: Callable[[float], object],
    submit: bool,
) -> list[Received]:
    """Take in every new, complete file at the campus's place; what was read before and left there is passed over.

    A file is complete when two looks, the campus's ``settle_s`` seconds apart, show the same size and time; ``wait``
    is called with these seconds in between, and only when something new is there. A file that is not complete stays
    for the next look. With ``submit`` each gets a run.

    Raises: RetryableError, PermanentError.
    """
    with tenant_scope(tenant_id) as session:
        arrival = campus_settings.read_all(session)["arrival"]
        place = arrival_place(session, settings)
    if place is None:
        return []
    wanted = partial(is_wanted, profile_code=arrival["profile_code"])
    new = _unread(tenant_id, place, place.look(wanted))
    if not new:
        return []
    wait(float(arrival["settle_s"]))
    there = set(place.look(wanted))
    settled = [one for one in new if one in there]
    taker = _Taker(tenant_id, settings, actor, place, ORIGINS[arrival["place"]], submit=submit)
    return taker.take(settled)


class _Taker:
    """Takes complete files in, one after the other."""

    def __init__(
        self, tenant_id: int, settings: Settings, actor: Actor, place: Place, way: str, *, submit: bool
    ) -> None:
        self._tenant_id, self._settings, self._actor = tenant_id, settings, actor
        self._place, self._way, self._submit = place, way, submit

    def take(self, settled: list[Arrival]) -> list[Received]:
        """Each file's outcome; one that cannot be read just now does not hold up the others."""
        received: list[Received] = []
        failure: RetryableError | None = None
        for one in settled:
            try:
                received.append(self._take_one(one))
            except RetryableError as err:
                failure = err
        if failure is not None and not received:
            raise failure
        return received

    def _take_one(self, one: Arrival) -> Received:
        origin = Origin("bursar_xml", self._way, one.name, self._place.place, one.modified_at)
        limit_mb = self._settings.inbound_limit_mb
        if one.size > limit_mb << 20:
            words = (
                f"{one.name} has {one.size:,} bytes; more than {limit_mb:,} MB are not taken in. It was left where it is. "
                "If a file of that size is right, ask whoever runs Feebridge to raise the limit."
            )
            return refuse_unread(self._tenant_id, origin, one.size, words, actor=self._actor)
        return receive_file(
            self._tenant_id,
            origin,
            partial(self._place.fetch, one),
            settings=self._settings,
            actor=self._actor,
            submit=self._submit,
        )


def _unread(tenant_id: int, place: Place, there: list[Arrival]) -> list[Arrival]:
    with tenant_scope(tenant_id) as session:
        return [
            one
            for one in there
            if not inbound.is_known_there(
                session, place=place.place, name=one.name, size=one.size, modified_at=one.modified_at
            )
        ]
