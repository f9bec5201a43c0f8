"""The ids of people and campuses: cleaned for PeopleSoft, masked for logs, checked before they become addresses."""

from __future__ import annotations

import re

# PeopleSoft Campus Solutions keeps EMPLID in 11 characters (record ITEM_SF, https://pt.dbtutor.com/campus/item_sf.htm).
EMPLID_WIDTH = 11

RESERVED_SLUGS = frozenset({
    "account", "admin", "api", "assets", "campus", "consortium", "feebridge", "files", "health", "livez", "login",
    "logout", "metrics", "new", "patron", "readyz", "runs", "sandbox", "settings", "sign-in", "sign-out", "static",
    "system", "tenants", "webhooks",
})  # fmt: skip

_EMPLID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_SPREADSHEET_NUMBER = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+|[0-9]+\.0+")
_SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


class IdentifierError(ValueError):
    """The text cannot be the id that it should be; the message says why, with the id masked."""


def clean_emplid(text: str, *, digits: int | None, pad: bool) -> str:
    """The EMPLID as PeopleSoft knows it.

    Surrounding blanks go. ``digits`` is the campus's width: then the id must be exactly that many digits, where
    ``pad`` puts back leading zeros that a spreadsheet dropped. Without ``digits`` letters are allowed too.

    Raises:
        IdentifierError: blank, too long, strange characters, a number that a spreadsheet rewrote, or only zeros.
    """
    emplid = text.strip()
    if not emplid:
        raise IdentifierError("the student or staff id is missing")
    if _SPREADSHEET_NUMBER.fullmatch(emplid):
        raise IdentifierError(f"the id {mask_id(emplid)} was rewritten by a spreadsheet; export ids as text")
    if digits is None:
        if len(emplid) > EMPLID_WIDTH:
            raise IdentifierError(
                f"the id {mask_id(emplid)} has {len(emplid)} characters; an EMPLID has at most {EMPLID_WIDTH}"
            )
        if not _EMPLID.fullmatch(emplid):
            raise IdentifierError(f"the id {mask_id(emplid)} has characters that no EMPLID has")
    else:
        emplid = _exact_digits(emplid, digits, pad=pad)
    if not emplid.strip("0"):
        raise IdentifierError("the id is only zeros, which is nobody")
    return emplid


def mask_id(text: str) -> str:
    """An id that may stand in a log or message: its last four characters at most, and never more than half of it."""
    kept = min(4, len(text) // 2)
    return "…" + "".join(char if char.isprintable() else "?" for char in text[len(text) - kept :])


def check_slug(text: str) -> str:
    """The campus's short name, fit for addresses and file names (``csusm``, ``san-marcos``).

    Raises:
        IdentifierError: not 2 to 30 lower-case letters, digits and single hyphens from a letter on, or a word that
            the portal's own addresses use.
    """
    if not 2 <= len(text) <= 30 or not _SLUG.fullmatch(text):
        raise IdentifierError(
            f"{text[:40]!r} cannot be a campus's short name: use 2 to 30 lower-case letters, digits and single "
            "hyphens, beginning with a letter, such as csusm"
        )
    if text in RESERVED_SLUGS:
        raise IdentifierError(f"{text!r} is used by the portal's own addresses; choose another short name")
    return text


def _exact_digits(emplid: str, digits: int, *, pad: bool) -> str:
    if not (emplid.isascii() and emplid.isdigit()):
        raise IdentifierError(f"the id {mask_id(emplid)} is not made of digits only")
    if len(emplid) < digits and pad:
        return emplid.zfill(digits)
    if len(emplid) != digits:
        raise IdentifierError(
            f"the id {mask_id(emplid)} has {len(emplid)} digits; this campus's EMPLIDs have {digits}"
        )
    return emplid
