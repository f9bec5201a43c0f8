"""Lists, exports, filters and password rules."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from webapp.services.passwords import password_fault
from webapp.web.csv_export import csv_lines, dollars, neutral
from webapp.web.filters import campus_time, invisible, money, state_word, when
from webapp.web.listing import Choice, Column, Listing, read_query
from webapp.web.shell import safe_next

COLUMNS = (Column("Name", "name"), Column("When", "at", "when"), Column("Act", kind="act"))
CHOICES = (Choice("state", "State", (("failed", "Failed"), ("done", "Done"))),)


def query(address: str, **options):
    app = Flask("t")
    with app.test_request_context(address):
        return read_query(COLUMNS, default_sort=options.pop("default_sort", "at"), choices=CHOICES, **options)


def test_a_list_reads_its_address():
    found = query("/runs?q=+ada+&sort=name&dir=desc&page=3&state=failed", per_page=20)
    assert (found.q, found.sort, found.descending, found.page, found.offset, found.limit) == (
        "ada",
        "name",
        True,
        3,
        40,
        20,
    )
    assert found.chosen == {"state": "failed"}


@pytest.mark.parametrize(
    "address",
    ["/runs?sort=drop&page=-1&state=x&dir=up", "/runs?page=999999999999", "/runs?page=²", "/runs?q=%00"],
)
def test_what_a_list_does_not_offer_counts_as_not_given(address):
    found = query(address)
    assert (found.sort, found.page, found.chosen["state"], found.q) == ("at", 1, "", "")


def test_the_addresses_of_other_views_keep_the_rest():
    found = query("/runs?q=ada&sort=name&page=3", descending=True)
    assert found.url(page=4) == "/runs?q=ada&sort=name&page=4"
    assert found.url(state="done") == "/runs?q=ada&state=done&sort=name"
    assert found.sort_url("name") == "/runs?q=ada&sort=name&dir=desc"
    assert found.sort_url("at") == "/runs?q=ada&dir=asc"


def test_an_order_survives_its_own_address():
    for address in ("/runs", "/runs?dir=asc", "/runs?sort=name", "/runs?sort=name&dir=desc"):
        found = query(address, descending=True)
        again = query(found.url(), descending=True)
        assert (again.sort, again.descending) == (found.sort, found.descending)


def test_an_export_takes_every_row():
    found = query("/runs?page=3&format=csv")
    assert (found.limit, found.offset, found.wants_csv) == (None, 0, True)


def test_a_listing_counts_its_pages():
    listing = Listing(query("/runs?page=2", per_page=10), COLUMNS, list(range(7)), 17, "Runs")
    assert (listing.pages, listing.first, listing.last) == (2, 11, 17)
    nothing = Listing(query("/runs"), COLUMNS, [], 0, "Runs")
    assert (nothing.pages, nothing.first, nothing.last) == (1, 0, 0)


def test_an_export_is_quoted_and_marked_for_spreadsheets():
    lines = "".join(
        csv_lines(
            ("name", "total"),
            [('Ada "A", L', dollars(-325)), ("=1+1", dollars(120450)), ("-3", None), (None, dollars(5))],
        )
    )
    assert lines == '\ufeffname,total\r\n"Ada ""A"", L",-3.25\r\n\'=1+1,1204.50\r\n\'-3,\r\n,0.05\r\n'


@given(st.text(min_size=1))
def test_no_text_in_an_export_starts_like_a_formula(text: str):
    assert neutral(text)[0] not in "=+-@\t\r\n"


def test_numbers_dates_and_times_are_left_alone():
    assert neutral(-3) == "-3"
    assert neutral(Decimal("-3.20")) == "-3.20"
    assert neutral(date(2026, 11, 20)) == "2026-11-20"
    assert neutral(datetime(2026, 11, 20, 18, 0, tzinfo=UTC)) == "2026-11-20T18:00:00+00:00"


def test_a_time_is_told_on_the_campus_s_clock_with_its_zone():
    at = datetime(2026, 11, 21, 2, 0, 5, tzinfo=UTC)
    assert campus_time(at, "America/Los_Angeles") == "20 Nov 2026, 18:00 PST"
    assert campus_time(None, "America/Los_Angeles") == "–"
    assert when(at, "America/Los_Angeles") == (
        '<time datetime="2026-11-21T02:00:05+00:00" title="20 Nov 2026, 18:00:05 PST (2026-11-21 02:00:05 UTC)">'
        "20 Nov 2026, 18:00 PST</time>"
    )


def test_money_has_its_sign_and_nothing_is_a_dash():
    assert (money(120450), money(-325), money(None)) == ("$1,204.50", "-$3.25", "–")


def test_invisible_characters_of_a_file_are_drawn_and_its_letters_escaped():
    mark = '<span class="fb-invisible">{}</span>'
    drawn = (
        "A" + mark.format("→") + "\t&lt;b&gt;" + mark.format("·") + mark.format("␍") + mark.format("␊") + "\n"
    )
    assert invisible("A\t<b> \r\n") == drawn
    assert invisible("\x07") == mark.format("⟦07⟧")


def test_a_state_has_words():
    assert state_word("awaiting_approval") == "Needs approval"
    assert state_word("bounced") == "Bounced"


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "at least 12"),
        ("x" * 257, "at most 256"),
        ("aaaaabbbbbab", "more than a few"),
        ("Password123456!", "list"),
        ("qwertyuiop123", "list"),
        ("ada.lovelace1", "name or address"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, says: str):
    assert says in password_fault(password, email="ada.lovelace@csusm.example", full_name="Ada Lovelace")


@pytest.mark.parametrize(
    "password", ["plum window seven harbour", "kX9#mPq2vL!r", "ada likes long walks by the sea"]
)
def test_a_good_password_is_taken(password: str):
    assert password_fault(password, email="ada.lovelace@csusm.example", full_name="Ada Lovelace") is None


@given(st.text())
def test_a_way_back_after_signing_in_is_a_path_of_this_site_or_nothing(target: str):
    found = safe_next(target)
    assert found is None or (found.startswith("/") and not found.startswith(("//", "/\\")))
