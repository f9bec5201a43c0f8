"""``feebridge convert``: a bursar file into PeopleSoft's files on any machine; needs no server and no database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path

import click

from webapp.cli.errors import EXIT_RUN_FAILED, CommandError
from webapp.cli.layout_files import find_layout, read_text
from webapp.domain.bursar.policy import RULES, BursarPolicy
from webapp.domain.bursar.students import StudentListError, read_students
from webapp.domain.layouts import apply_overrides
from webapp.domain.money import format_cents
from webapp.services.conversion_folder import QUARANTINED_NAME
from webapp.services.convert_bursar import ConversionRefusedError, ConversionReport, convert_file
from webapp.services.convert_settings import ConvertSettings, SettingsFileError, read_settings_file

_NOON = time(12)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--layout", "layout_name", required=True, metavar="NAME_OR_FILE", help="A ready-made layout or a file."
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The campus's rules, tables and calendars as JSON.",
)
@click.option(
    "--students",
    "students_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The registrar's list of students as CSV with the headings emplid and status.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the files; made where it is missing.",
)
@click.option(
    "--on", "run_on", type=click.DateTime(["%Y-%m-%d"]), help="The day of the run; today without it."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def convert(
    file: Path,
    layout_name: str,
    settings_file: Path | None,
    students_file: Path | None,
    out: Path,
    run_on: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Turn Alma's bursar export FILE into the files of a layout.

    Rows that cannot go out are listed in quarantined.csv with their reasons. A damaged file is refused whole.

    Exit codes: 0 done, 1 refused and nothing written, 2 wrong use.
    """
    settings = _settings(settings_file)
    document = apply_overrides(find_layout(layout_name), settings.tables, settings.calendars)
    # A day that is named must give the same bytes at any hour.
    run_at = (
        datetime.combine(run_on.date(), _NOON, settings.zone)
        if run_on is not None
        else datetime.now(settings.zone)
    )
    try:
        report = convert_file(
            file,
            document,
            _policy(settings, students_file),
            run_at,
            out,
            campus=settings.campus,
            campus_name=settings.campus_name,
            sequence=settings.sequence,
        )
    except ConversionRefusedError as err:
        raise CommandError(str(err), EXIT_RUN_FAILED) from err
    for name in (*settings.tables, *settings.calendars):
        if name not in {**document.get("tables", {}), **document.get("calendars", {})}:
            report.warnings.append(
                f"The settings have rows for “{name}”, and the layout has no table or calendar of it."
            )
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else as_text(report, out))


def _settings(path: Path | None) -> ConvertSettings:
    if path is None:
        return ConvertSettings()
    try:
        return read_settings_file(read_text(path))
    except SettingsFileError as err:
        raise CommandError(f"{path} cannot be used: {err}.") from err


def _policy(settings: ConvertSettings, students_file: Path | None) -> BursarPolicy:
    policy = settings.policy
    if students_file is None:
        return policy
    try:
        with students_file.open(encoding="utf-8-sig", newline="") as lines:
            found = read_students(lines, emplid_digits=policy.emplid_digits, emplid_pad=policy.emplid_pad)
    except (StudentListError, UnicodeDecodeError, OSError) as err:
        raise CommandError(f"{students_file} cannot be used: {err}. No file was written.") from err
    return replace(policy, students=found.students)


def as_text(report: ConversionReport, out: Path) -> str:
    """The report for people."""
    kept = report.conservation
    lines = [f"{report.source} → {report.layout}"]
    if report.export_number:
        lines[0] += f" (export {report.export_number})"
    lines += [
        f"  {out / file.name}  {_rows(file.rows)}  {format_cents(file.total_cents)}  sha256 {file.sha256}"
        for file in report.files
    ]
    if not report.files:
        lines.append("  Nothing to send; no file was written.")
    if report.quarantined:
        lines.append(f"Quarantined, each with its reason in {out / QUARANTINED_NAME}:")
        lines += [f"  {rule}: {_rows(rows)}. {words}" for rule, (rows, words) in report.quarantined.items()]
    if kept.excluded:
        lines.append("Left out:")
        lines += [
            f"  {rule}: {_rows(rows)}  {format_cents(cents)}  ({RULES.get(rule, rule)})"
            for rule, (rows, cents) in kept.excluded.items()
        ]
    excluded = [sum(pair[at] for pair in kept.excluded.values()) for at in (0, 1)]
    lines.append(
        f"In {_sum(kept.came)} = sent {_sum(kept.sent)} + quarantined {_sum(kept.quarantined)} + "
        f"left out {_sum(excluded)}"
    )
    lines += [f"Note: {warning}" for warning in report.warnings]
    return "\n".join(lines)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _sum(pair: list[int]) -> str:
    return f"{pair[0]:,} ({format_cents(pair[1])})"


COMMANDS = (convert,)
