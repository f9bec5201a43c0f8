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
    fee_id=st.sampled_from(["", *(str(n) for n in range(12))]),
    patron_key=st.just("key"),
    emplid=st.sampled_from(["", *EMPLIDS, *EMPLIDS]),
    balance_cents=st.sampled_from([0, 1, 250, 277, 1_000, 9_000, -1, -250, -1_250, 3_000_000_000]),
    fee_type=st.sampled_from(TYPES),
    status=st.sampled_from(["ACTIVE"] * 6 + ["INDISPUTE", "EXPORTED", "CLOSED", "LOST?"]),
    billed_on=st.one_of(st.none(), st.integers(0, 20).map(lambda days: TODAY - timedelta(days=days))),
    user_type=st.sampled_from(["UG", "FAC"]),
    title=st.sampled_from(["A title", "tab\tin it", "two\nlines", 'é "quoted" \\ back', "nul \x00"]),
)
refused = st.builds(
    RefusedRow,
    source=st.just("analytics"),
    row_ref=st.just("page 1 row 2"),
    reason=st.sampled_from(["no id", "odd\tamount"]),
    amount_cents=st.sampled_from([None, 500, -500]),
    raw=st.just({"Balance": "x\ty"}),
    emplid=st.sampled_from(["", *EMPLIDS]),
)
seen = st.builds(
    PatronSeen, source=st.just("sis"), patron_key=st.just("key"), emplid=st.sampled_from(EMPLIDS)
)
types = st.frozensets(st.sampled_from([fold(name) for name in TYPES]), max_size=3)
codes = st.sampled_from([HoldCode("LIB", "FINE"), HoldCode("LBL", "LOST"), HoldCode("ZZZ")])
policies = st.builds(
    HoldPolicy,
    default_code=st.just(HoldCode("LIB", "FINE")),
    trigger_types=types,
    ignored_types=st.sampled_from([frozenset(), frozenset({fold("LOSTITEM")})]),
    known_types=st.sampled_from([frozenset(), frozenset(fold(name) for name in TYPES[:3])]),
    exempt_groups=st.sampled_from([frozenset(), frozenset({"fac"})]),
    minimum_total_cents=st.sampled_from([0, 0, 300, 1_000]),
    grace_days=st.sampled_from([0, 0, 7]),
    keep_disputed_out=st.booleans(),
    style=st.sampled_from(["delta", "ids"]),
    codes_by_type=st.one_of(
        st.just({}), st.dictionaries(st.sampled_from([fold(name) for name in TYPES]), codes, max_size=3)
    ),
)
registers = st.lists(
    st.builds(
        HoldInForce,
        emplid=st.sampled_from([*EMPLIDS, "GONE"]),
        hold_code=st.sampled_from(["LIB", "LIB", "LBL", "OLD"]),
        amount_cents=st.sampled_from([1, 250, 277, 1_000, 1_250]),
        hold_reason=st.sampled_from(["FINE", "EARLY"]),
    ),
    max_size=5,
    unique_by=lambda hold: (hold.emplid, hold.hold_code),
)
worlds = st.builds(
    World,
    rows=st.lists(st.one_of(fees, fees, fees, refused, seen), max_size=14),
    register=registers,
    policy=policies,
    released=st.sets(st.sampled_from(EMPLIDS), max_size=1),
    covers_everyone=st.booleans(),
)
