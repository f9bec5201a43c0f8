"""What the campus's rules make of one fee: it goes out, it is left out by a named rule, or it waits for a person."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from webapp.domain.bursar.fees import CREDIT_TYPE, FeeRow
from webapp.domain.identifiers import IdentifierError, clean_emplid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from webapp.domain.bursar.students import Student

CAMPUS, COMMUNITY = "campus", "community"
_WILD: Final = {"#": "[0-9]", "?": ".", "*": ".*"}
_MOST_STARS: Final = 2
_CREDIT: Final = CREDIT_TYPE.casefold()
RULES: Final[Mapping[str, str]] = {
    "zero": "nothing is owed",
    "fee_type_not_chosen": "only other fee types are billed",
    "fee_type_never": "this fee type is never billed",
    "library_not_chosen": "only other libraries are billed",
    "group_never": "this patron group is never billed",
    "status_never": "students of this registrar status are never billed",
    "status_not_chosen": "only students of other registrar statuses are billed",
    "below_minimum": "below the smallest amount",
    "too_old": "older than the oldest age billed",
    "community": "people without an EMPLID are left out",
}
"""Rules that leave a fee out, in words; their names stand in counts, pages and files."""


class Verdict(NamedTuple):
    """What was decided about a row: ``rule`` is its short name, ``words`` say why to a person, ``row`` is completed."""

    kind: Literal["send", "excluded", "quarantined"]
    rule: str
    words: str
    row: FeeRow


@dataclass(frozen=True, slots=True)
class BursarPolicy:
    """The campus's rules, read from its settings once. Codes are compared without regard to case.

    ``students`` is the registrar's list by EMPLID; it is no setting.
    """

    campus_ids: tuple[re.Pattern[str], ...] = ()
    emplid_digits: int | None = 9
    emplid_pad: bool = True
    community: Literal["file", "quarantine", "exclude"] = "quarantine"
    fee_types_only: frozenset[str] = frozenset()
    fee_types_never: frozenset[str] = frozenset()
    known_types: frozenset[str] = frozenset()
    libraries_only: frozenset[str] = frozenset()
    groups_never: frozenset[str] = frozenset()
    statuses_only: frozenset[str] = frozenset()
    statuses_never: frozenset[str] = frozenset()
    students: Mapping[str, Student] = field(default_factory=dict)
    minimum_cents: int = 0
    age_min_days: int = 0
    age_max_days: int = 0
    credit_item_type: str = ""

    @classmethod
    def from_settings(cls, section: Mapping[str, Any]) -> BursarPolicy:
        """The policy of the settings section ``bursar``. Raises: ValueError for an id pattern with too many stars."""
        return cls(
            campus_ids=tuple(id_pattern(text) for text in section["campus_ids"]),
            emplid_digits=section["emplid_digits"] or None,
            emplid_pad=section["emplid_pad"],
            community=section["community"],
            fee_types_only=_folded(section["fee_types_only"]),
            fee_types_never=_folded(section["fee_types_never"]),
            known_types=_folded(section["known_types"]),
            libraries_only=_folded(section["libraries_only"]),
            groups_never=_folded(section["groups_never"]),
            statuses_only=_folded(section["statuses_only"]),
            statuses_never=_folded(section["statuses_never"]),
            minimum_cents=section["minimum_cents"],
            age_min_days=section["age_min_days"],
            age_max_days=section["age_max_days"],
            credit_item_type=section["credit_item_type"],
        )


def id_pattern(text: str) -> re.Pattern[str]:
    """``0########`` as a regular expression: # is a digit, ? any character, * any text. Raises: ValueError."""
    if text.count("*") > _MOST_STARS:
        raise ValueError(f"the id pattern {text[:40]!r} has more than {_MOST_STARS} stars")
    return re.compile("".join(_WILD.get(char) or re.escape(char) for char in text), re.ASCII)


def judge(row: FeeRow, policy: BursarPolicy, run_on: date) -> Verdict:
    """Apply every rule that one row alone decides; the first that speaks wins. ``run_on`` is the campus's day.

    What the bursar was told before, repeated ids and the charge of a credit take more than a row: see the ledger.
    """
    who = _identify(row, policy)
    if who is not None and who.rule == "bad_id":
        return who
    if policy.students:
        _know(row, policy)
    fee_type = _fold(row.get("fee_type"))
    said = (
        _type_and_place(row, fee_type, policy)
        or _amount(row, fee_type, policy)
        or _age(row, policy, run_on)
        or _status(row, policy)
        or who
    )
    return said or Verdict("send", "", "", row)


def _identify(row: FeeRow, policy: BursarPolicy) -> Verdict | None:
    """Fill in ``emplid`` and ``payer``."""
    written = str(row.get("patron_id") or "")
    row["emplid"], row["payer"] = "", COMMUNITY
    if _is_campus(written, policy):
        try:
            row["emplid"] = _emplid(written, policy)
        except IdentifierError as err:
            return Verdict("quarantined", "bad_id", f"{err}.", row)
        row["payer"] = CAMPUS
        return None
    if not written:
        return Verdict("quarantined", "bad_id", "The patron has no id.", row)
    if policy.community == "file":
        return None
    if policy.community == "exclude":
        return _excluded("community", row)
    return Verdict(
        "quarantined",
        "no_emplid",
        "The patron's id is not one that PeopleSoft knows; settle it outside, or correct it.",
        row,
    )


def _know(row: FeeRow, policy: BursarPolicy) -> None:
    """Fill in what the registrar's list says and the source does not."""
    student = policy.students.get(row["emplid"])
    if student is not None:
        row["patron_group"] = row.get("patron_group") or student.patron_group
        row["career"] = row.get("career") or student.career


def _is_campus(written: str, policy: BursarPolicy) -> bool:
    if not policy.campus_ids:
        return written.isascii() and written.isdigit()
    candidate = written
    if policy.emplid_pad and written.isdigit():
        candidate = written.zfill(policy.emplid_digits or 0)
    return any(pattern.fullmatch(candidate) for pattern in policy.campus_ids)


def _emplid(written: str, policy: BursarPolicy) -> str:
    # Thousands of rows are in order already: digits only, of the right width.
    if (
        len(written) == policy.emplid_digits
        and written.isascii()
        and written.isdigit()
        and written.strip("0")
    ):
        return written
    digits = policy.emplid_digits if written.isdigit() else None
    return clean_emplid(written, digits=digits, pad=policy.emplid_pad)


def _type_and_place(row: FeeRow, fee_type: str, policy: BursarPolicy) -> Verdict | None:
    is_credit = row["amount_cents"] < 0
    if fee_type in policy.fee_types_never:
        return _excluded("fee_type_never", row)
    # A credit has lost the type of its charge; whether that is billed the ledger knows.
    if policy.fee_types_only and not is_credit and fee_type not in policy.fee_types_only:
        return _excluded("fee_type_not_chosen", row)
    if policy.known_types and not is_credit and fee_type not in policy.known_types:
        words = f"The fee type {row.get('fee_type')} is not among those you know; add it, or leave it out by a rule."
        return Verdict("quarantined", "unknown_type", words, row)
    if policy.libraries_only and _fold(row.get("library")) not in policy.libraries_only:
        return _excluded("library_not_chosen", row)
    if policy.groups_never and _fold(row.get("patron_group")) in policy.groups_never:
        return _excluded("group_never", row)
    return None


def _amount(row: FeeRow, fee_type: str, policy: BursarPolicy) -> Verdict | None:
    cents = row["amount_cents"]
    if not cents:
        return _excluded("zero", row)
    if cents > 0 and fee_type == _CREDIT:
        return Verdict(
            "quarantined", "credit_above_zero", "A credit has an amount above zero; look at it in Alma.", row
        )
    return _excluded("below_minimum", row) if abs(cents) < policy.minimum_cents else None


def _age(row: FeeRow, policy: BursarPolicy, run_on: date) -> Verdict | None:
    if not (policy.age_min_days or policy.age_max_days):
        return None
    since = row.get("transaction_on")
    if since is None:
        return Verdict("quarantined", "no_date", "The fee has no date, so its age is not known.", row)
    days = (run_on - since).days
    if policy.age_min_days and days < policy.age_min_days:
        # Alma has given the fee away and will not send it again, so it waits instead of being left out.
        words = f"The fee is {days} days old and billed from {policy.age_min_days} on; it goes out by itself then."
        return Verdict("quarantined", "too_young", words, row)
    if policy.age_max_days and days > policy.age_max_days:
        return _excluded("too_old", row)
    return None


def _status(row: FeeRow, policy: BursarPolicy) -> Verdict | None:
    """Of a student with several programs one billed status is enough. A credit follows its charge, whatever came since."""
    if not (policy.statuses_only or policy.statuses_never) or not row["emplid"] or row["amount_cents"] < 0:
        return None
    student = policy.students.get(row["emplid"])
    if student is None or not student.statuses:
        words = (
            "The registrar's list that counts today says no status of this student, so whether the fee is billed is not "
            "known; it goes by itself once a list says one."
        )
        return Verdict("quarantined", "no_status", words, row)
    billed = [status for text in student.statuses if (status := _fold(text)) not in policy.statuses_never]
    if not billed:
        return _excluded("status_never", row)
    if policy.statuses_only and policy.statuses_only.isdisjoint(billed):
        return _excluded("status_not_chosen", row)
    return None


def _excluded(rule: str, row: FeeRow) -> Verdict:
    return Verdict("excluded", rule, f"{RULES[rule][0].upper()}{RULES[rule][1:]}.", row)


def _fold(text: object) -> str:
    return str(text or "").strip().casefold()


def _folded(words: list[str]) -> frozenset[str]:
    return frozenset(_fold(word) for word in words)
