"""Passwords: which are good enough, and how they are kept (argon2id)."""

from __future__ import annotations

import re
import threading
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 256
# RFC 9106's second recommended option (64 MiB, three passes), about 0.1 s on one core of a small server.
HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
# Each hash takes 64 MiB for a moment; a crowd at the door must not take all memory.
_AT_ONCE = threading.BoundedSemaphore(2)
COMMON = Path(__file__).with_name("common_passwords.txt")


def password_fault(password: str, *, email: str = "", full_name: str = "") -> str | None:
    """Why the password cannot be taken, as a sentence; None when it can."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. A sentence of four or five words works well."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    folded = password.casefold()
    if len(set(folded)) < 5:
        return "Use more than a few different characters."
    if _core(folded) in _common() or folded in _common():
        return "This password is on the list of those tried first by attackers. Choose another."
    for part in _personal_parts(email, full_name):
        if part in folded and len(folded.replace(part, "")) < SHORTEST // 2:
            return "Do not build the password around your name or address."
    return None


def hash_password(password: str) -> str:
    """The text to keep; the password cannot be read from it."""
    with _AT_ONCE:
        return HASHER.hash(password)


def is_right(password_hash: str, password: str) -> bool:
    """Whether the password is the one behind the hash.

    An account without a password costs the same time as a wrong one, so that an answer's delay tells nothing.
    """
    known_or_dummy = password_hash or _hash_of_nobody(HASHER)
    try:
        with _AT_ONCE:
            return HASHER.verify(known_or_dummy, password) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return HASHER.check_needs_rehash(password_hash)


@cache
def _hash_of_nobody(hasher: PasswordHasher) -> str:
    return hasher.hash("nobody has this password")


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="utf-8").split())


def _core(folded: str) -> str:
    """The password without what people put behind a common word to make it long enough."""
    return re.sub(r"[\d\W_]+$", "", folded)


def _personal_parts(email: str, full_name: str) -> list[str]:
    parts = re.split(r"[\W_]+", f"{email.partition('@')[0]} {full_name}".casefold())
    return [part for part in parts if len(part) >= 4]
