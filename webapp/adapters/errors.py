"""How the outside world fails: three kinds, and every adapter raises one of them.

An adapter never lets a library's own exception out. What it raises decides what the run does next:
*retryable* is tried again, backed off; *permanent* stops the run and says why in words a librarian can
act on; *unknown* means the effect may or may not have happened, and is settled by looking, never by
sending again.
"""

from __future__ import annotations


class OutsideError(Exception):
    """Something outside Feebridge failed.

    ``message`` is a sentence for people: what happened, to which file, row or id, what was not lost, what to do.
    ``evidence`` holds redacted technical facts (a tracking id, a status code, a server's words) for the run page.
    """

    def __init__(self, message: str, *, evidence: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.evidence = evidence or {}


class RetryableError(OutsideError):
    """Surely had no effect, and may work later. ``retry_after_s`` is the least wait in seconds, if one is known."""

    def __init__(
        self, message: str, *, evidence: dict[str, str] | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, evidence=evidence)
        self.retry_after_s = retry_after_s


class PermanentError(OutsideError):
    """Will not work again without a person changing something."""


class UnknownOutcomeError(OutsideError):
    """The effect may or may not have happened; read the other side before anything else."""
