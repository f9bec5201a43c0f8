"""What a campus sets for its SFTP drop, and what comes back from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from webapp.adapters.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

SFTP_PORTS = frozenset({22, 2222})
LONGEST_NAME = 200
MOST_SUFFIXES = 99

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class SftpTarget:
    """One folder on one SFTP server, and the receiver's habits.

    ``host_keys`` are the confirmed fingerprints ("SHA256:…"), more than one while a server changes its key.
    ``private_key`` is PEM or OpenSSH text. ``timeout_s`` is the longest wait without anything moving,
    ``transfer_limit_s`` the longest whole delivery, both in seconds of wall-clock time.
    ``use_temporary_name`` and ``check_size`` are switched off for receivers that take files away on arrival;
    ``read_back`` compares sha256 for files up to 50 MB; ``trigger_suffix`` asks for a control file, sent last.
    ``collision`` says what happens when an unconsumed file of other content has the name.
    ``allow_private`` and ``allowed_ports`` are the operator's, see ``check_host``.
    """

    host: str
    port: int
    username: str
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    host_keys: tuple[str, ...] = ()
    directory: str = ""
    use_temporary_name: bool = True
    check_size: bool = True
    read_back: bool = False
    trigger_suffix: str | None = None
    collision: Literal["refuse", "suffix"] = "refuse"
    timeout_s: float = 30.0
    transfer_limit_s: float = 600.0
    allow_private: bool = False
    allowed_ports: frozenset[int] | None = SFTP_PORTS

    @property
    def pins(self) -> frozenset[str]:
        """The confirmed fingerprints in one spelling: "SHA256:" and base64 without padding."""
        bare = (key.strip().removeprefix("SHA256:").rstrip("=") for key in self.host_keys)
        return frozenset(f"SHA256:{key}" for key in bare if key)

    @property
    def place(self) -> str:
        """Host and folder for messages."""
        return f"{self.host}:{self.directory or '(log-in folder)'}"

    def path(self, name: str) -> str:
        """Where a file of this name lies on the server."""
        return f"{self.directory.rstrip('/')}/{name}" if self.directory not in {"", "."} else name


@dataclass(frozen=True, slots=True)
class SftpProbe:
    """What a look at a server found. ``directory_ok`` is False when signing in was not tried; ``detail`` says so."""

    fingerprint: str
    key_type: str
    banner: str
    directory_ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SftpReceipt:
    """A delivered file: its final name (with a suffix if one was needed), bytes, seconds, and what was unusual."""

    final_name: str
    size: int
    seconds: float
    notes: tuple[str, ...] = ()


def check_name(name: str, token: str) -> None:
    """Refuse a name that is no plain file name, and a token that could not be found again in a listing.

    Raises:
        PermanentError: with the name and what a name may be.
    """
    if not _NAME.fullmatch(name) or name in {".", ".."} or len(name.encode()) > LONGEST_NAME:
        raise PermanentError(
            f"{name[:80]!r} cannot be a file's name on an SFTP server: no slashes, no control characters, "
            f"{LONGEST_NAME} bytes at most. Correct the file name pattern."
        )
    if not _TOKEN.fullmatch(token):
        raise PermanentError(
            "A delivery's token may hold only letters, digits, dash and underscore (64 at most)."
        )


def temporary_name(name: str, token: str) -> str:
    """The name under which a file travels; ours alone, since the token is the delivery's."""
    return f".{name}.{token}.part"


def candidate_names(target: SftpTarget, name: str) -> Iterator[str]:
    """The final names a file may get: its own, then with "_2", "_3" … before the extension if suffixes are wanted."""
    yield name
    if target.collision == "suffix":
        stem, dot, extension = name.rpartition(".")
        for number in range(2, MOST_SUFFIXES + 1):
            yield f"{stem}_{number}.{extension}" if dot and stem else f"{name}_{number}"
