"""Random small worlds of fees, registers and policies, dense in the corners that hurt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import strategies as st

from webapp.domain.fees import OutstandingFee, PatronSeen, RefusedRow, SourceRow
from webapp.domain.holds import HoldCode, HoldInForce, HoldPolicy, fold

TODAY = date(2026, 11, 21)
EMPLIDS = ("000000001", "000000002", "00000000A", "000000004")
TYPES = ("OVERDUEFINE", "LOSTITEM", "CREDIT", "Service  fee")


@dataclass(frozen=True)
class World:
    rows: list[SourceRow]
    register: list[HoldInForce]
    policy: HoldPolicy
    released: set[str]
    covers_everyone: bool


fees = st.builds(
    OutstandingFee,
    source=st.just("analytics"),
    fee_id=st.sampled_from([*[""] * 12, *(str(n) for n in range(6))]),
    patron_key=st.just("key"),
    # Most rows are about the same two patrons, or nothing would ever meet.
    emplid=st.sampled_from([*EMPLIDS[:1] * 6, *EMPLIDS[1:2] * 4, *EMPLIDS, ""]),
    balance_cents=st.sampled_from(
        [1, 250, 277, 1_000, 1_000, 9_000, -1, -250, -250, -1_250, 0, 3_000_000_000]
    ),
    fee_type=st.sampled_from(TYPES),
    status=st.sampled_from(["ACTIVE"] * 12 + ["INDISPUTE", "EXPORTED", "CLOSED", "LOST?"]),
    billed_on=st.one_of(st.none(), st.integers(0, 20).map(lambda days: TODAY - timedelta(days=days))),
    user_type=st.sampled_from(["UG", "FAC"]),
    title=st.sampled_from(["A title", "tab\tin it", "two\nlines", 'é "quoted" \\ back', "nul \x00"]),
)
refused = st.builds(
    RefusedRow,
    source=st.just("analytics"),
    row_ref=st.just("page 1 row 2"),
    reason=st.sampled_from(["no id", "odd\tamount"]),
    amount_cents=st.sampled_from([None, 500, -500, -500]),
    raw=st.just({"Balance": "x\ty"}),
    emplid=st.sampled_from(["", *EMPLIDS[:1] * 3, *EMPLIDS]),
)
seen = st.builds(
    PatronSeen, source=st.just("sis"), patron_key=st.just("key"), emplid=st.sampled_from(EMPLIDS)
)
types = st.one_of(
    st.just(frozenset()), st.frozensets(st.sampled_from([fold(name) for name in TYPES]), max_size=3)
)
codes = st.sampled_from([HoldCode("LIB", "FINE"), HoldCode("LBL", "LOST"), HoldCode("ZZZ")])
policies = st.builds(
    HoldPolicy,
    default_code=st.just(HoldCode("LIB", "FINE")),
    trigger_types=types,
    ignored_types=st.sampled_from([frozenset()] * 3 + [frozenset({fold("LOSTITEM")})]),
    known_types=st.sampled_from([frozenset()] * 3 + [frozenset(fold(name) for name in TYPES[:3])]),
    exempt_groups=st.sampled_from([frozenset()] * 3 + [frozenset({"fac"})]),
    minimum_total_cents=st.sampled_from([0, 0, 300, 1_000]),
    grace_days=st.sampled_from([0, 0, 0, 7]),
    keep_disputed_out=st.booleans(),
    style=st.sampled_from(["delta", "ids"]),
    codes_by_type=st.one_of(
        st.just({}),
        st.dictionaries(st.sampled_from([fold(name) for name in TYPES]), codes, min_size=1, max_size=3),
    ),
)
registers = st.lists(
    st.builds(
        HoldInForce,
        emplid=st.sampled_from([*EMPLIDS[:1] * 2, *EMPLIDS, "GONE"]),
        hold_code=st.sampled_from(["LIB", "LIB", "LBL", "OLD"]),
        amount_cents=st.sampled_from([1, 250, 277, 1_000, 1_250]),
        hold_reason=st.sampled_from(["FINE", "EARLY"]),
    ),
    max_size=5,
    unique_by=lambda hold: (hold.emplid, hold.hold_code),
)
worlds = st.builds(
    World,
    rows=st.lists(
        st.sampled_from([fees] * 9 + [refused, seen]).flatmap(lambda kind: kind), min_size=4, max_size=16
    ),
    register=registers,
    policy=policies,
    released=st.sets(st.sampled_from(EMPLIDS), max_size=1),
    covers_everyone=st.booleans(),
)


def _fee(fee_id: str, emplid: str, balance_cents: int, fee_type: str) -> OutstandingFee:
    return OutstandingFee("analytics", fee_id, emplid, emplid, balance_cents, fee_type)


TWO_CODES = HoldPolicy(HoldCode("LIB", "FINE"), codes_by_type={fold("LOSTITEM"): HoldCode("LBL", "LOST")})
# Rare enough to be missed by chance, and each once a mistake that would have cost somebody money.
A_CREDIT_UNDER_ANOTHER_CODE = World(
    [_fee("1", EMPLIDS[0], 1_000, "OVERDUEFINE"), _fee("2", EMPLIDS[0], -400, "LOSTITEM")],
    [],
    TWO_CODES,
    set(),
    covers_everyone=True,
)
ONE_FEE_OF_TWO_PATRONS = World(
    [_fee("1", EMPLIDS[0], 1_000, "OVERDUEFINE"), _fee("1", EMPLIDS[1], 1_000, "OVERDUEFINE")],
    [HoldInForce(EMPLIDS[1], "LIB", 1_000)],
    TWO_CODES,
    set(),
    covers_everyone=True,
)
# Settings refuse such a code; a statement must not trip over it all the same.
A_CODE_LIKE_A_PARAMETER = World(
    [_fee("1", EMPLIDS[0], 1_000, "OVERDUEFINE")],
    [],
    HoldPolicy(HoldCode(":AB")),
    set(),
    covers_everyone=True,
)
