"""A layout's specification as a text or as one HTML page that can be printed and handed on."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from webapp.domain.layouts import LayoutSet
    from webapp.domain.layouts.describe import FileDescription, RecordDescription, SetDescription
    from webapp.domain.layouts.inbound_model import InboundLayout

_HEADINGS: Final = ("From", "Length", "Name", "What stands there", "Form", "Must be there", "Example")
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "td.example{font-family:monospace;white-space:pre}@media print{body{margin:0}}"
)


def as_text(layouts: LayoutSet | InboundLayout, described: SetDescription) -> str:
    """Plain text in 100 columns or more, for terminals and tickets."""
    lines = [layouts.name, "=" * len(layouts.name)]
    if layouts.description:
        lines += ["", layouts.description]
    for file in described.files:
        lines += ["", f"File “{file.kind}”: {file.file_name}"]
        lines += [f"  {name}: {words}" for name, words in _facts(file)]
        for record in file.records:
            lines += ["", f"  {record.words}"]
            lines += [f"    {line}" for line in _aligned([_HEADINGS, *_cells(record)])]
    for name, words in described.fields.items():
        lines += ["", f"Derived field {name}: {words}"]
    for name, headings, rows in _lists(described):
        lines += ["", name]
        lines += [f"  {line}" for line in _aligned([headings, *rows])]
    return "\n".join(lines)


def as_html(layouts: LayoutSet | InboundLayout, described: SetDescription) -> str:
    """One page that needs nothing else."""
    body = [f"<h1>{escape(layouts.name)}</h1>", f"<p>{escape(layouts.description)}</p>"]
    for file in described.files:
        body.append(f"<h2>{escape(file.kind)}: <code>{escape(file.file_name)}</code></h2><ul>")
        body += [f"<li>{escape(name)}: {escape(words)}</li>" for name, words in _facts(file)]
        body.append("</ul>")
        for record in file.records:
            body += [f"<h3>{escape(record.words)}</h3>", _table(_HEADINGS, _cells(record), example=True)]
    if described.fields:
        body.append("<h2>Derived fields</h2>")
        body.append(_table(("Name", "What it is"), described.fields.items()))
    for name, headings, rows in _lists(described):
        body += [f"<h2>{escape(name)}</h2>", _table(headings, rows)]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(layouts.name)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>"
    )


def _facts(file: FileDescription) -> list[tuple[str, str]]:
    facts = [
        ("Takes", file.when_words),
        ("Form", file.mode_words),
        ("Line end", file.line_end),
        ("Characters", file.encoding),
        ("Order", file.order_words),
    ]
    return facts + ([("Parts", file.split_words)] if file.split_words else [])


def _cells(record: RecordDescription) -> list[tuple[str, ...]]:
    return [
        (
            "" if column.start is None else str(column.start),
            "" if column.length is None else str(column.length),
            column.name,
            column.source,
            column.format,
            "yes" if column.required else "",
            column.example,
        )
        for column in record.columns
    ]


def _lists(described: SetDescription) -> list[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Tables and calendars, each with its headings and rows."""
    found: list[tuple[str, Sequence[str], list[Sequence[str]]]] = [
        (f"Table {name}", (*table.keys, *table.columns), list(table.rows))
        for name, table in described.tables.items()
    ]
    for name, calendar in described.calendars.items():
        if calendar.months:
            rows: list[Sequence[str]] = [
                (str(rule.first_month), str(rule.last_month), rule.pattern) for rule in calendar.months
            ]
            found.append((f"Calendar {name}", ("From month", "To month", "Term"), rows))
        else:
            terms: list[Sequence[str]] = [
                (term.code, term.first_on.isoformat(), term.last_on.isoformat(), term.career)
                for term in calendar.terms
            ]
            found.append((f"Calendar {name}", ("Term", "First day", "Last day", "Career"), terms))
    return found


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, example: bool = False) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    lines = []
    for row in rows:
        cells = [f"<td>{escape(cell)}</td>" for cell in row]
        if example:
            cells[-1] = f'<td class="example">{escape(row[-1])}</td>'
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>\n" + "\n".join(lines) + "\n</table>"
