"""Layouts whichever way their files go: out of Feebridge, or into it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from webapp.domain.layouts.built_in import BUILT_IN
from webapp.domain.layouts.check import check_layout, load_layout_set
from webapp.domain.layouts.describe import SetDescription, describe
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.inbound import READY_MADE_INBOUND, check_inbound, is_inbound, load_inbound
from webapp.domain.layouts.inbound_describe import describe_inbound
from webapp.domain.layouts.inbound_model import InboundLayout
from webapp.domain.layouts.model import LayoutSet

READY_MADE: Final[Mapping[str, dict[str, Any]]] = MappingProxyType({**BUILT_IN, **READY_MADE_INBOUND})
"""Every layout that comes with Feebridge, by name."""


def check_either(document: Mapping[str, Any]) -> list[Fault]:
    """Everything wrong with a document as the layout that it says it is."""
    return check_inbound(document) if is_inbound(document) else check_layout(document)


def describe_either(document: Mapping[str, Any]) -> tuple[LayoutSet | InboundLayout, SetDescription]:
    """The layout that a document describes, and its specification. Raises: LayoutError."""
    if is_inbound(document):
        layout = load_inbound(document)
        return layout, describe_inbound(layout)
    loaded = load_layout_set(document)
    return loaded, describe(loaded)


def subject_of(document: Mapping[str, Any]) -> str:
    """What a layout is about: what goes out (holds, charges, …), or of what comes in payments, hold_list or answers."""
    if is_inbound(document):
        if "payments" in document:
            return "payments"
        columns = document.get("columns")
        fields = (
            [one.get("field") for one in columns if isinstance(one, Mapping)]
            if isinstance(columns, list)
            else []
        )
        return "hold_list" if "hold_code" in fields else "answers"
    return str(document.get("subject", "holds"))
