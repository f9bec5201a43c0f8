"""From JSON to a set of file layouts, noting every fault on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import FileLayout, Layout, LayoutSet
from webapp.domain.layouts.read_conditions import read_condition
from webapp.domain.layouts.read_file import FILE_KEYS, Shared, read_file
from webapp.domain.layouts.read_shared import read_aggregates, read_calendars, read_fields, read_tables
from webapp.domain.layouts.reading import Node, Overlay, shown

FORMAT: Final = "feebridge/layout/1"
_SHARED_KEYS: Final = (
    "format",
    "name",
    "description",
    "subject",
    "tables",
    "calendars",
    "fields",
    "aggregates",
)
SPLIT_KEYS: Final = ("max_rows", "one_per")
DOCUMENT_KEYS: Final = (*_SHARED_KEYS, *FILE_KEYS, *SPLIT_KEYS, "files")
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")
_MAX_FILES: Final = 20
Subject = Literal["holds", "charges", "journal"]


def read_layout(document: object) -> tuple[Layout, list[Fault]]:
    """The layout of a document that describes one file of one line per row, and what is wrong with its structure.

    The layout is fit for use only when there are no faults; else it helps to find further ones.
    """
    layouts, faults = read_layout_set(document)
    first = layouts.files[0].layout
    extra = [
        (f"$.{key}", f"{key!r} needs a layout with several files or records; it is read as a set")
        for key in ("files", "fields", "aggregates", "group_by", *SPLIT_KEYS)
        if isinstance(document, Mapping) and key in document
    ]
    extra += [
        (f"$.records.{kind}", f"a {kind} record is for layouts that are read as a set")
        for kind, _ in first.records()
        if kind not in {"header", "detail", "trailer"}
    ]
    return first, faults + [Fault(path, message) for path, message in extra]


def read_layout_set(document: object) -> tuple[LayoutSet, list[Fault]]:
    """The set as far as it can be read, and what is wrong with its structure.

    The set is fit for use only when there are no faults; else it helps to find further ones.
    """
    faults: list[Fault] = []
    top = Node(document, "$", faults, DOCUMENT_KEYS)
    top.require("format", "name")
    top.choice("format", (FORMAT,), FORMAT)
    subject: Subject = top.choice("subject", ("holds", "charges", "journal"), "holds")
    shared = Shared(subject, read_tables(top), read_calendars(top), read_aggregates(top))
    layouts = LayoutSet(
        name=top.text("name", lowest=1, highest=100),
        description=top.text("description"),
        subject=subject,
        files=_files(top, shared),
        fields=read_fields(top, subject),
        aggregates=shared.aggregates,
        calendars=shared.calendars,
        tables=shared.tables,
    )
    return layouts, list(dict.fromkeys(faults))


def _files(top: Node, shared: Shared) -> tuple[FileLayout, ...]:
    if not top.has("files"):
        return (_file(top, shared, shared.subject),)
    found: list[FileLayout] = []
    kinds: set[str] = set()
    for path, item in top.items("files", 1, _MAX_FILES):
        block = Node(item, path, top.faults, ("kind", "when", *FILE_KEYS, *SPLIT_KEYS))
        block.require("kind")
        kind = block.text("kind", "", lowest=1)
        if kind and not _KIND.fullmatch(kind):
            block.refuse(
                "kind", f"must be 1 to 20 small letters, digits or _ after a letter, not {shown(kind)}"
            )
        if kind in kinds:
            block.refuse("kind", f"{kind!r} is there twice; files are told apart by it")
        kinds.add(kind)
        found.append(_file(Overlay(top, block, _foreign_keys(top, block)), shared, kind, block))
    return tuple(found) or (_file(top, shared, shared.subject),)


def _foreign_keys(top: Node, block: Node) -> tuple[str, ...]:
    """What a file does not take over from the document, because it only makes sense in the document's own mode."""
    mode = block.members.get("mode", top.members.get("mode"))
    if mode == top.members.get("mode"):
        return ()
    return ("quote", "heading", "line_length", *(("delimiter",) if mode == "positional" else ()))


def _file(node: Node, shared: Shared, kind: str, block: Node | None = None) -> FileLayout:
    condition = None
    if block is not None and block.has("when"):
        condition = read_condition(block.members["when"], block.at("when"), block.faults, 1)
    path = "$" if block is None else block.path
    return FileLayout(
        kind=kind,
        path=path,
        when=condition,
        layout=read_file(node, path, shared),
        max_rows=node.whole("max_rows", 1, 10_000_000),
        one_per=node.texts("one_per", 1, 10),
    )
