"""Find a Chromium for the browser tests, or install one where that is ours to do; else say what is left out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = (
    "No Chromium was found, so the browser tests will be left out. To have them, install it (on Debian or Ubuntu: "
    "apt-get install chromium) or name one in the CHROMIUM variable."
)


def find_browser() -> str | None:
    """The path of a Chromium: ``CHROMIUM``, else one on PATH."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if os.access(named, os.X_OK) else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def install_browser() -> None:
    """Install Debian's Chromium, quietly; a failure is not ours to judge, the next look will find nothing."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(command, check=False, env=environ, stdout=subprocess.DEVNULL, timeout=900)


def main() -> int:
    """Report on one line; 0 always, because the rest of the suite does not need a browser (CI insists by itself)."""
    found = find_browser()
    if not found and not os.environ.get("CHROMIUM") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests …", flush=True)
        install_browser()
        found = find_browser()
    print(f"Browser tests will use {found}." if found else HOW)
    return 0


if __name__ == "__main__":
    sys.exit(main())
