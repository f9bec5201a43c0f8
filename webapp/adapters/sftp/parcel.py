"""The file on its way: its fixed bytes, checked again as they leave."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from webapp.adapters.errors import PermanentError, RetryableError
from webapp.adapters.sftp.client import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file to hand over. ``size`` in bytes and ``sha256`` (hex) were fixed when it was built."""

    name: str
    token: str
    open_source: Callable[[], BinaryIO]
    size: int
    sha256: str
    before_effect: Callable[[], None]
    row_count: int | None = None
    total_cents: int | None = None

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces of 32 KiB; the end is reached only if size and sha256 are as they were fixed.

        Raises:
            PermanentError: the stored file is not the one that was built.
            RetryableError: it cannot be read just now.
        """
        digest = hashlib.sha256()
        size = 0
        try:
            with self.open_source() as source:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    yield chunk
        except OSError as err:
            raise RetryableError(
                f"The stored file {self.name} could not be read: {err.strerror or err}. It is tried again."
            ) from err
        if size != self.size or digest.hexdigest() != self.sha256:
            raise PermanentError(
                f"The stored file {self.name} is not the one that was built: {size} bytes instead of {self.size}, "
                "or other content. It was not delivered. Run again to build it anew.",
                evidence={"sha256": digest.hexdigest(), "expected": self.sha256},
            )

    def sha256_of_beginning(self, size: int) -> str:
        """The sha256 (hex) of the first ``size`` bytes, to recognise a part of ourselves."""
        digest = hashlib.sha256()
        left = size
        for chunk in self.chunks():
            digest.update(chunk[:left])
            left -= len(chunk[:left])
        return digest.hexdigest()
