"""A campus's hold policy: which debts make a hold, and under which PeopleSoft code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STYLES = ("delta", "snapshot", "ids")
# PS_SRVC_IND_DATA: SRVC_IND_CD is 3 characters, SRVC_IND_REASON 5 (pt.dbtutor.com/campus/srvc_in_rsn_tbl.htm).
CODE_WIDTH, REASON_WIDTH = 3, 5
# Codes also stand in file names, columns without quotes and statements: no character of theirs may mean something there.
CODE_CHARACTERS = re.compile(r"[A-Za-z0-9_]*")


class PolicyError(ValueError):
    """The policy or mapping settings cannot be used; the message names each fault."""


@dataclass(frozen=True, slots=True)
class HoldCode:
    """A service indicator code and the reason it is placed with."""

    code: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """What a campus decided. Type and group names are kept folded (see ``fold``); money is integer cents."""

    default_code: HoldCode
    trigger_types: frozenset[str] = frozenset()
    ignored_types: frozenset[str] = frozenset()
    known_types: frozenset[str] = frozenset()
    exempt_groups: frozenset[str] = frozenset()
    minimum_total_cents: int = 0
    grace_days: int = 0
    keep_disputed_out: bool = True
    style: str = "delta"
    codes_by_type: Mapping[str, HoldCode] = field(default_factory=dict)

    @property
    def has_one_code(self) -> bool:
        """Whether every fee type leads to the same hold code."""
        return all(mapped.code == self.default_code.code for mapped in self.codes_by_type.values())

    @property
    def tells_amounts(self) -> bool:
        """Whether PeopleSoft is told how much is owed; a list of ids says only who."""
        return self.style != "ids"

    def code_for(self, fee_type: str) -> HoldCode:
        """The hold code and reason of one fee type."""
        return self.codes_by_type.get(fold(fee_type), self.default_code)


def fold(name: str) -> str:
    """A type or group name as it is compared: Analytics writes "Overdue fine", people type "overdue  Fine"."""
    return " ".join(name.split()).casefold()


def from_settings(policy: Mapping[str, Any], mapping: Mapping[str, Any]) -> HoldPolicy:
    """The policy from the settings sections *policy* and *mapping*. Raises: PolicyError, naming every fault."""
    faults: list[str] = []
    default = _hold_code(f"{mapping['hold_code']}/{mapping.get('hold_reason', '')}", "the hold code", faults)
    codes = {
        fold(fee_type): _hold_code(text, f"the hold code of {fee_type}", faults)
        for fee_type, text in mapping.get("codes_by_type", {}).items()
    }
    if policy["style"] not in STYLES:
        faults.append(f"the style is {policy['style']!r}; it must be one of {', '.join(STYLES)}")
    if faults:
        raise PolicyError("The hold policy cannot be used: " + "; ".join(faults) + ".")
    return HoldPolicy(
        default_code=default,
        trigger_types=_folded(policy.get("trigger_types", ())),
        ignored_types=_folded(policy.get("ignored_types", ())),
        known_types=_folded(policy.get("known_types", ())),
        exempt_groups=_folded(policy.get("exempt_groups", ())),
        minimum_total_cents=int(policy.get("minimum_total_cents", 0)),
        grace_days=int(policy.get("grace_days", 0)),
        keep_disputed_out=bool(policy.get("keep_disputed_out", True)),
        style=str(policy["style"]),
        codes_by_type=codes,
    )


def code_faults(codes_by_type: Mapping[str, str]) -> list[str]:
    """What is wrong with codes typed for fee types as ``CODE`` or ``CODE/REASON``: a phrase for each fault."""
    faults: list[str] = []
    for fee_type, text in codes_by_type.items():
        _hold_code(text, f"the hold code of {fee_type}", faults)
    return faults


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(name) for name in names)


def _hold_code(text: str, what: str, faults: list[str]) -> HoldCode:
    code, _, reason = (part.strip() for part in str(text).partition("/"))
    if not code or len(code) > CODE_WIDTH:
        faults.append(f"{what} is {code!r}; PeopleSoft codes have 1 to {CODE_WIDTH} characters")
    if len(reason) > REASON_WIDTH:
        faults.append(
            f"the reason of {what} is {reason!r}; PeopleSoft reasons have at most {REASON_WIDTH} characters"
        )
    faults.extend(
        f"{what} says {part!r}; codes and reasons have letters A to Z, digits and underscores only"
        for part in (code, reason)
        if not CODE_CHARACTERS.fullmatch(part)
    )
    return HoldCode(code, reason)
