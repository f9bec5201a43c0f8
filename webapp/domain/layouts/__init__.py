"""Layouts: the structure of a file as data, and the engine that writes files from it.

A layout is JSON ("feebridge/layout/1", docs/layouts.md). ``load_layout`` reads it, ``compile_layout`` makes it ready
for one run, ``render`` streams rows through it. A document that describes a set of files goes the same way through
``load_layout_set``, ``compile_set`` and ``render_set``.
"""

from webapp.domain.layouts.built_in import BUILT_IN
from webapp.domain.layouts.catalogue import (
    FEE_FIELDS,
    HOLD_FIELDS,
    RUN_FIELDS,
    TOTAL_FIELDS,
    Aggregates,
    Catalogue,
    FieldKind,
    Row,
    Value,
)
from webapp.domain.layouts.check import check_layout, load_layout, load_layout_set
from webapp.domain.layouts.compile import CompiledLayout, compile_layout
from webapp.domain.layouts.compile_pieces import RenderContext
from webapp.domain.layouts.compile_set import CompiledSet, PartTotals, SetContext, compile_set
from webapp.domain.layouts.describe import (
    ColumnDescription,
    FileDescription,
    RecordDescription,
    SetDescription,
    describe,
)
from webapp.domain.layouts.explain import Cell, ExplainedLine, Explanation, explain
from webapp.domain.layouts.faults import Fault, LayoutError, RenderError, RowRefusedError, TotalsDifferError
from webapp.domain.layouts.file_writer import RenderedFile
from webapp.domain.layouts.model import FileLayout, Layout, LayoutSet
from webapp.domain.layouts.overrides import apply_overrides
from webapp.domain.layouts.part_writer import Sink
from webapp.domain.layouts.render import RenderSummary, measure_rows, render
from webapp.domain.layouts.render_set import render_set

__all__ = [
    "BUILT_IN",
    "FEE_FIELDS",
    "HOLD_FIELDS",
    "RUN_FIELDS",
    "TOTAL_FIELDS",
    "Aggregates",
    "Catalogue",
    "Cell",
    "ColumnDescription",
    "CompiledLayout",
    "CompiledSet",
    "ExplainedLine",
    "Explanation",
    "Fault",
    "FieldKind",
    "FileDescription",
    "FileLayout",
    "Layout",
    "LayoutError",
    "LayoutSet",
    "PartTotals",
    "RecordDescription",
    "RenderContext",
    "RenderError",
    "RenderSummary",
    "RenderedFile",
    "Row",
    "RowRefusedError",
    "SetContext",
    "SetDescription",
    "Sink",
    "TotalsDifferError",
    "Value",
    "apply_overrides",
    "check_layout",
    "compile_layout",
    "compile_set",
    "describe",
    "explain",
    "load_layout",
    "load_layout_set",
    "measure_rows",
    "render",
    "render_set",
]
