from datetime import UTC, datetime

import pytest

from webapp.adapters.alma.freshness import check_age, find_updated_at
from webapp.adapters.alma.page import Heading
from webapp.adapters.errors import PermanentError

PACIFIC = "America/Los_Angeles"
EVENING = datetime(2026, 11, 21, 6, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("Data Updated As Of", "2026-11-20T22:04:00"),
        ("DATA updated as of", "2026-11-20 22:04:00"),
        ("Data Updated As Of", "11/20/2026 10:04:00 PM"),
        ("Data Updated As Of", "11/20/2026 22:04"),
        ("Data Updated As Of", "2026-11-21T06:04:00Z"),
        ("Data is updated as of 11/20/2026 22:04", "0"),
        ("Note", "Data updated as of: 2026-11-20T22:04:00"),
    ],
)
def test_the_age_is_found_in_a_column_a_heading_or_a_cell(heading, cell):
    headings = [Heading("Column1", "Title", "Book"), Heading("Column2", heading, "Institution")]
    assert find_updated_at(headings, ["Rivers", cell], PACIFIC) == EVENING


def test_a_report_that_does_not_say_its_age_gives_none():
    assert find_updated_at([Heading("Column1", "Title", "Book")], ["Rivers"], PACIFIC) is None


def test_an_unreadable_age_stops_the_report():
    with pytest.raises(PermanentError, match="last night"):
        find_updated_at([Heading("Column1", "Data Updated As Of", "")], ["last night"], PACIFIC)


def test_old_data_is_refused_with_its_age():
    with pytest.raises(PermanentError, match="50 hours old") as caught:
        check_age(EVENING, datetime(2026, 11, 23, 8, 4, tzinfo=UTC), 48, "/shared/fees")
    assert "48 hours are allowed" in caught.value.message
    check_age(EVENING, datetime(2026, 11, 23, 6, 4, tzinfo=UTC), 48, "/shared/fees")
