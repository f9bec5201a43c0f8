"""Finding the bursar export in what FOLIO hands out.

Source: folio-org/ui-plugin-bursar-export (src/api/dto/dto-types.ts) and folio-org/mod-data-export-worker
(BursarTokenFormatter, BursarFilterEvaluator), on GitHub, 2023 and later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

_TYPE: Final = "BURSAR_FEES_FINES"
_MOST_TOKENS: Final = 500


class FolioError(ValueError):
    """This is no bursar export of FOLIO's that can be read; the message says why."""


def find_job(document: object) -> Mapping[str, Any]:
    """The export job in a saved configuration, a list of them (the only bursar export in it), or the job alone.

    Raises: FolioError.
    """
    if isinstance(document, Mapping) and isinstance(document.get("configs"), list):
        document = document["configs"]
    if isinstance(document, Sequence) and not isinstance(document, str):
        found = [one for one in document if isinstance(one, Mapping) and one.get("type") == _TYPE]
        if len(found) != 1:
            raise FolioError(
                f"The list has {len(found)} configurations of type {_TYPE}; give a file with one of them."
            )
        document = found[0]
    if not isinstance(document, Mapping):
        raise FolioError("A FOLIO export configuration is a JSON object in braces.")
    job = document
    for key in ("exportTypeSpecificParameters", "bursarFeeFines"):
        inner = job.get(key)
        job = inner if isinstance(inner, Mapping) else job
    if "daysOutstanding" in job:
        raise FolioError(
            "This is a bursar export of a FOLIO before 2023, which had a fixed form and no tokens. Open it in a newer "
            "FOLIO, save it there, and import that."
        )
    if not objects(job, "data"):
        raise FolioError(
            "There is no list “data” of tokens in it, so it does not say what a line looks like."
        )
    return job


def objects(of: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list; none where it is absent. Raises: FolioError when it is something else, or endless."""
    found = of.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise FolioError(f"“{key}” must be a list of objects.")
    if len(found) > _MOST_TOKENS:
        raise FolioError(f"“{key}” has {len(found)} entries; more than {_MOST_TOKENS} cannot be meant.")
    return found


def text_of(of: Mapping[str, Any], key: str) -> str:
    """A text member; empty where it is absent or something else."""
    found = of.get(key)
    return found if isinstance(found, str) else ""


def whole_of(of: Mapping[str, Any], key: str) -> int | None:
    """A whole number, also when written like 5.0; None where there is none."""
    found = of.get(key)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or abs(found) > 10**12:
        return None
    return int(found) if found == int(found) else None
