"""The pipelines a worker knows, by name; each is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.steps import Pipeline


class Registry(Mapping[str, "Pipeline"]):
    """Pipelines by name, each given as ``module:attribute``."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._loaded: dict[str, Pipeline] = {}

    def add(self, pipeline: Pipeline) -> None:
        """Make one more pipeline known in this process."""
        self._places[pipeline.name] = ""
        self._loaded[pipeline.name] = pipeline

    def load_all(self) -> None:
        """Import every pipeline now, so that forked children find them ready."""
        for name in self:
            self[name]

    def __getitem__(self, name: str) -> Pipeline:
        if name not in self._loaded:
            module_name, _, attribute = self._places[name].partition(":")
            self._loaded[name] = getattr(import_module(module_name), attribute)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


PIPELINES = Registry(
    {
        "holds_export": "worker.pipelines.holds_export:HOLDS_EXPORT",
        "balance_export": "worker.pipelines.balance_export:BALANCE_EXPORT",
        "bursar_acknowledgements": "worker.pipelines.bursar_acknowledgements:BURSAR_ACKNOWLEDGEMENTS",
        "bursar_conversion": "worker.pipelines.bursar_conversion:BURSAR_CONVERSION",
        "gl_journal": "worker.pipelines.gl_journal:GL_JOURNAL",
        "payment_import": "worker.pipelines.payment_import:PAYMENT_IMPORT",
        "payment_posting": "worker.pipelines.payment_posting:PAYMENT_POSTING",
        "reconciliation": "worker.pipelines.reconciliation:RECONCILIATION",
        "resend_file": "worker.pipelines.resend_file:RESEND_FILE",
    }
)
