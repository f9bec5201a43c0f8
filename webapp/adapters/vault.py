"""Secrets at rest: passwords and keys of campuses, sealed so that a row cannot be read or moved elsewhere.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. Tenant, table, row and field are bound in as associated
data: a sealed text copied into another row does not open. The key's id stands in the text, so keys can be rotated
while old rows still open.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.adapters.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "••••"
KEY_BYTES = 32

_VERSION = "v1"
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,40}")

RowId = int | str | UUID


class Secret(str):
    """A text that masks itself wherever it is shown: repr, str, format and logs give "••••".

    It is the plain text to whatever takes a str's characters (encode, concatenation). What formats it ("%s",
    an f-string) gets the mask, so hand ``reveal()`` to a library that may do so.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, _spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: it would be written out in plain text")

    def reveal(self) -> str:
        """The plain text."""
        return str.__str__(self)


def plain_text(text: str) -> str:
    """The plain str of a text that may be a Secret: for libraries that format it into what they send."""
    return text.reveal() if isinstance(text, Secret) else text


class Vault:
    """Seals and opens secrets. ``keys`` maps key ids to 32-byte keys; new secrets are sealed with ``active``."""

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        for key_id, key in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise PermanentError(
                    f"The vault's key id {key_id!r} may hold only letters, digits, dot, dash and underscore."
                )
            if len(key) != KEY_BYTES:
                raise PermanentError(
                    f"The vault's key {key_id!r} has {len(key)} bytes; it needs {KEY_BYTES}."
                )
        if active not in keys:
            raise PermanentError(f"The vault's active key {active!r} is not among its keys.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._active = active

    def __repr__(self) -> str:
        return f"Vault(active={self._active!r}, keys={sorted(self._ciphers)})"

    def seal(self, plain: str, *, tenant_id: RowId, table: str, row: RowId, field: str) -> str:
        """``plain`` sealed for exactly this place, as text: "v1:<key id>:<base64 of nonce and ciphertext>"."""
        nonce = os.urandom(_NONCE_BYTES)
        place = _place(tenant_id, table, row, field)
        ciphered = self._ciphers[self._active].encrypt(nonce, plain.encode(), place)
        return f"{_VERSION}:{self._active}:{base64.b64encode(nonce + ciphered).decode('ascii')}"

    def open(self, sealed: str, *, tenant_id: RowId, table: str, row: RowId, field: str) -> Secret:
        """The plain text, masked when shown.

        Raises:
            PermanentError: the text was changed, belongs to another tenant, row or field, or its key is missing.
        """
        where = f"{table}.{field} of row {row}"
        key_id, blob = _parts(sealed, where)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PermanentError(
                f"The secret in {where} was sealed with key {key_id!r}, which this portal does not have. "
                "Give the old key back to the vault's keys, or enter the secret anew."
            )
        place = _place(tenant_id, table, row, field)
        try:
            plain = cipher.decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], place)
        except InvalidTag:
            raise PermanentError(
                f"The secret in {where} does not open: it was changed, or it belongs to another row or campus. "
                "Enter the secret anew."
            ) from None
        return Secret(plain.decode())

    def rewrap(self, sealed: str, *, tenant_id: RowId, table: str, row: RowId, field: str) -> str:
        """The same secret sealed with the active key; already so, it comes back unchanged."""
        plain = self.open(sealed, tenant_id=tenant_id, table=table, row=row, field=field)
        if sealed.split(":", 2)[1] == self._active:
            return sealed
        return self.seal(plain, tenant_id=tenant_id, table=table, row=row, field=field)


def _place(tenant_id: RowId, table: str, row: RowId, field: str) -> bytes:
    """The place as unambiguous bytes: each part with its length, so ("ab", "c") and ("a", "bc") differ."""
    parts = [part.encode() for part in ("feebridge", _VERSION, str(tenant_id), table, str(row), field)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _parts(sealed: str, where: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(":")
    key_id, _, text = rest.partition(":")
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if version != _VERSION or len(blob) <= _NONCE_BYTES:
        raise PermanentError(f"The secret in {where} is not in the vault's form. Enter the secret anew.")
    return key_id, blob
