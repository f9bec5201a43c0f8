"""One bursar file into the files of one layout, on this machine alone: no database, no server, nothing started."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from webapp.adapters.alma.bursar_xml import BadRow, BursarFileError, read_bursar
from webapp.domain.arrivals import HEAD_BYTES, read_export_name, read_head
from webapp.domain.bursar import BursarPolicy, Conservation, Verdict, judge
from webapp.domain.layouts import (
    CompiledSet,
    LayoutError,
    RenderedFile,
    RenderError,
    RowRefusedError,
    SetContext,
    compile_set,
    load_layout_set,
    render_set,
)
from webapp.domain.layouts.file_names import FileNameError
from webapp.services.calm_collector import calm_collector
from webapp.services.conversion_folder import QUARANTINED_NAME, Folder, FolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from webapp.domain.bursar import FeeRow
    from webapp.domain.layouts import Row

_REPEATS_NAMED: Final = 5
_SLICES: Final = 8
_NEEDS_LEDGER: Final = (
    "A credit takes back a charge, and which one only the ledger of an installation knows; name one item type for such "
    "credits (credit_item_type), or settle it by hand."
)


class ConversionRefusedError(Exception):
    """The conversion was refused whole and left no file; the message says why and what to do."""


@dataclass(slots=True)
class ConversionReport:
    """What became of a file's rows. ``quarantined`` counts rows by reason's rule, with one reason in words each."""

    source: str
    layout: str
    export_number: str
    conservation: Conservation
    files: list[RenderedFile] = field(default_factory=list)
    quarantined: dict[str, tuple[int, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same for programs; money in integer cents."""
        kept = self.conservation
        return {
            "source": self.source,
            "layout": self.layout,
            "export_number": self.export_number,
            "rows_in": kept.came[0],
            "cents_in": kept.came[1],
            "rows_sent": kept.sent[0],
            "cents_sent": kept.sent[1],
            "rows_quarantined": kept.quarantined[0],
            "cents_quarantined": kept.quarantined[1],
            "excluded": {
                rule: {"rows": rows, "cents": cents} for rule, (rows, cents) in kept.excluded.items()
            },
            "quarantined": {
                rule: {"rows": rows, "first_reason": words}
                for rule, (rows, words) in self.quarantined.items()
            },
            "files": [
                {
                    "name": file.name,
                    "kind": file.kind,
                    "part": file.part,
                    "rows": file.rows,
                    "total_cents": file.total_cents,
                    "size": file.size,
                    "sha256": file.sha256,
                }
                for file in self.files
            ],
            "warnings": self.warnings,
        }


def convert_file(
    source: Path,
    layout_document: Mapping[str, Any],
    policy: BursarPolicy,
    run_at: datetime,
    out: Path,
    *,
    campus: str = "campus",
    campus_name: str = "",
    sequence: int = 1,
) -> ConversionReport:
    """Write the layout's files, and the quarantined rows as ``quarantined.csv``, into ``out``.

    ``run_at`` is aware and in campus time. The same file, layout, policy and day give the same bytes; files of the same
    name are replaced. Rows that cannot go out are in the report and in ``quarantined.csv``, never lost.
    Raises: ConversionRefusedError; then ``out`` is as it was.
    """
    try:
        layouts = load_layout_set(layout_document)
        if layouts.subject != "charges":
            raise ConversionRefusedError(
                f"The layout “{layouts.name}” is about holds; a bursar file needs one about charges."
            )
        with source.open("rb") as opened:
            head = read_head(opened.read(HEAD_BYTES))
        name = read_export_name(source.name)
        context = SetContext(
            run_at=run_at,
            campus=campus,
            campus_name=campus_name or campus,
            sequence=sequence,
            profile_code=name.profile_code if name else "",
            export_number=head.export_number,
        )
        compiled = compile_set(layouts, context)
        with Folder(out) as folder, calm_collector():
            return _Conversion(source, compiled, policy, folder).carry_out()
    except OSError as err:
        raise ConversionRefusedError(
            f"{err.filename or source}: {err.strerror}. No file was written."
        ) from err
    except BursarFileError as err:
        raise ConversionRefusedError(
            f"{source.name} was refused whole: {err} No file was written; the file lies where it was."
        ) from err
    except (LayoutError, FileNameError) as err:
        raise ConversionRefusedError(f"The layout cannot be used: {err} No file was written.") from err
    except (RenderError, RowRefusedError) as err:
        raise ConversionRefusedError(f"The files cannot be made: {err} No file was written.") from err
    except FolderError as err:
        raise ConversionRefusedError(f"{err} No file was written.") from err


class _Conversion:
    """One file on its way through policy and layout."""

    def __init__(self, source: Path, compiled: CompiledSet, policy: BursarPolicy, folder: Folder) -> None:
        self._source = source
        self._compiled = compiled
        self._policy = policy
        self._folder = folder
        self._refs = array("q")
        self._report = ConversionReport(
            source.name, compiled.layouts.name, compiled.context.export_number, Conservation()
        )

    def carry_out(self) -> ConversionReport:
        """Read, judge, write, prove, publish."""
        report = self._report
        report.files = render_set(
            self._compiled, self._rows(), self._folder.open_part, on_refused=self._layout_refuses
        )
        self._prove()
        if any(file.name.casefold() == QUARANTINED_NAME for file in report.files):
            raise FolderError(
                f"The layout calls a file {QUARANTINED_NAME}, which is the list of quarantined rows."
            )
        report.warnings += self._repeats()
        self._folder.publish({(file.kind, file.part): file.name for file in report.files})
        return report

    def _rows(self) -> Iterator[Row]:
        """The rows to send; all others are accounted for on the way."""
        kept, policy = self._report.conservation, self._policy
        run_at = self._compiled.context.run_at
        run_on, profile_code = run_at.date(), self._compiled.context.profile_code
        note, came, sent = self._refs.append, kept.came, kept.sent
        for row in read_bursar(self._open, size=self._source.stat().st_size, zone=run_at.tzinfo):
            if isinstance(row, BadRow):
                note(hash(row.row.get("fee_ref") or row.n))
                kept.come(row.row["amount_cents"])
                self._quarantine(row.row, "unreadable", row.reason)
                continue
            cents = row["amount_cents"]
            note(hash(row["fee_ref"]))
            # Written out, since this is done for every row: ``come`` and ``send``.
            came[0] += 1
            came[1] += cents
            if profile_code:
                row["profile_code"] = profile_code
            verdict = judge(row, policy, run_on)
            if verdict.kind == "send" and (cents > 0 or self._has_item_type(verdict)):
                sent[0] += 1
                sent[1] += cents
                yield verdict.row
            elif verdict.kind == "excluded":
                kept.exclude(verdict.rule, cents)
            elif verdict.kind == "quarantined":
                self._quarantine(verdict.row, verdict.rule, verdict.words)

    def _open(self) -> BinaryIO:
        return self._source.open("rb")

    def _has_item_type(self, verdict: Verdict) -> bool:
        if not self._policy.credit_item_type:
            self._quarantine(verdict.row, "needs_ledger", _NEEDS_LEDGER)
            return False
        verdict.row["original_item_type"] = self._policy.credit_item_type
        return True

    def _quarantine(self, row: FeeRow | Row, rule: str, words: str) -> None:
        report = self._report
        cents = row["amount_cents"]
        report.conservation.quarantine(cents if isinstance(cents, int) else 0)
        rows, first = report.quarantined.get(rule, (0, words))
        report.quarantined[rule] = (rows + 1, first)
        self._folder.quarantine(row, rule, words)

    def _layout_refuses(self, row: Row, error: RowRefusedError) -> None:
        cents = row["amount_cents"]
        self._report.conservation.take_back(cents if isinstance(cents, int) else 0)
        self._quarantine(row, "layout", f"The line does not fit the layout: {error.field}: {error.reason}.")

    def _prove(self) -> None:
        """Nothing is lost between the file and the files, or nothing is published."""
        report = self._report
        kept = report.conservation
        lines = sum(file.rows for file in report.files)
        per_patron = any(file.file.layout.rows == "per_patron" for file in self._compiled.files)
        if not kept.balances() or (lines != kept.sent[0] and not per_patron):
            raise FolderError(
                f"The files have {lines} lines and should have {kept.sent[0]}; this is a fault of Feebridge."
            )

    def _repeats(self) -> list[str]:
        """A warning for ids that stand on more than one row. Kept as hashes: a million ids are eight megabytes."""
        pairs: list[tuple[int, int]] = []
        for part in range(_SLICES):
            some = [ref for ref in self._refs if ref % _SLICES == part]
            if len(set(some)) < len(some):
                pairs += self._pairs(part)
        if not pairs:
            return []
        pairs.sort(key=lambda pair: pair[1])
        named = ", ".join(f"row {later} that of row {earlier}" for earlier, later in pairs[:_REPEATS_NAMED])
        more = f", and {len(pairs) - _REPEATS_NAMED} more" if len(pairs) > _REPEATS_NAMED else ""
        words = (
            f"{len(pairs)} rows repeat the bursarTransactionId of another row ({named}{more}). All of them were written; "
            "an installation would have held them back."
        )
        return [words]

    def _pairs(self, part: int) -> list[tuple[int, int]]:
        """Numbers of rows with the same id among one slice of the ids: the first row, a later row."""
        first: dict[int, int] = {}
        return [
            (first[ref], n)
            for n, ref in enumerate(self._refs, 1)
            if ref % _SLICES == part and first.setdefault(ref, n) != n
        ]
