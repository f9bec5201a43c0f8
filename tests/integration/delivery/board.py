"""A fault board as small as these tests need: the first fault that fits the moment strikes."""

import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Trouble:
    where: str
    kind: str
    times: int = 1
    after: int = 0
    options: dict[str, Any] = field(default_factory=dict)


class Board:
    def __init__(self):
        self._lock = threading.Lock()
        self._waiting = []

    def add(self, where, kind, *, times=1, after=0, **options):
        self._waiting.append(Trouble(where, kind, times, after, options))

    def clear(self):
        self._waiting.clear()

    def take(self, where, *kinds):
        with self._lock:
            for trouble in self._waiting:
                covers = where == trouble.where or where.startswith(f"{trouble.where}.")
                if not covers or (kinds and trouble.kind not in kinds) or trouble.times == 0:
                    continue
                if trouble.after:
                    trouble.after -= 1
                    continue
                trouble.times -= 1
                return trouble
        return None
