"""Python's search for cycles, less often while rows stream by the hundred thousand."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_OBJECTS_BETWEEN_LOOKS: Final = 100_000


@contextmanager
def calm_collector() -> Iterator[None]:
    """Rows hold no cycles, but there are so many that looking for some takes a tenth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
