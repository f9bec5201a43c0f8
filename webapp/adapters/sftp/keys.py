"""Private keys as campuses paste them, and fingerprints as ssh-keygen prints them."""

from __future__ import annotations

from io import StringIO

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from webapp.adapters.errors import PermanentError
from webapp.adapters.vault import plain_text

# The signature algorithms of one host key, to be left out together when another of the server's keys is asked for.
FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"),
)

_CLASSES: tuple[tuple[type, type[paramiko.PKey]], ...] = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
)


def load_private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """The key in ``text``: Ed25519, RSA or ECDSA, as OpenSSH or PEM (PKCS#1, PKCS#8, SEC1), with or without passphrase.

    Raises:
        PermanentError: it is no private key, of an unsupported kind, or the passphrase is missing or wrong.
    """
    text = plain_text(text).strip() + "\n"
    _refuse_other_things(text)
    load = (
        serialization.load_ssh_private_key
        if "OPENSSH PRIVATE KEY" in text
        else serialization.load_pem_private_key
    )
    try:
        key = load(text.encode(), passphrase.encode() if passphrase else None)
    except TypeError:
        # cryptography's way to say that a passphrase is missing, or given for a key that has none
        if passphrase:
            return load_private_key(text, None)
        raise PermanentError(
            "The private key is locked with a passphrase, and none is set. Enter it in the SFTP settings."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # The library's own words could quote parts of the key, so they are not passed on.
        hint = " The passphrase may be wrong." if passphrase else ""
        raise PermanentError(
            f"The private key cannot be read.{hint} Paste the whole key, from BEGIN to END, in OpenSSH or PEM form."
        ) from None
    for kind, key_class in _CLASSES:
        if isinstance(key, kind):
            plain = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
            return key_class.from_private_key(StringIO(plain.decode()))
    raise PermanentError(
        "The private key is of a kind that SSH servers no longer take. Use Ed25519, RSA or ECDSA."
    )


def _refuse_other_things(text: str) -> None:
    if text.startswith("PuTTY-User-Key-File"):
        raise PermanentError(
            "The private key is in PuTTY's own form. Convert it with PuTTYgen: Conversions, Export OpenSSH key."
        )
    if text.startswith(("ssh-", "ecdsa-")):
        raise PermanentError(
            "This is the public key. Paste the private one; the public key belongs on the server."
        )


def family_of(key_type: str) -> tuple[str, ...]:
    """All algorithm names that a host key of this type can appear under."""
    return next((family for family in FAMILIES if key_type in family), (key_type,))
