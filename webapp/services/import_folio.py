"""Read the file of a FOLIO bursar export as a layout, with everything a person must know before using it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from webapp.domain.folio import FolioError, ImportedExport, import_export
from webapp.domain.layouts import Fault, check_layout

LONGEST_FILE = 1_000_000
_MOST_CODES = 1_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The import, and what is still wrong with its layout: ``faults`` must be put right before it can be used."""

    imported: ImportedExport
    faults: tuple[Fault, ...]


def import_folio(content: bytes | str, *, name: str, codes: Mapping[str, str] | None = None) -> ImportReport:
    """The layout that a file's content describes. ``codes``: what FOLIO's ids are called in Alma, by id.

    Raises: FolioError with a sentence, when it is no such file; nothing is stored in any case.
    """
    if len(content) > LONGEST_FILE:
        raise FolioError(
            f"The file is larger than {LONGEST_FILE:,} bytes; a configuration has a few thousand."
        )
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        configuration = json.loads(text)
    except UnicodeDecodeError as err:
        raise FolioError("The file is not text in UTF-8.") from err
    except (ValueError, RecursionError) as err:
        raise FolioError(f"The file is not JSON: {err}.") from err
    imported = import_export(configuration, name=name, codes=codes)
    return ImportReport(imported, tuple(check_layout(imported.document)))


def read_codes(text: str) -> dict[str, str]:
    """Codes as a person types them, a line each: ``FOLIO's id = Alma's code``.

    Raises: FolioError naming the line that is neither empty nor of that form.
    """
    lines = text.splitlines()
    if len(lines) > _MOST_CODES:
        raise FolioError(f"More than {_MOST_CODES:,} lines of codes cannot be meant.")
    codes = {}
    for number, line in enumerate(lines, 1):
        folio_id, equals, code = (part.strip() for part in line.partition("="))
        if not (folio_id or equals):
            continue
        if not (folio_id and code):
            raise FolioError(
                f"Line {number} of the codes must read “FOLIO's id = Alma's code”, not {line[:60]!r}."
            )
        codes[folio_id] = code
    return codes
