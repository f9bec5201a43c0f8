"""``feebridge layouts``: the ready-made layouts, checking one's own, and handing a specification to campus IT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from webapp.cli.errors import EXIT_RUN_FAILED, CommandError
from webapp.cli.layout_files import find_layout, parse_layout, read_text
from webapp.domain.folio import FolioError
from webapp.domain.layouts import LayoutError
from webapp.domain.layouts.either_way import READY_MADE, check_either, describe_either, subject_of
from webapp.domain.layouts.place import Places
from webapp.services import specification
from webapp.services.golden import check_golden
from webapp.services.import_folio import import_folio, read_codes


@click.group()
def layouts() -> None:
    """Look at file layouts; needs no server and no database."""


@layouts.command("list")
def list_layouts() -> None:
    """The ready-made layouts."""
    for name, body in READY_MADE.items():
        click.echo(f"{name:<22} {subject_of(body):<8} {_words_of(name, body)}")


@layouts.command()
@click.argument("name")
def show(name: str) -> None:
    """A ready-made layout as JSON, to begin one's own with."""
    if name not in READY_MADE:
        raise CommandError(f"There is no ready-made layout “{name}”. There are: {', '.join(READY_MADE)}.")
    click.echo(json.dumps(READY_MADE[name], indent=2, ensure_ascii=False))


@layouts.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--golden",
    "golden_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An example (rows, run_at, files) that the layout must still write.",
)
def check(file: Path, golden_file: Path | None) -> None:
    """Every fault of a layout FILE with its line; ends with 1 when it cannot be used."""
    text = read_text(file)
    document = parse_layout(text, str(file))
    faults, places = check_either(document), Places(text)
    for fault in faults:
        click.echo(f"{file}:{places.line_of(fault.path)}: {fault.severity}: {fault}")
    differences = []
    if golden_file is not None and not any(fault.severity == "error" for fault in faults):
        differences = _differences(document, golden_file)
        for words in differences:
            click.echo(f"{golden_file}: {words}")
    if differences or any(fault.severity == "error" for fault in faults):
        raise click.exceptions.Exit(EXIT_RUN_FAILED)
    click.echo(
        f"{file} can be used." if golden_file is None else f"{file} can be used; the golden example holds."
    )


@layouts.command()
@click.argument("name_or_file")
@click.option("--html", "as_html", is_flag=True, help="One HTML page, to print or send, instead of text.")
def spec(name_or_file: str, *, as_html: bool) -> None:
    """The file specification of a layout: every file, record and column, for the people who load the files."""
    try:
        loaded, described = describe_either(find_layout(name_or_file))
    except LayoutError as err:
        raise CommandError(f"{name_or_file} cannot be used: {err}", EXIT_RUN_FAILED) from err
    write = specification.as_html if as_html else specification.as_text
    click.echo(write(loaded, described))


@layouts.command("import-folio")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="From FOLIO", show_default=True, help="What the file is, in words.")
@click.option(
    "--codes",
    "codes_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What FOLIO's ids are called in Alma: a line each, id = code.",
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the filters, for convert --settings.",
)
def import_folio_file(file: Path, name: str, codes_file: Path | None, settings_file: Path | None) -> None:
    """The layout that a FOLIO bursar export configuration FILE describes, as JSON; what had no equal goes to stderr."""
    try:
        codes = read_codes(read_text(codes_file)) if codes_file else {}
        report = import_folio(read_text(file), name=name, codes=codes)
    except FolioError as err:
        raise CommandError(f"{file}: {err}", EXIT_RUN_FAILED) from err
    for note in report.imported.notes:
        click.echo(f"{note.kind}: {note.place}: {note.words}", err=True)
    for fault in report.faults:
        click.echo(f"to put right: {fault}", err=True)
    if settings_file:
        filters = json.dumps({"bursar": report.imported.settings}, indent=2, ensure_ascii=False)
        settings_file.write_text(f"{filters}\n", encoding="utf-8")
    elif report.imported.settings:
        click.echo(f"filters: {json.dumps(report.imported.settings, ensure_ascii=False)}", err=True)
    click.echo(json.dumps(report.imported.document, indent=2, ensure_ascii=False))


def _words_of(name: str, body: Mapping[str, Any]) -> str:
    """The layout's name in words, or the first words of what it is for."""
    words = str(body["name"])
    return words if words != name else str(body["description"]).partition(":")[0].partition(".")[0]


def _differences(document: dict[str, object], golden_file: Path) -> list[str]:
    golden = parse_layout(read_text(golden_file), str(golden_file))
    if missing := [key for key in ("rows", "run_at", "files") if key not in golden]:
        raise CommandError(f"{golden_file} is no golden example: it has no {', '.join(missing)}.")
    return check_golden(document, golden)


COMMANDS = (layouts,)
