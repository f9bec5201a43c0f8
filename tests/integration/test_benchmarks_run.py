"""That the benchmarks still measure what the pipelines have become. Their figures are judged by ``make bench`` alone."""

import os
import subprocess
import sys

import pytest

SIZES = ("PATRONS", "FEES", "PAYMENTS", "RECONCILE")


@pytest.mark.parametrize("name", ["holds", "bursar", "bursar_run", "payments", "reconcile"])
def test_a_benchmark_can_be_run_to_its_end(name):
    small = {f"FEEBRIDGE_BENCH_{size}": "2000" for size in SIZES} | {"FEEBRIDGE_BENCH_ROUNDS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", name],
        env={**os.environ, **small},
        check=False,  # a promise may be missed at this size
        capture_output=True,
        text=True,
    )
    assert "could not be measured" not in done.stdout, done.stdout + done.stderr
    assert "ratio" in done.stdout
    assert len(done.stdout.splitlines()) >= 2
