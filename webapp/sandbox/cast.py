"""The cast list: a dozen patrons among the first hundred who between them show every kind of debt.

Whoever looks at a small sandbox meets a dispute, a credit, a part payment, an exempt group, a borrower without
EMPLID and a title with a tab in it, whatever the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_RANDOM_DEBTOR = 100  # before this number only the cast owes, from it on chance decides


@dataclass(frozen=True, slots=True)
class FeePlan:
    """What a fee is to be, before it has an id and dates. ``title`` counts into words.TITLES; None: no item."""

    type_code: str
    original_cents: int
    days_ago: int
    title: int | None = None
    owner: str = "MAIN"  # a library code, or "" for the institution itself
    status: str = "ACTIVE"
    paid_cents: int = 0
    waived_cents: int = 0


@dataclass(frozen=True, slots=True)
class Role:
    """A patron of the cast: the user group and the fees."""

    group: str
    fees: tuple[FeePlan, ...]


CAST: dict[int, Role] = {
    3: Role(
        "UGRAD", (FeePlan("OVERDUEFINE", 1250, 41, title=0), FeePlan("LOCKERKEY", 2500, 12, owner="MEDIA"))
    ),
    9: Role(
        "UGRAD",
        (
            FeePlan("LOSTITEMREPLACEMENTFEE", 8995, 97, title=1),
            FeePlan("LOSTITEMPROCESSFEE", 1500, 97, title=1),
        ),
    ),
    17: Role("GRAD", (FeePlan("OVERDUEFINE", 2500, 210, title=2, paid_cents=277),)),
    24: Role("UGRAD", (FeePlan("DAMAGEDITEMFINE", 4200, 65, title=3, status="INDISPUTE"),)),
    31: Role("UGRAD", (FeePlan("OVERDUEFINE", 4000, 88, title=4), FeePlan("CREDIT", -1500, 20, title=4))),
    38: Role("COMMUNITY", (FeePlan("OVERDUEFINE", 600, 30, title=5),)),
    45: Role("FACULTY", (FeePlan("RECALLEDOVERDUEFINE", 3000, 55, title=6),)),
    52: Role("GRAD", (FeePlan("CREDIT", -2000, 15, title=7),)),
    60: Role("UGRAD", (FeePlan("OVERDUEFINE", 7, 400, title=8),)),
    68: Role("STAFF", (FeePlan("SERVICEFEE", 120450, 9, owner=""),)),
    77: Role("UGRAD", (FeePlan("LIBRARYCARDREPLACEMENT", 500, 120, status="EXPORTED", owner=""),)),
    84: Role("UGRAD", (FeePlan("OVERDUEFINE", 1000, 6, title=9, status="CLOSED", paid_cents=1000),)),
    91: Role(
        "GRAD",
        (
            FeePlan("OVERDUEFINE", 900, 33, title=10, owner="MUSIC", waived_cents=400),
            FeePlan("OTHER", 350, 70),
        ),
    ),
}
