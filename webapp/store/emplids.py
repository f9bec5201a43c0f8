"""The spellings of an EMPLID: a spreadsheet on its way takes leading zeros away."""

from __future__ import annotations

EMPLID_DIGITS = 9


def spellings(emplid: str) -> set[str]:
    """The id as given, without and with all its leading zeros; what differs in nothing else is the same id."""
    return {emplid, emplid.lstrip("0"), emplid.zfill(EMPLID_DIGITS)} - {""}
