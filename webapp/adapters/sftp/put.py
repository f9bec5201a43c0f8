"""Deliver one file, so that a partial file never stands under its final name and nothing unread is overwritten."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, BinaryIO

from webapp.adapters.errors import OutsideError, RetryableError
from webapp.adapters.sftp.client import LINE_ERRORS, StatusError
from webapp.adapters.sftp.failures import answer_lost, line_lost, refused
from webapp.adapters.sftp.parcel import Parcel
from webapp.adapters.sftp.place import READ_BACK_LIMIT_BYTES, Place, choose_place, collision, remote_sha256
from webapp.adapters.sftp.renaming import discard, rename_into
from webapp.adapters.sftp.session import Session, open_session
from webapp.adapters.sftp.target import SftpReceipt, SftpTarget, check_name, temporary_name
from webapp.adapters.sftp.trigger import send_trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def put_file(
    target: SftpTarget,
    *,
    name: str,
    token: str,
    open_source: Callable[[], BinaryIO],
    size: int,
    sha256: str,
    before_effect: Callable[[], None],
    row_count: int | None = None,
    total_cents: int | None = None,
) -> SftpReceipt:
    """Deliver the bytes of ``open_source`` as ``name``; the receipt has the name it got.

    They travel as ``.<name>.<token>.part`` and are renamed when whole, or go straight to the final name where the
    receiver wants that. ``token`` is the delivery's own and stays the same over its attempts, so that an attempt
    clears what the one before left. ``before_effect`` is called just before the file can become visible; what it
    raises stops the delivery. A file already there with the same content is a delivered one.
    ``row_count`` and ``total_cents`` go into the control file, if one is asked for.

    Raises:
        RetryableError: not delivered, may work later.
        PermanentError: not delivered, a person must change something.
        UnknownOutcomeError: it may be delivered; ``settle_put`` looks.
    """
    check_name(name, token)
    parcel = Parcel(name, token, open_source, size, sha256, before_effect, row_count, total_cents)
    with open_session(target) as session:
        return _Delivery(session, parcel).run()


class _Delivery:
    def __init__(self, session: Session, parcel: Parcel) -> None:
        self.session = session
        self.parcel = parcel
        self.notes: list[str] = []
        self._fenced = False

    def run(self) -> SftpReceipt:
        target = self.session.target
        with self._worded("look for"):
            place = choose_place(self.session, self.parcel)
        if place.note:
            self.notes.append(place.note)
        temporary = target.path(temporary_name(self.parcel.name, self.parcel.token))
        with self._worded("look for an earlier part of"):
            is_whole = self._is_whole(temporary, place)
            if not is_whole:
                self._clear(temporary)
        if place.state == "delivered":
            self._fence()
        elif target.use_temporary_name:
            self._by_temporary_name(temporary, place, is_whole=is_whole)
        else:
            self._directly(place)
        if target.trigger_suffix:
            self._fence()
            send_trigger(self.session, self.parcel, place.name, target.trigger_suffix)
        return SftpReceipt(
            place.name, self.parcel.size, round(self.session.watchdog.elapsed_s, 3), tuple(self.notes)
        )

    def _by_temporary_name(self, temporary: str, place: Place, *, is_whole: bool) -> None:
        target = self.session.target
        if is_whole:
            self.notes.append("An earlier attempt had sent it all; only its name was missing.")
        else:
            with self._worded("take"):
                self._upload(temporary, _Stage(self.parcel.chunks()), replace=False)
                self._check_arrival(temporary)
        self._fence()
        try:
            self._rename(temporary, place)
        except LINE_ERRORS as err:
            raise answer_lost(target, self.session.watchdog, err, place.name, "rename the file to") from err

    def _is_whole(self, temporary: str, place: Place) -> bool:
        """Whether an earlier attempt's part is the whole file, of use under its final name.

        That attempt may only be frozen, right before its rename. Should it wake up now, it gives the final name to
        what lies here: that must never be a file just being written anew.
        """
        if not self.session.target.use_temporary_name or place.state == "delivered":
            return False
        if self._look(temporary) != self.parcel.size:
            return False
        return remote_sha256(self.session, temporary, self.parcel.size) == self.parcel.sha256

    def _rename(self, temporary: str, place: Place) -> None:
        try:
            rename_into(self.session, temporary, place)
        except OutsideError:
            if remote_sha256(self.session, place.path, self.parcel.size) != self.parcel.sha256:
                raise
            self.notes.append("An earlier attempt gave it its name meanwhile.")

    def _directly(self, place: Place) -> None:
        """Straight to the final name. The stored bytes are checked before the first of them can be seen there."""
        for _chunk in self.parcel.chunks():
            self.session.watchdog.touch()
        self._fence()
        stage = _Stage(self.parcel.chunks())
        try:
            self._upload(place.path, stage, replace=place.state == "replace")
            self._check_arrival(place.path)
        except LINE_ERRORS as err:
            raise self._cut_in_the_open(err, place, stage) from err
        except StatusError as err:
            if not stage.begun and place.state == "free" and self._look(place.path) is not None:
                raise collision(self.session, place.name) from err
            raise refused(self.session.target, err, "take", place.name) from err

    def _cut_in_the_open(self, err: Exception, place: Place, stage: _Stage) -> Exception:
        target, watchdog = self.session.target, self.session.watchdog
        if stage.ended:
            return answer_lost(target, watchdog, err, place.name, "take")
        lost = line_lost(target, watchdog, err, f"in the middle of {place.name}")
        return RetryableError(
            f"{target.host} was lost in the middle of {place.name}. A part of it may stand there under its final "
            "name, since the temporary name is switched off; the next attempt replaces it.",
            evidence=lost.evidence,
        )

    def _upload(self, path: str, stage: _Stage, *, replace: bool) -> None:
        """Write the file; if that is refused halfway (or the stored file fails us), take the part away again."""
        try:
            self.session.requests.upload(path, stage, replace=replace, progress=self.session.watchdog.touch)
        except (StatusError, OutsideError):
            if stage.begun:
                discard(self.session, path)
            raise

    def _check_arrival(self, path: str) -> None:
        target, parcel = self.session.target, self.parcel
        if target.check_size:
            there = self._look(path)
            if there is None:
                self.notes.append(
                    f"The server does not show {parcel.name}, so its size could not be checked."
                )
                return
            if there != parcel.size:
                discard(self.session, path)
                raise RetryableError(
                    f"{target.host} holds {there} of the {parcel.size} bytes of {parcel.name}. "
                    "What had arrived was taken away; it is tried again."
                )
        if target.read_back:
            self._read_back(path)

    def _read_back(self, path: str) -> None:
        parcel = self.parcel
        if parcel.size > READ_BACK_LIMIT_BYTES:
            self.notes.append(f"{parcel.name} is over 50 MB and was not read back.")
            return
        there = remote_sha256(self.session, path, parcel.size)
        if there is None:
            self.notes.append(f"The server does not let {parcel.name} be read back.")
        elif there != parcel.sha256:
            discard(self.session, path)
            raise RetryableError(
                f"{parcel.name} arrived on {self.session.target.host} with other content than was sent. "
                "It was taken away; it is tried again.",
                evidence={"sent": parcel.sha256, "arrived": there},
            )

    def _clear(self, temporary: str) -> None:
        if self._look(temporary) is not None:
            self.session.requests.remove(temporary)
            self.notes.append("A part left by an earlier attempt was cleared away.")

    def _look(self, path: str) -> int | None:
        return self.session.requests.size_if_shown(path)

    def _fence(self) -> None:
        if not self._fenced:
            self.session.watchdog.touch()
            self.parcel.before_effect()
            self.session.watchdog.touch()
        self._fenced = True

    @contextlib.contextmanager
    def _worded(self, act: str) -> Iterator[None]:
        """For everything before the file can be visible: the line's errors are retryable, a refusal says why."""
        target = self.session.target
        try:
            yield
        except StatusError as err:
            raise refused(target, err, act, self.parcel.name) from err
        except LINE_ERRORS as err:
            when = f"when it was asked to {act} {self.parcel.name}"
            raise line_lost(target, self.session.watchdog, err, when) from err


class _Stage:
    """The chunks, and how far they got: not begun (the file was not opened), begun, or all handed over."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.begun = False
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.begun = True
        try:
            return next(self._chunks)
        except StopIteration:
            self.ended = True
            raise
