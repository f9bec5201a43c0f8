"""Take the pictures of every page anew: the browser tests, keeping what they look at."""

from __future__ import annotations

import os
import subprocess
import sys


def main() -> int:
    """Write ``docs/screenshots/<page>-<width>.png``; the tests' own result is the result."""
    command = [sys.executable, "-m", "pytest", "tests/browser", "-q", *sys.argv[1:]]
    return subprocess.run(command, check=False, env={**os.environ, "FEEBRIDGE_SCREENSHOTS": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main())
