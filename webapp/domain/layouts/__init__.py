"""Layouts: the structure of a file as data, and the engine that writes files from it.

A layout is JSON ("feebridge/layout/1", docs/layouts.md). ``load_layout`` reads it, ``compile_layout`` makes it ready
for one run, ``render`` streams rows through it.
"""

from webapp.domain.layouts.built_in import BUILT_IN
from webapp.domain.layouts.catalogue import (
    HOLD_FIELDS,
    RUN_FIELDS,
    TOTAL_FIELDS,
    Aggregates,
    Catalogue,
    FieldKind,
    Row,
    Value,
)
from webapp.domain.layouts.check import check_layout, load_layout
from webapp.domain.layouts.compile import CompiledLayout, compile_layout
from webapp.domain.layouts.compile_pieces import RenderContext
from webapp.domain.layouts.faults import Fault, LayoutError, RowRefusedError, TotalsDifferError
from webapp.domain.layouts.model import Layout
from webapp.domain.layouts.render import RenderSummary, measure_rows, render

__all__ = [
    "BUILT_IN",
    "HOLD_FIELDS",
    "RUN_FIELDS",
    "TOTAL_FIELDS",
    "Aggregates",
    "Catalogue",
    "CompiledLayout",
    "Fault",
    "FieldKind",
    "Layout",
    "LayoutError",
    "RenderContext",
    "RenderSummary",
    "Row",
    "RowRefusedError",
    "TotalsDifferError",
    "Value",
    "check_layout",
    "compile_layout",
    "load_layout",
    "measure_rows",
    "render",
]
