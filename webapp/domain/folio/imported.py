"""A bursar export of FOLIO's as a layout and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from webapp.domain.folio.filters import Codes, settings_of
from webapp.domain.folio.job import find_job, objects, text_of
from webapp.domain.folio.lines import Form, Part, line_end, split_lines
from webapp.domain.folio.notes import Note, Notes
from webapp.domain.folio.tokens import TokenReader

_FILE_NAME: Final = "{campus}_bursar_{YYYY}{MM}{DD}_{sequence:4}.txt"


@dataclass(frozen=True, slots=True)
class ImportedExport:
    """``document`` is a layout, ``settings`` values for the settings section "bursar"; ``notes`` what a person must know."""

    document: dict[str, Any]
    settings: dict[str, Any]
    notes: tuple[Note, ...]


def import_export(
    configuration: object, *, name: str, codes: Mapping[str, str] | None = None
) -> ImportedExport:
    """Read a configuration (FOLIO's JSON, loaded). ``codes``: what FOLIO's ids are called in Alma, by id.

    Raises: FolioError.
    """
    job, notes = find_job(configuration), Notes()
    known = Codes(codes or {}, notes)
    by_patron = job.get("groupByPatron") is True
    reader = TokenReader(known, notes, by_patron=by_patron)
    header, data, footer = (
        split_lines([reader.read(token, f"{key} {at}") for at, token in enumerate(objects(job, key), 1)])
        for key in ("header", "data", "footer")
    )
    document = {
        "format": "feebridge/layout/1",
        "name": name[:80],
        "description": "Imported from a bursar export of FOLIO's.",
        "subject": "charges",
        **({"rows": "per_patron", "group_by": ["patron_id"], "sort": ["patron_id"]} if by_patron else {}),
        "encoding": "utf-8",
        "line_end": line_end((header, data, footer), notes),
        "final_newline": (footer if footer.lines else data).ends_with_end,
        "file_name": _FILE_NAME,
        **_form_and_records(header, data, footer, notes),
    }
    settings = _settings(job, known, notes)
    _note_the_rest(job, (header, data, footer), notes)
    return ImportedExport(document, settings, tuple(notes.found))


def _form_and_records(header: Part, data: Part, footer: Part, notes: Notes) -> dict[str, Any]:
    form = Form([*header.lines[:1], *data.lines, *footer.lines[-1:]], data.lines, notes)
    records: dict[str, Any] = {}
    if header.lines:
        records["header"] = form.columns(header.lines[0], "header")
    records["detail"] = form.columns(data.lines[0], "data") if data.lines else []
    if len(data.lines) > 1:
        records["text"] = [{"columns": form.columns(line, "data")} for line in data.lines[1:]]
    if footer.lines:
        records["trailer"] = form.columns(footer.lines[-1], "footer")
    return {**form.keys(), "records": records}


def _settings(job: Mapping[str, Any], codes: Codes, notes: Notes) -> dict[str, Any]:
    criteria = job.get("filter")
    found = settings_of(criteria, codes, notes) if isinstance(criteria, Mapping) else {}
    limit = job.get("groupByPatronFilter")
    if isinstance(limit, Mapping) and job.get("groupByPatron") is True:
        test = text_of(limit, "condition").lower().replace("_", " ")
        notes.missing(
            "filter by patron",
            f"Only patrons with {text_of(limit, 'property').lower().replace('_', ' ')} {test} {limit.get('amount')}: "
            "a patron is not left out by a sum here.",
        )
    return found


def _note_the_rest(job: Mapping[str, Any], parts: tuple[Part, Part, Part], notes: Notes) -> None:
    header, data, footer = parts
    for part, place in ((header, "header"), (footer, "footer")):
        if len(part.lines) > 1:
            kept = "first" if part is header else "last"
            notes.missing(place, f"It has {len(part.lines)} lines; only the {kept} is kept.")
    if not (data.begins_with_end or data.ends_with_end):
        notes.changed(
            "data", "There is no line end, so FOLIO writes all fees in one line; here each has its own."
        )
    for before, after, words in (
        (header, data, "header and the first fee"),
        (data, footer, "last fee and the footer"),
    ):
        if before.lines and after.lines and not (before.ends_with_end or after.begins_with_end):
            notes.changed("line ends", f"The {words} stood in one line; here each has its own.")
    transfer = job.get("transferInfo")
    conditions = objects(transfer, "conditions") if isinstance(transfer, Mapping) else []
    notes.missing(
        "transfer",
        f"FOLIO moves exported fees to accounts ({len(conditions)} rules and the usual one). Alma's own profile closes "
        "the fees that it exports, and the ledger here remembers what the bursar was told.",
    )
    notes.changed(
        "credits", "FOLIO writes fees only; here credits and reversals come too, with amounts below zero."
    )
    notes.changed("file name", f"FOLIO makes names of its own; the file is called {_FILE_NAME}.")
