"""``feebridge layouts``: the ready-made layouts, checking one's own, and handing a specification to campus IT."""

from __future__ import annotations

import json
from pathlib import Path

import click

from webapp.cli import specification
from webapp.cli.errors import EXIT_RUN_FAILED, CommandError
from webapp.cli.layout_files import find_layout, parse_layout, read_text
from webapp.domain.layouts import BUILT_IN, LayoutError, check_layout, load_layout_set
from webapp.domain.layouts.describe import describe
from webapp.domain.layouts.place import Places
from webapp.services.golden import check_golden


@click.group()
def layouts() -> None:
    """Look at file layouts; needs no server and no database."""


@layouts.command("list")
def list_layouts() -> None:
    """The ready-made layouts."""
    for name, body in BUILT_IN.items():
        click.echo(f"{name:<22} {body.get('subject', 'holds'):<8} {body['name']}")


@layouts.command()
@click.argument("name")
def show(name: str) -> None:
    """A ready-made layout as JSON, to begin one's own with."""
    if name not in BUILT_IN:
        raise CommandError(f"There is no ready-made layout “{name}”. There are: {', '.join(BUILT_IN)}.")
    click.echo(json.dumps(BUILT_IN[name], indent=2, ensure_ascii=False))


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
    faults, places = check_layout(document), Places(text)
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
        loaded = load_layout_set(find_layout(name_or_file))
    except LayoutError as err:
        raise CommandError(f"{name_or_file} cannot be used: {err}", EXIT_RUN_FAILED) from err
    write = specification.as_html if as_html else specification.as_text
    click.echo(write(loaded, describe(loaded)))


def _differences(document: dict[str, object], golden_file: Path) -> list[str]:
    golden = parse_layout(read_text(golden_file), str(golden_file))
    if missing := [key for key in ("rows", "run_at", "files") if key not in golden]:
        raise CommandError(f"{golden_file} is no golden example: it has no {', '.join(missing)}.")
    return check_golden(document, golden)


COMMANDS = (layouts,)
