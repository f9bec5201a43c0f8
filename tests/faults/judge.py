"""The judge of holds exports under faults: reads the other side's own log, and believes nothing else about it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.campuses import Campuses
from webapp.domain.holds import EXCLUDED, KEPT, QUARANTINED

ENDED = {"succeeded", "nothing_to_send", "failed", "cancelled"}
RENAMES = {"rename", "posix_rename"}
Register = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at; anything wrong has raised already."""

    runs: int
    files: int
    mails: int
    mails_twice: int
    failed: int


def judge(campuses: Campuses, tenant_ids: list[int], *, lease_s: int) -> Verdict:
    """Hold everything that happened so far to these campuses against the promises. Raises: AssertionError."""
    judge_occurrences(campuses, tenant_ids)
    failed = judge_ends(campuses, tenant_ids)
    files = judge_files(campuses, tenant_ids)
    mails, mails_twice = judge_mails(campuses, tenant_ids)
    judge_conservation(campuses, tenant_ids)
    for tenant_id in tenant_ids:
        assert register_of(campuses, tenant_id) == replay(campuses, tenant_id), f"register of {tenant_id}"
    until = time.monotonic() + 2 * lease_s + 2
    while found := left_behind(campuses, tenant_ids):
        assert time.monotonic() < until, f"left behind: {found}"
        time.sleep(0.2)
    (runs,) = campuses.home.sql("SELECT count(*) FROM run WHERE tenant_id = ANY(%s)", tenant_ids)[0]
    return Verdict(runs, files, mails, mails_twice, failed)


def judge_occurrences(campuses: Campuses, tenant_ids: list[int]) -> None:
    """Every time that was due became one occurrence, and every occurrence one run."""
    found = Counter(
        (tenant_id, key)
        for tenant_id, key in campuses.home.sql(
            "SELECT o.tenant_id, o.local_key FROM occurrence o JOIN run r ON r.occurrence_id = o.id"
        )
    )
    expected = {(tenant_id, key) for tenant_id, key in campuses.expected if tenant_id in tenant_ids}
    assert {one for one in found if one[0] in tenant_ids} == expected, "an occurrence too few, or too many"
    assert set(found.values()) <= {1}, "an occurrence was run twice"


def judge_ends(campuses: Campuses, tenant_ids: list[int]) -> int:
    """Every run ended, or waits for a person, and says how; returns how many failed."""
    rows = campuses.home.sql("SELECT id, state, story, error FROM run WHERE tenant_id = ANY(%s)", tenant_ids)
    assert [row for row in rows if row[1] not in ENDED | {"awaiting_approval"} or not row[2]] == []
    return sum(state == "failed" for _, state, _, _ in rows)


def judge_files(campuses: Campuses, tenant_ids: list[int]) -> int:
    """Each file came to its final name once, whole, with the recorded bytes; nothing was written in the open."""
    operations = campuses.other_side.operations()
    in_the_open = [o for o in operations if o["act"] == "open" and not Path(o["path"]).name.startswith(".")]
    assert in_the_open == [], "a final name was written to"
    times = Counter(path for path, _ in arrived(operations))
    assert set(times.values()) <= {1}, f"delivered twice: {times.most_common(3)}"
    recorded = _paths(
        campuses,
        "SELECT tenant_id, name, sha256 FROM file WHERE confirmed_at IS NOT NULL AND tenant_id = ANY(%s)",
        tenant_ids,
    )
    doubtful = _paths(
        campuses,
        "SELECT tenant_id, detail->>'name', '' FROM effect WHERE state = 'unknown' AND tenant_id = ANY(%s)",
        tenant_ids,
    )
    folders = {campuses.institution(tenant_id) for tenant_id in tenant_ids}
    assert recorded == {
        path: sha256
        for path, sha256 in arrived(operations)
        if path not in doubtful and path.partition("/")[0] in folders
    }
    return len(recorded)


def judge_mails(campuses: Campuses, tenant_ids: list[int]) -> tuple[int, int]:
    """Each mail came once, or, after an unknown answer, at most twice under the same Message-ID.

    Returns how many different mails came, and how many of them twice.
    """
    sent = {
        message_id: (state, attempts)
        for message_id, state, attempts in campuses.home.sql(
            "SELECT detail->>'message_id', state, attempts FROM effect WHERE kind IN ('mail', 'notice') AND tenant_id = ANY(%s)",
            tenant_ids,
        )
    }
    homes = {f"holds@campus{tenant_id}.example" for tenant_id in tenant_ids}
    times = Counter(
        mail["message_id"] for mail in campuses.other_side.mails() if homes & {*mail["envelope_to"]}
    )
    assert set(times) <= set(sent), "a mail came that nobody meant to send"
    lost = [i for i, (state, _) in sent.items() if state == "confirmed" and not times[i]]
    assert lost == [], "a mail was lost"
    twice = [i for i, count in times.items() if count > 1]
    assert [i for i in twice if times[i] > 2 or sent[i][1] < 2] == [], "a mail was doubled without a doubt"
    return len(times), len(twice)


def judge_conservation(campuses: Campuses, tenant_ids: list[int]) -> None:
    """Rows and cents in = kept + quarantined + excluded; what was to be told = what the files say."""
    query = "SELECT id, counts FROM run WHERE state = 'succeeded' AND tenant_id = ANY(%s)"
    for run_id, counts in campuses.home.sql(query, tenant_ids):
        names = (*KEPT, *EXCLUDED, *QUARANTINED)
        assert counts["collected_rows"] == sum(counts.get(f"rows_{name}", 0) for name in names), run_id
        assert counts["collected_cents"] == sum(counts.get(f"cents_{name}", 0) for name in names), run_id
        told: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for kind, rows, cents in campuses.home.sql(
            "SELECT kind, row_count, total_cents FROM file WHERE run_id = %s", run_id
        ):
            told[kind][0] += rows
            told[kind][1] += cents
        assert told["added"] == [
            counts["added"] + counts["updated"],
            counts["added_cents"] + counts["updated_cents"],
        ], run_id
        assert told["released"][0] == counts["released"], run_id


def arrived(operations: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Path and sha256 of each file that came to its final name, in order."""
    for operation in operations:
        if operation["act"] in RENAMES and operation["result"] == "ok":
            yield operation["path"].lstrip("/"), operation["sha256"]


def _paths(campuses: Campuses, query: str, tenant_ids: list[int]) -> dict[str, str]:
    rows = campuses.home.sql(query, tenant_ids)
    return {f"{campuses.institution(tenant_id)}/{name}": sha256 for tenant_id, name, sha256 in rows}


def replay(campuses: Campuses, tenant_id: int) -> Register:
    """What somebody knows who began with nothing and applied every delivered file in the order of arrival."""
    folder = campuses.institution(tenant_id)
    known: Register = {}
    for path, _ in arrived(campuses.other_side.operations()):
        if path.startswith(f"{folder}/"):
            _apply(known, Path(path).name, campuses.other_side.content(path).decode("ascii").splitlines())
    return known


def _apply(known: Register, name: str, lines: Iterable[str]) -> None:
    _, kind, hold_code, _ = name.split("_", 3)
    for line in lines:
        emplid, amount = line.split("\t")[:2]
        cents = int(amount.replace(".", ""))
        if kind == "added":
            assert cents > 0
            known[emplid, hold_code] = cents
        else:
            assert cents == 0
            assert known.pop((emplid, hold_code), None), f"{name} releases a hold that was never told"


def register_of(campuses: Campuses, tenant_id: int) -> Register:
    """What Feebridge believes PeopleSoft was last told."""
    rows = campuses.home.sql(
        "SELECT emplid, hold_code, amount_cents FROM hold_register WHERE tenant_id = %s", tenant_id
    )
    return {(emplid, hold_code): cents for emplid, hold_code, cents in rows}


def owed_by_register(campuses: Campuses, tenant_id: int) -> dict[str, int]:
    """The register's totals by patron, over all hold codes."""
    owed: Counter[str] = Counter()
    for (emplid, _), cents in register_of(campuses, tenant_id).items():
        owed[emplid] += cents
    return dict(owed)


def left_behind(campuses: Campuses, tenant_ids: list[int]) -> list[Any]:
    """Leases, parts of files, and locks that nobody holds any more but that are still there."""
    home, other_side = campuses.home, campuses.other_side
    leases = home.sql("SELECT id FROM run WHERE lease_until IS NOT NULL AND tenant_id = ANY(%s)", tenant_ids)
    parts = [
        path
        for root in (home.folder / "files", other_side.drop_root, Path(home.environ["TMPDIR"]))
        for path in root.rglob("*")
        if path.is_file() and path.name.endswith(".part")
    ]
    locks = home.sql(
        "SELECT pid, application_name, state, query FROM pg_stat_activity "
        "WHERE state LIKE 'idle in transaction%%' AND now() - state_change > interval '1 second'"
    )
    return [*leases, *parts, *locks]
