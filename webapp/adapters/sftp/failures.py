"""What went wrong on an SFTP line, in words that a librarian or campus IT can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import OutsideError, PermanentError, RetryableError, UnknownOutcomeError
from webapp.adapters.sftp import client

if TYPE_CHECKING:
    from webapp.adapters.sftp.client import StatusError
    from webapp.adapters.sftp.target import SftpTarget
    from webapp.adapters.watchdog import Watchdog


def _how(watchdog: Watchdog, err: Exception) -> str:
    if watchdog.expired:
        return f"gave no answer: {watchdog.expired}"
    if isinstance(err, TimeoutError) or "imeout" in str(err):
        return f"gave no answer within {watchdog.stall_s:g} s"
    return "cut the line"


def line_lost(target: SftpTarget, watchdog: Watchdog, err: Exception, when: str) -> RetryableError:
    """The line went dead at a moment when nothing can have reached its final name."""
    return RetryableError(
        f"{target.host} {_how(watchdog, err)} {when}. Nothing stands under the final name; it is tried again.",
        evidence={"error": f"{type(err).__name__}: {err}"[:300]},
    )


def answer_lost(
    target: SftpTarget, watchdog: Watchdog, err: Exception, name: str, act: str
) -> UnknownOutcomeError:
    """The line went dead after the act was asked for: it may or may not be done."""
    return UnknownOutcomeError(
        f"{target.host} {_how(watchdog, err)} after it was asked to {act} {name}, so it is not known whether the file "
        "was delivered. Feebridge looks on the server before anything is sent again.",
        evidence={"file": name, "error": f"{type(err).__name__}: {err}"[:300]},
    )


def refused(target: SftpTarget, err: StatusError, act: str, name: str) -> OutsideError:
    """The server said no to ``act`` ("write", "rename" …) on ``name``."""
    evidence = {"code": str(err.code), "server_said": err.text[:300], "file": name}
    where = f"{target.host} refused to {act} {name} in {target.directory or 'the log-in folder'}"
    words = err.text.lower()
    if err.code == client.QUOTA_EXCEEDED or "quota" in words:
        return RetryableError(
            f"{where}: the quota of user {target.username!r} is used up. Ask for room, or for old files to be "
            "fetched; it is tried again.",
            evidence=evidence,
        )
    if err.code == client.NO_SPACE or "space" in words or "disk full" in words:
        return RetryableError(
            f"{where}: its disk is full. Tell its administrator; it is tried again.", evidence=evidence
        )
    if err.code == client.NO_SUCH_FILE:
        return PermanentError(
            f"{where}: the folder does not exist, or is not open to user {target.username!r}. "
            "Correct the folder in the SFTP settings or have it made.",
            evidence=evidence,
        )
    if err.code in {client.PERMISSION_DENIED, client.WRITE_PROTECTED}:
        return PermanentError(
            f"{where}: user {target.username!r} may not do that there. Ask the server's administrator for the right.",
            evidence=evidence,
        )
    if err.code == client.UNSUPPORTED:
        return PermanentError(f"{where}: it cannot do that at all.", evidence=evidence)
    return RetryableError(
        f"{where} and gave no reason ({err.text or 'no words'!r}). Most often its disk or the user's quota is full. "
        "It is tried again; if it stays so, ask its administrator.",
        evidence=evidence,
    )
