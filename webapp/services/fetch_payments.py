"""Take in the files of payments, and lists of holds and students, that wait where the campus's settings say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from webapp.adapters.errors import PermanentError, RetryableError
from webapp.domain.bursar.policy import id_pattern
from webapp.models import Tenant
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.delivery_targets import (
    arrival_target,
    open_arrival_secrets,
    open_sftp_secrets,
    sftp_target,
)
from webapp.services.fetch_arrivals import Place, SftpPlace
from webapp.services.receive_file import Origin, Received, receive_file, refuse_unread
from webapp.services.watched_folder import WatchedFolder
from webapp.store import inbound

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.adapters.sftp.pick_up import Arrival
    from webapp.adapters.vault import Vault
    from webapp.config import Settings
    from webapp.domain.campus_settings import CampusSettings
    from webapp.models.scope import ScopedSession
    from webapp.services.audit import Actor

MOST_AT_ONCE: Final = 50


def fetch_payments(
    tenant_id: int, settings: Settings, vault: Vault, *, actor: Actor, wait: Callable[[float], object]
) -> list[Received]:
    """Every new, complete file of payments; they stay where they are, and are known again by name, size and time.

    A file is complete when two looks, the campus's ``settle_s`` seconds apart, show the same size and time; ``wait`` is
    called with these seconds in between, and only when something new is there.

    Raises: RetryableError, PermanentError.
    """
    with tenant_scope(tenant_id) as session:
        campus = read_all(session)
        place = _place(session, settings, vault, campus)
    patterns = [id_pattern(pattern) for pattern in campus["payments"]["files"]]
    if place is None or not patterns or not campus["payments"]["layout"]:
        return []
    way = "folder" if campus["payments"]["place"] == "folder" else "sftp"
    taker = _Taker(tenant_id, settings, actor, place, way, "payments")
    return taker.take(patterns, wait, float(campus["arrival"]["settle_s"]))


def fetch_hold_lists(
    tenant_id: int, settings: Settings, vault: Vault, *, actor: Actor, wait: Callable[[float], object]
) -> list[Received]:
    """The same of PeopleSoft's own lists of holds on the server of Delivery. Raises: RetryableError, PermanentError."""
    with tenant_scope(tenant_id) as session:
        section = read_all(session)["reconciliation"]
    names = section["hold_list_files"] if section["hold_list_layout"] else []
    lists = _Lists("hold_list", names, section["hold_list_directory"])
    return _fetch_lists(tenant_id, settings, vault, lists, actor=actor, wait=wait)


def fetch_student_lists(
    tenant_id: int, settings: Settings, vault: Vault, *, actor: Actor, wait: Callable[[float], object]
) -> list[Received]:
    """The same of the registrar's lists of students. Raises: RetryableError, PermanentError."""
    with tenant_scope(tenant_id) as session:
        section = read_all(session)["arrival"]
    lists = _Lists("student_list", section["student_list_files"], section["student_list_directory"])
    return _fetch_lists(tenant_id, settings, vault, lists, actor=actor, wait=wait)


@dataclass(frozen=True, slots=True)
class _Lists:
    kind: str
    names: list[str]
    directory: str


def _fetch_lists(
    tenant_id: int,
    settings: Settings,
    vault: Vault,
    lists: _Lists,
    *,
    actor: Actor,
    wait: Callable[[float], object],
) -> list[Received]:
    with tenant_scope(tenant_id) as session:
        campus = read_all(session)
        if not lists.names or not campus["delivery"]["sftp_enabled"]:
            return []
        target = sftp_target(settings, campus["delivery"], campus["files"], open_sftp_secrets(session, vault))
    place = SftpPlace(
        replace(target, directory=lists.directory or target.directory), settings.inbound_limit_mb << 20
    )
    taker = _Taker(tenant_id, settings, actor, place, "sftp", lists.kind)
    patterns = [id_pattern(name) for name in lists.names]
    return taker.take(patterns, wait, float(campus["arrival"]["settle_s"]))


def _place(session: ScopedSession, settings: Settings, vault: Vault, campus: CampusSettings) -> Place | None:
    section = campus["payments"]
    if section["place"] == "folder":
        return WatchedFolder(settings.inbound_root, session.get_one(Tenant, session.tenant_id).slug)
    if section["place"] == "delivery":
        if not campus["delivery"]["sftp_host"]:
            raise PermanentError(
                "Files of payments are to be looked for on the server of Delivery, and none is named there. Nothing was "
                "looked at; name it, or choose another place on the settings page Payments from PeopleSoft."
            )
        target = sftp_target(settings, campus["delivery"], campus["files"], open_sftp_secrets(session, vault))
    elif section["place"] == "arrival":
        target = arrival_target(settings, campus["arrival"], open_arrival_secrets(session, vault))
    else:
        return None
    directory = section["directory"] or target.directory
    return SftpPlace(replace(target, directory=directory), settings.inbound_limit_mb << 20)


class _Taker:
    """Takes complete files in, one after the other."""

    def __init__(
        self, tenant_id: int, settings: Settings, actor: Actor, place: Place, way: str, kind: str
    ) -> None:
        self._tenant_id, self._settings, self._actor = tenant_id, settings, actor
        self._place, self._way, self._kind = place, way, kind

    def take(self, patterns: list[Any], wait: Callable[[float], object], settle_s: float) -> list[Received]:
        """Every new file whose name fits one of the patterns."""

        def is_wanted(name: str) -> bool:
            return any(pattern.fullmatch(name) for pattern in patterns)

        new = self._unread(self._place.look(is_wanted))
        if not new:
            return []
        wait(settle_s)
        there = set(self._place.look(is_wanted))
        return self._receive_all([one for one in new if one in there][:MOST_AT_ONCE])

    def _receive_all(self, settled: list[Arrival]) -> list[Received]:
        """Each file's outcome; one that cannot be read just now does not hold up the others."""
        received: list[Received] = []
        failure: RetryableError | None = None
        for one in settled:
            try:
                received.append(self._receive(one))
            except RetryableError as err:
                failure = err
        if failure is not None and not received:
            raise failure
        return received

    def _unread(self, there: list[Arrival]) -> list[Arrival]:
        with tenant_scope(self._tenant_id) as session:
            return [
                one
                for one in there
                if not inbound.is_known_there(
                    session,
                    place=self._place.place,
                    name=one.name,
                    size=one.size,
                    modified_at=one.modified_at,
                )
            ]

    def _receive(self, one: Arrival) -> Received:
        origin = Origin(self._kind, self._way, one.name, self._place.place, one.modified_at)
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
            submit=False,
        )
