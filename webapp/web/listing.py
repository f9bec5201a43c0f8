"""Lists: what the address asks for (filter, sort, page), and the addresses of its other views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import urlencode

from flask import request

PER_PAGE = 50
LAST_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A heading. ``sort`` is the name the store sorts by ("" = not sortable); ``kind`` aligns the cells.

    ``kind``: text, number, money, when, state or act. ``wide_only`` columns leave narrow screens.
    """

    title: str
    sort: str = ""
    kind: str = "text"
    wide_only: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter with fixed values: ``options`` are (value, label); "" is always "any"."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the reader asked for, within what the list offers."""

    path: str
    q: str
    sort: str
    descending: bool
    page: int
    per_page: int
    wants_csv: bool
    chosen: Mapping[str, str]
    defaults: Mapping[str, str]

    @property
    def limit(self) -> int | None:
        """How many rows to read; None for an export of all."""
        return None if self.wants_csv else self.per_page

    @property
    def offset(self) -> int:
        """How many rows to leave out before them."""
        return 0 if self.wants_csv else (self.page - 1) * self.per_page

    @property
    def is_filtered(self) -> bool:
        """Whether the reader narrowed the list."""
        return bool(self.q or any(self.chosen.values()))

    def url(self, **changes: Any) -> str:
        """The address of this list with some parts changed; a change of filter or order goes back to page 1."""
        parts: dict[str, Any] = {
            "q": self.q,
            **self.chosen,
            "sort": self.sort,
            "dir": "desc" if self.descending else "asc",
            "page": self.page if set(changes) <= {"page", "format"} else 1,
        }
        parts.update(changes)
        defaults = dict(self.defaults)
        if parts["sort"] != defaults["sort"]:
            defaults["dir"] = "asc"
        kept = {k: v for k, v in parts.items() if v not in {"", None} and str(v) != defaults.get(k)}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def sort_url(self, column: str) -> str:
        """The address that sorts by this column, or turns the order round when it does already."""
        turned = column == self.sort and not self.descending
        return self.url(sort=column, dir="desc" if turned else "asc")


def read_query(
    columns: Sequence[Column],
    *,
    default_sort: str,
    descending: bool = False,
    choices: Sequence[Choice] = (),
    per_page: int = PER_PAGE,
) -> ListQuery:
    """Read the request's address: ``q``, ``sort``, ``dir``, ``page``, ``format`` and each choice's name.

    What the list does not offer counts as not given; nothing here can raise.
    """
    args = request.args
    sortable = {column.sort for column in columns if column.sort}
    default_direction = "desc" if descending else "asc"
    sort = args.get("sort", "")
    if sort not in sortable:
        sort = default_sort
    direction = args.get("dir", default_direction if sort == default_sort else "asc")
    page_text = args.get("page", "1")
    page = int(page_text) if page_text.isascii() and page_text.isdigit() and len(page_text) < 7 else 1
    chosen = {}
    for choice in choices:
        value = args.get(choice.name, "")
        chosen[choice.name] = value if value in {option for option, _ in choice.options} else ""
    return ListQuery(
        path=request.path,
        q=args.get("q", "").strip().replace("\x00", "")[:100],
        sort=sort,
        descending=direction == "desc",
        page=min(max(page, 1), LAST_PAGE),
        per_page=per_page,
        wants_csv=args.get("format") == "csv",
        chosen=chosen,
        defaults={"sort": default_sort, "dir": default_direction, "page": "1"},
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list, ready for the ``data_table`` macro."""

    query: ListQuery
    columns: Sequence[Column]
    rows: Sequence[Any]
    total: int
    caption: str
    choices: Sequence[Choice] = ()
    noun: str = "rows"
    search_label: str = "Search"
    empty: Mapping[str, str] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, ceil(self.total / self.query.per_page))

    @property
    def first(self) -> int:
        """The number of the first row shown."""
        return self.query.offset + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return self.query.offset + len(self.rows)
