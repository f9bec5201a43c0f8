"""``make bench``: every speed promise as a ratio against the bare limit. ``make bench ARGS=holds`` runs some."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable

from tests.benchmarks.ratio import Ratio

BENCHMARKS: dict[str, str] = {
    "holds": "tests.benchmarks.bench_holds:holds_export",
    "collect": "tests.benchmarks.bench_collect:collect_analytics",
    "calls": "tests.benchmarks.bench_collect:alma_calls",
    "admission": "tests.benchmarks.bench_runs:admission",
    "throughput": "tests.benchmarks.bench_runs:throughput",
    "bursar": "tests.benchmarks.bursar_convert:conversion",
    "bursar_memory": "tests.benchmarks.bursar_convert:memory",
    "payments_read": "tests.benchmarks.payments_read:reading",
    "payments_read_memory": "tests.benchmarks.payments_read:memory",
    "payments": "tests.benchmarks.payments_import:payments_planned",
    "reconcile": "tests.benchmarks.reconcile:reconciliation",
    "bursar_run": "tests.benchmarks.bursar_whole_run:whole_run",
}


def main(wanted: list[str]) -> int:
    """Run the named benchmarks (all without names); 1 when a promise is missed, or could not be measured."""
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        print(f"No benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.")
        return 2
    print(f"{'promise':<44} {'ours':>11}     {'bare limit':>11}     {'ratio':>7}  target verdict")
    missed = 0
    for name in wanted or BENCHMARKS:
        module, function = BENCHMARKS[name].split(":")
        measure: Callable[[], Ratio | list[Ratio]] = getattr(importlib.import_module(module), function)
        try:
            measured = measure()
        except Exception:  # noqa: BLE001 - the others are still to be measured
            missed += 1
            print(f"{name} could not be measured.\n{traceback.format_exc()}", flush=True)
            continue
        for result in [measured] if isinstance(measured, Ratio) else measured:
            missed += not result.is_kept
            print(result.row(), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
