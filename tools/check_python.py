"""Stop early, in words, on a Python that is too old."""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        f"Feebridge needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
        "Nothing was installed. Name a newer one: make demo PYTHON=python3.12"
    )
