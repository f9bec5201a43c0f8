"""The SFTP requests Feebridge needs, on paramiko's protocol layer, with every answer looked at.

paramiko's own upload drops the answers to the last hundred pipelined writes and to the closing of the file; a
full disk would go unseen there. Here each write's answer and the close's answer count.
Protocol: draft-ietf-secsh-filexfer-02 (version 3); status codes above 8 from draft 13.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from typing import TYPE_CHECKING

import paramiko
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_DATA,
    CMD_HANDLE,
    CMD_OPEN,
    CMD_READ,
    CMD_STATUS,
    CMD_WRITE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_READ,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    SFTPError,
    int64,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CHUNK_BYTES = 32 * 1024
WRITES_IN_FLIGHT = 64
READS_IN_FLIGHT = 32

OK = 0
END_OF_FILE = 1
NO_SUCH_FILE = 2
PERMISSION_DENIED = 3
FAILURE = 4
UNSUPPORTED = 8
ALREADY_EXISTS = 11
WRITE_PROTECTED = 12
NO_SPACE = 14
QUOTA_EXCEEDED = 15

# Everything paramiko raises when a line is cut, stalls or talks nonsense. A refusal in words is a StatusError.
LINE_ERRORS = (EOFError, OSError, paramiko.SSHException, SFTPError)


class StatusError(Exception):
    """The server answered a request with a refusal: a definite answer, the line is well."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text or 'no words'} (code {code})")
        self.code = code
        self.text = text


class _WriteAnswers:
    """Counts the writes not yet answered, and raises the first refusal."""

    def __init__(self, convert: Callable[[paramiko.Message], None]) -> None:
        self.outstanding = 0
        self.given_up = False
        self._convert = convert

    def _async_response(self, kind: int, message: paramiko.Message, _number: int) -> None:
        self.outstanding -= 1
        if self.given_up:
            return
        if kind != CMD_STATUS:
            raise SFTPError("Expected a status in answer to a write")
        self._convert(message)


class _ReadAnswers:
    """Keeps the answers to reads asked for ahead, by request number, until their turn comes."""

    def __init__(self, convert: Callable[[paramiko.Message], None]) -> None:
        self.waiting: dict[int, tuple[int, paramiko.Message]] = {}
        self._convert = convert

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        self.waiting[number] = (kind, message)

    def content(self, number: int) -> bytes:
        """The bytes of one answer; empty at the file's end. Raises: StatusError, SFTPError."""
        kind, message = self.waiting.pop(number)
        if kind == CMD_DATA:
            return message.get_binary()
        if kind != CMD_STATUS:
            raise SFTPError("Expected data in answer to a read")
        with contextlib.suppress(EOFError):
            self._convert(message)
        return b""


class SftpRequests(paramiko.SFTPClient):
    """paramiko's client with refusals as StatusError, and uploads whose every answer is read."""

    if TYPE_CHECKING:

        def _request(self, kind: int, *args: object) -> tuple[int, paramiko.Message]: ...
        def _async_request(self, answers: object, kind: int, *args: object) -> int: ...
        def _read_response(
            self, waitfor: int | None = None
        ) -> tuple[int | None, paramiko.Message | None]: ...

    def _convert_status(self, message: paramiko.Message) -> None:
        code = message.get_int()
        text = message.get_text()
        if code == END_OF_FILE:
            # paramiko's listing relies on this one
            raise EOFError(text)
        if code != OK:
            raise StatusError(code, text)

    def size_of(self, path: str) -> int | None:
        """The size in bytes of the file at ``path``, or None if there is none."""
        try:
            return self.stat(path).st_size or 0
        except StatusError as err:
            if err.code == NO_SUCH_FILE:
                return None
            raise

    def size_if_shown(self, path: str) -> int | None:
        """As ``size_of``, and None too if the server does not let us look."""
        with contextlib.suppress(StatusError):
            return self.size_of(path)
        return None

    def upload(
        self, path: str, chunks: Iterable[bytes], *, replace: bool, progress: Callable[[], None]
    ) -> None:
        """Write ``chunks`` to ``path``; returns when the server has confirmed every write and the close.

        Without ``replace`` the file must not exist yet. ``progress`` is called whenever something moved.
        """
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | (SFTP_FLAG_TRUNC if replace else SFTP_FLAG_EXCL)
        handle = self._open_handle(path, flags)
        answers = _WriteAnswers(self._convert_status)
        offset = 0
        try:
            for chunk in chunks:
                self._async_request(answers, CMD_WRITE, handle, int64(offset), chunk)
                answers.outstanding += 1
                offset += len(chunk)
                self._await(answers, WRITES_IN_FLIGHT, progress)
            self._await(answers, 0, progress)
        except StatusError:
            answers.given_up = True
            with contextlib.suppress(StatusError, *LINE_ERRORS):
                self._request(CMD_CLOSE, handle)
            raise
        self._request(CMD_CLOSE, handle)
        progress()

    def sha256_of(self, path: str, *, progress: Callable[[], None]) -> str:
        """The sha256 (hex) of what the server holds at ``path``, read back."""
        handle = self._open_handle(path, SFTP_FLAG_READ)
        digest = hashlib.sha256()
        offset = 0
        while True:
            try:
                kind, message = self._request(CMD_READ, handle, int64(offset), CHUNK_BYTES)
            except EOFError:
                break
            if kind != CMD_DATA:
                raise SFTPError("Expected data in answer to a read")
            content = message.get_binary()
            digest.update(content)
            offset += len(content)
            progress()
        self._request(CMD_CLOSE, handle)
        return digest.hexdigest()

    def download(
        self, path: str, size: int, take: Callable[[bytes], object], *, progress: Callable[[], None]
    ) -> int:
        """Hand the bytes at ``path`` to ``take`` in order, as long as ``size`` says; returns how many there were.

        One more than ``size`` if the file has grown. Reads are asked for ahead: a far server would else cost a round
        trip for every 32 KiB.
        """
        handle = self._open_handle(path, SFTP_FLAG_READ)
        answers = _ReadAnswers(self._convert_status)
        asked: deque[tuple[int, int, int]] = deque()
        next_offset = received = 0
        is_over = False
        while not is_over:
            while len(asked) < READS_IN_FLIGHT and next_offset <= size:
                length = min(CHUNK_BYTES, size - next_offset) or 1
                asked.append((self._ask(answers, handle, next_offset, length), next_offset, length))
                next_offset += length
            if not asked:
                break
            number, offset, length = asked.popleft()
            piece = self._piece(answers, number, progress)
            while piece and len(piece) < length:
                more = self._piece(
                    answers, self._ask(answers, handle, offset + len(piece), length - len(piece)), progress
                )
                if not more:
                    break
                piece += more
            take(piece)
            received += len(piece)
            is_over = len(piece) < length
        for number, _offset, _length in asked:
            self._piece(answers, number, progress)
        self._request(CMD_CLOSE, handle)
        return received

    def _ask(self, answers: _ReadAnswers, handle: bytes, offset: int, length: int) -> int:
        return self._async_request(answers, CMD_READ, handle, int64(offset), length)

    def _piece(self, answers: _ReadAnswers, number: int, progress: Callable[[], None]) -> bytes:
        while number not in answers.waiting:
            self._read_response()
        progress()
        return answers.content(number)

    def _open_handle(self, path: str, flags: int) -> bytes:
        kind, message = self._request(CMD_OPEN, path, flags, paramiko.SFTPAttributes())
        if kind != CMD_HANDLE:
            raise SFTPError("Expected a handle in answer to an open")
        return message.get_binary()

    def _await(self, answers: _WriteAnswers, most: int, progress: Callable[[], None]) -> None:
        while answers.outstanding > most:
            self._read_response()
            progress()
        progress()
