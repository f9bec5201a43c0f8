"""The invented patrons of one institution, each a pure function of (seed, institution, number).

Nothing is kept per patron, so a million of them cost no memory, and an identifier leads back to its patron by
arithmetic: an EMPLID is an affine permutation of the patron's number.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from dataclasses import dataclass
from functools import cached_property

from webapp.sandbox.cast import CAST, FIRST_RANDOM_DEBTOR
from webapp.sandbox.words import FIRST_NAMES, LAST_NAMES, USER_GROUPS, Coded

EMPLID_PRIME = 9_999_991  # EMPLIDs are 9 digits; the two leading zeros are the trap the real ones set
NUMBER_WITHIN_MAIL = re.compile(r"\.(\d{1,7})@example\.org$")
COMMUNITY_CARD = re.compile(r"^cb(\d{7})$")


@dataclass(frozen=True, slots=True)
class Patron:
    """One invented person. ``emplid`` is None for community borrowers, who are unknown to PeopleSoft."""

    index: int
    primary_id: str
    emplid: str | None
    barcode: str
    first_name: str
    last_name: str
    group: Coded
    modified_days_ago: int

    @property
    def full_name(self) -> str:
        """First name, then last name."""
        return f"{self.first_name} {self.last_name}"


class Population:
    """All patrons of one institution.

    ``size`` patrons numbered from 0, about ``owing_percent`` of whom have fees; the first hundred follow the cast
    list (webapp/sandbox/cast.py), so that even a small sandbox shows every kind of debt.
    """

    def __init__(self, seed: int, institution_code: str, size: int, owing_percent: float = 8.0) -> None:
        self.size = size
        self._stem = hashlib.blake2b(f"{seed}|{institution_code}|".encode(), digest_size=32)
        self._owing_below = int(owing_percent / 100 * 65536)
        roots = self.digest(-1)
        self._step = 1 + int.from_bytes(roots[:8]) % (EMPLID_PRIME - 1)
        self._step_back = pow(self._step, -1, EMPLID_PRIME)
        self._shift = int.from_bytes(roots[8:16]) % EMPLID_PRIME

    def digest(self, index: int) -> bytes:
        """32 bytes of chance that belong to this patron and to nobody else."""
        own = self._stem.copy()
        own.update(str(index).encode())
        return own.digest()

    def patron(self, index: int) -> Patron:
        """The patron with this number; the same one every time."""
        chance = self.digest(index)
        first, last = self._names(chance)
        group = self._group(index, chance)
        number = self._number(index)
        emplid = f"{number:09d}"
        primary_id = emplid
        if group.code == "COMMUNITY":
            mail_name = _ascii(f"{first}.{last}")
            primary_id = f"{mail_name}.{index}@example.org" if chance[4] % 2 else f"CB{index:07d}"
        return Patron(
            index=index,
            primary_id=primary_id,
            emplid=None if group.code == "COMMUNITY" else emplid,
            barcode=f"20021{number:09d}",
            first_name=first,
            last_name=last,
            group=group,
            modified_days_ago=int.from_bytes(chance[5:7]) % 400,
        )

    def find(self, identifier: str, id_type: str = "all_unique") -> int | None:
        """The number of the patron with this identifier, letter case aside, or None."""
        wanted = identifier.strip().lower()
        for index in self._candidates(wanted):
            if 0 <= index < self.size and wanted in self._identifiers(self.patron(index), id_type):
                return index
        return None

    def owes(self, index: int) -> bool:
        """True if this patron was invented with fees (open or closed)."""
        if index < FIRST_RANDOM_DEBTOR:
            return index in CAST
        return int.from_bytes(self.digest(index)[:2]) < self._owing_below

    @cached_property
    def owing(self) -> array[int]:
        """The numbers of all patrons invented with fees, ascending (a second or two per million, once)."""
        return array("I", (index for index in range(self.size) if self.owes(index)))

    @cached_property
    def by_name(self) -> array[int]:
        """All patron numbers in the order of Alma's users list: last name, first name, primary id."""
        keys = []
        for index in range(self.size):
            chance = self.digest(index)
            first, last = _name_ranks(chance)
            community = self._group(index, chance).code == "COMMUNITY"
            number = EMPLID_PRIME + index if community else self._number(index)
            keys.append(((last * 256 + first) << 44) | (number << 20) | index)
        keys.sort()
        return array("I", (key & 0xFFFFF for key in keys))

    def _candidates(self, wanted: str) -> list[int]:
        for pattern in (NUMBER_WITHIN_MAIL, COMMUNITY_CARD):
            if match := pattern.search(wanted):
                return [int(match.group(1))]
        digits = wanted.removeprefix("20021") if len(wanted) == 14 else wanted
        if len(digits) == 9 and digits.isascii() and digits.isdigit():
            return [(int(digits) - 1 - self._shift) * self._step_back % EMPLID_PRIME]
        return []

    def _number(self, index: int) -> int:
        return (index * self._step + self._shift) % EMPLID_PRIME + 1

    @staticmethod
    def _identifiers(patron: Patron, id_type: str) -> set[str]:
        known = {
            "all_unique": {patron.primary_id, patron.barcode, patron.emplid or ""},
            "UNIV_ID": {patron.emplid or ""},
            "BARCODE": {patron.barcode},
        }
        return {value.lower() for value in known.get(id_type, set()) if value}

    @staticmethod
    def _names(chance: bytes) -> tuple[str, str]:
        first, last = _name_ranks(chance)
        return FIRST_NAMES[first], LAST_NAMES[last]

    @staticmethod
    def _group(index: int, chance: bytes) -> Coded:
        if index in CAST:
            return USER_GROUPS[CAST[index].group]
        share = chance[7]  # of 256
        code = "UGRAD"
        for limit, candidate in (
            (6, "COMMUNITY"),
            (14, "FACULTY"),
            (18, "EMERITUS"),
            (34, "STAFF"),
            (84, "GRAD"),
        ):
            if share < limit:
                code = candidate
                break
        return USER_GROUPS[code]


def _name_ranks(chance: bytes) -> tuple[int, int]:
    return chance[2] % len(FIRST_NAMES), chance[3] % len(LAST_NAMES)


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z.]", "", plain.lower())
