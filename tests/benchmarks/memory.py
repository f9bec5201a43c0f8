"""The most memory that this process has had."""

from __future__ import annotations

import re
from pathlib import Path


def peak_mib() -> int:
    """Resident MiB at most since the program began, from Linux's ``VmHWM``.

    Not ``getrusage``: what it tells includes the process that started this one.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) >> 10
