"""The list of files, a look inside, and what changed, in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look
from tests.integration.portal.campus_rows import CampusRows, fill_campus


@pytest.fixture
def rows(portal, people) -> CampusRows:
    """San Marcos with some weeks behind it."""
    return fill_campus(portal, people.csusm)


def test_the_list_of_files_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", "/c/csusm/files"), "files")


def test_a_file_can_be_looked_into_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/files/{rows.added_file}"), "file")


def test_what_changed_in_a_file_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/files/{rows.added_file}/changes"), "file-changes")


def test_a_file_is_downloaded_with_its_own_name(rows, signed_in_page):
    page = signed_in_page("viewer@csusm.example", f"/c/csusm/files/{rows.added_file}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"csusm_holds_added_{rows.succeeded:04}.txt"
