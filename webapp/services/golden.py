"""Golden examples: rows and the files that a layout made of them when somebody looked and said they were right."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from webapp.domain.layouts import (
    LayoutError,
    LayoutSet,
    RenderError,
    RowRefusedError,
    SetContext,
    compile_set,
    load_layout_set,
    render_set,
)
from webapp.domain.layouts.catalogue import SUBJECTS, FieldKind, Row, Value
from webapp.domain.layouts.file_names import FileNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MOST_DIFFERENCES: Final = 20


class _Kept(io.BytesIO):
    """The bytes of one part; closing it does not lose them."""

    def close(self) -> None:
        """Nothing: the bytes are still read."""


def ready_made_golden(name: str) -> dict[str, Any] | None:
    """The golden example that comes with a ready-made layout, or None where there is none."""
    place = resources.files("webapp.domain.layouts") / "ready_made" / "golden" / f"{name}.json"
    return json.loads(place.read_text(encoding="utf-8")) if place.is_file() else None


def check_golden(document: Mapping[str, Any], golden: Mapping[str, Any]) -> list[str]:
    """What the layout makes of the golden rows that differs from the golden files, as sentences; none when all is well.

    ``golden`` holds ``rows`` (fields of the layout's subject, days and moments as ISO text), ``run_at`` (ISO, aware),
    ``files`` (name to text), and if wanted ``campus``, ``campus_name``, ``sequence``, ``profile_code``,
    ``export_number``. A layout with faults, or one that refuses a row, differs too.
    """
    try:
        made, refused = make_golden_files(document, golden)
    except LayoutError as err:
        return [f"The layout has a fault: {fault}" for fault in err.faults]
    except (RenderError, RowRefusedError, FileNameError, ValueError) as err:
        return [f"The files cannot be made: {err}"]
    found = list(refused)
    expected: Mapping[str, str] = golden["files"]
    found += [f"The file {name} is not made any more." for name in expected if name not in made]
    found += [f"There is a new file {name}." for name in made if name not in expected]
    for name in expected:
        if name in made:
            found += _compare(name, expected[name], made[name])
    return found[:_MOST_DIFFERENCES]


def make_golden_files(
    document: Mapping[str, Any], golden: Mapping[str, Any]
) -> tuple[dict[str, str], list[str]]:
    """The files that the layout makes of the golden rows (name to text), and a sentence for each row it refuses.

    Raises: LayoutError, RenderError, RowRefusedError, FileNameError; ValueError for a row that is not one.
    """
    layouts = load_layout_set(document)
    compiled = compile_set(layouts, _context(golden))
    rows = [_thawed(row, SUBJECTS[layouts.subject]) for row in golden["rows"]]
    parts: dict[tuple[str, int], _Kept] = {}
    refused: list[str] = []

    def refuse(row: Row, error: RowRefusedError) -> None:
        number = next(
            (at for at, one in enumerate(rows, 1) if all(row.get(k) == v for k, v in one.items())), 0
        )
        refused.append(f"Row {number} is refused: {error.field}: {error.reason}")

    rendered = render_set(
        compiled, rows, lambda kind, part: parts.setdefault((kind, part), _Kept()), on_refused=refuse
    )
    encodings = _encodings(layouts)
    made = {
        file.name: parts[file.kind, file.part].getvalue().decode(encodings[file.kind]) for file in rendered
    }
    return made, refused


def golden_of(
    document: Mapping[str, Any], rows: Sequence[Row], *, run_at: datetime, campus: str, campus_name: str
) -> dict[str, Any] | None:
    """The golden example that these rows make today, or None where the layout refuses one of them or has no rows."""
    golden: dict[str, Any] = {
        "run_at": run_at.replace(microsecond=0).isoformat(),
        "campus": campus,
        "campus_name": campus_name,
        "rows": [{name: _frozen(value) for name, value in row.items()} for row in rows],
        "files": {},
    }
    if not rows:
        return None
    golden["files"], refused = make_golden_files(document, golden)
    return None if refused else golden


def thaw_rows(bodies: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows of charges kept as JSON, with days and moments as such again."""
    return [_thawed(body, SUBJECTS["charges"]) for body in bodies]


def _frozen(value: Value) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _encodings(layouts: LayoutSet) -> dict[str, str]:
    return {file.kind: file.layout.encoding for file in layouts.files}


def _context(golden: Mapping[str, Any]) -> SetContext:
    run_at = datetime.fromisoformat(golden["run_at"])
    if run_at.tzinfo is None:
        raise ValueError(
            "run_at of the golden example must name its offset, such as 2026-03-02T18:00:00-08:00"
        )
    return SetContext(
        run_at=run_at,
        campus=golden.get("campus", "campus"),
        campus_name=golden.get("campus_name", "Campus"),
        sequence=golden.get("sequence", 1),
        profile_code=golden.get("profile_code", ""),
        export_number=golden.get("export_number", ""),
    )


def _thawed(row: Mapping[str, Any], catalogue: Mapping[str, FieldKind]) -> dict[str, Value]:
    return {name: _value(value, catalogue.get(name, "text")) for name, value in row.items()}


def _value(value: Any, kind: FieldKind) -> Value:
    if not isinstance(value, str) or kind not in {"date", "datetime"}:
        return value  # type: ignore[no-any-return]  # JSON's own kinds are a layout's kinds
    return date.fromisoformat(value) if kind == "date" else datetime.fromisoformat(value)


def _compare(name: str, expected: str, made: str) -> list[str]:
    if expected == made:
        return []
    # Only line feeds end a line here: a lone carriage return is something to be seen.
    lines = zip(expected.split("\n"), made.split("\n"), strict=False)
    for number, (was, now) in enumerate(lines, 1):
        if was != now:
            return [f"{name}, line {number}: was {was!r}, would be {now!r}."]
    was_lines, now_lines = expected.count("\n"), made.count("\n")
    return [f"{name}: had {was_lines} line ends, would have {now_lines}."]
