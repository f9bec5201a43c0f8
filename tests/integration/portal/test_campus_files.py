"""Files on pages: the list, a look inside, what changed, downloads and the links of mails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.portal.campus_rows import CampusRows, fill_campus
from tests.integration.portal.test_campus_pages import audit_of, said, text_of
from webapp.adapters.files import FileStore
from webapp.models import Delivery, File, HoldRegister
from webapp.models.scope import tenant_scope
from webapp.services.file_links import make_file_link

ADDED = (
    b"100000001\t20.00\tStudent\tOverdue fine\t2026-01-05\n"
    b"100000002\t12.50\tStudent\tOverdue fine\t2026-01-05\n"
    b"100000003\t9.25\tStudent\tOverdue fine\t2026-01-05\n"
)


@pytest.fixture
def rows(portal, people) -> CampusRows:
    """San Marcos with some weeks behind it."""
    return fill_campus(portal, people.csusm)


def path_of_link(portal, tenant_id: int, slug: str, run_id: int, *, hours_ago: int = 0) -> str:
    """The path of a link that a mail sent so long ago would carry, good for 72 hours."""
    settings = portal.config["FEEBRIDGE"]
    from_at = datetime.now(UTC) - timedelta(hours=hours_ago)
    link = make_file_link(settings, tenant_id=tenant_id, slug=slug, run_id=run_id, from_at=from_at, hours=72)
    return link.removeprefix(settings.base_url)


def change_file(portal, tenant_id: int, file_id: int, **values) -> None:
    with portal.app_context(), tenant_scope(tenant_id) as session:
        found = session.query(File).filter_by(id=file_id).one()
        for name, value in values.items():
            setattr(found, name, value)
        session.commit()


def test_the_list_of_files_filters_by_kind_and_name(rows, browser_of):
    person = browser_of("viewer")
    released = person.get("/c/csusm/files?kind=released").text
    assert f'/files/{rows.released_file}"' in released
    assert f'/files/{rows.added_file}"' not in released
    named = person.get(f"/c/csusm/files?q=added_{rows.earlier:04}").text
    assert f'/files/{rows.earlier_file}"' in named
    assert f'/files/{rows.added_file}"' not in named


def test_the_list_of_files_can_be_exported(rows, browser_of):
    lines = browser_of("viewer").get("/c/csusm/files?format=csv&sort=created").text.splitlines()
    assert len(lines) == 5
    assert "41.75" in "".join(lines)


def test_a_file_is_shown_with_its_tabs_and_line_ends(rows, browser_of):
    page = browser_of("viewer").get(f"/c/csusm/files/{rows.added_file}").text
    assert '100000001<span class="fb-invisible">→</span>' in page
    assert '2026-01-05<span class="fb-mark">LF</span>' in page
    plain = browser_of("viewer").get(f"/c/csusm/files/{rows.added_file}?marks=off").text
    assert "100000001\t20.00\tStudent\tOverdue fine" in plain


def test_a_download_is_byte_for_byte_the_file_and_is_audited(portal, people, rows, browser_of):
    answer = browser_of("viewer").get(f"/c/csusm/files/{rows.added_file}/download")
    assert answer.data == ADDED
    name = f"csusm_holds_added_{rows.succeeded:04}.txt"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert int(answer.headers["Content-Length"]) == len(ADDED)
    assert ("file.downloaded", f"file/{rows.added_file}") in audit_of(portal, people.csusm)


def test_a_name_cannot_break_out_of_the_download_header(portal, people, rows, browser_of):
    change_file(portal, people.csusm, rows.added_file, name='añ"b; filename=x.html')
    header = (
        browser_of("viewer").get(f"/c/csusm/files/{rows.added_file}/download").headers["Content-Disposition"]
    )
    assert header.startswith("attachment; ")
    assert "filename*=UTF-8''a%C3%B1%22b%3B%20filename%3Dx.html" in header


def test_a_purged_file_says_so_instead_of_failing(portal, people, rows, browser_of):
    change_file(portal, people.csusm, rows.added_file, purged_at=datetime.now(UTC))
    person = browser_of("viewer")
    page = text_of(person.get(f"/c/csusm/files/{rows.added_file}/download", follow_redirects=True))
    assert "past its retention time and its bytes were deleted" in page
    assert "Name, count, total and sha256 stay." in page


def test_a_file_lost_from_the_store_is_named_in_words(portal, people, rows, browser_of):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        key = session.query(File).filter_by(id=rows.added_file).one().store_key
    FileStore(portal.config["FEEBRIDGE"].files_url).delete(key)
    person = browser_of("viewer")
    assert "it is not in the file store" in text_of(person.get(f"/c/csusm/files/{rows.added_file}"))
    answer = person.get(f"/c/csusm/files/{rows.added_file}/download", follow_redirects=True)
    assert "it is not in the file store" in text_of(answer)
    assert ("file.downloaded", f"file/{rows.added_file}") not in audit_of(portal, people.csusm)


def test_what_changed_names_new_gone_and_changed_patrons(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/files/{rows.added_file}/changes"))
    assert f"compared with csusm_holds_added_{rows.earlier:04}.txt" in page
    assert "New 2" in page
    assert "Gone 1" in page
    assert "LIB Changed $15.00 $20.00" in page
    assert "LIB Gone $8.00 –" in page


def test_the_first_file_of_its_kind_is_all_new(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/files/{rows.earlier_file}/changes"))
    assert "every line is new" in page
    assert "New 2" in page


def test_a_long_file_is_paged_and_its_end_can_be_seen(portal, people, rows, browser_of):
    content = b"".join(b"%06d line\r\n" % n for n in range(1, 1001))
    with portal.app_context(), tenant_scope(people.csusm) as session:
        key = session.query(File).filter_by(id=rows.added_file).one().store_key
    with FileStore(portal.config["FEEBRIDGE"].files_url).writer(key) as writer:
        writer.write(content)
    change_file(portal, people.csusm, rows.added_file, size=len(content), row_count=1000)
    person, address = browser_of("viewer"), f"/c/csusm/files/{rows.added_file}"
    first = person.get(address).text
    assert "000200" in first
    assert "000201" not in first
    assert "Lines 1 to 200" in first
    assert "?at=2600&amp;line=201#inside" in first
    second = person.get(f"{address}?at=2600&line=201").text
    assert "000201" in second
    assert "Lines 201 to 400" in second
    end = person.get(f"{address}?at=end").text
    assert "001000" in end
    assert "The last 200 lines." in end
    for odd in ("at=999999999", "at=-1", "at=x", "line=99999999999999999"):
        assert person.get(f"{address}?{odd}").status_code == 200


def test_the_link_of_a_mail_shows_the_files_of_its_run(portal, people, rows, browser_of):
    path = path_of_link(portal, people.csusm, "csusm", rows.succeeded)
    page = text_of(browser_of("viewer").get(path))
    assert f"csusm_holds_added_{rows.succeeded:04}.txt" in page
    assert ("file_link.opened", f"run/{rows.succeeded}") in audit_of(portal, people.csusm)


def test_the_link_of_a_mail_needs_a_sign_in_and_leads_back_after_it(portal, people, rows, browser):
    path = path_of_link(portal, people.csusm, "csusm", rows.succeeded)
    answer = browser.get(path)
    assert answer.status_code == 302
    assert "/sign-in?next=/c/csusm/files/link/" in answer.headers["Location"]


def test_an_expired_or_changed_link_says_where_the_files_are(portal, people, rows, browser_of):
    person = browser_of("viewer")
    old = person.get(path_of_link(portal, people.csusm, "csusm", rows.succeeded, hours_ago=73))
    assert old.status_code == 410
    assert "This link has expired." in old.text
    changed = person.get(path_of_link(portal, people.csusm, "csusm", rows.succeeded)[:-3] + "xyz")
    assert changed.status_code == 410
    assert "was changed" in changed.text


def test_the_link_of_another_campus_leads_nowhere(portal, people, rows, browser_of):
    there = path_of_link(portal, people.csusm, "csusm", rows.succeeded)
    here = path_of_link(portal, people.csusm, "humboldt", rows.succeeded)
    stranger = browser_of("humboldt")
    assert stranger.get(there).status_code == 404
    assert stranger.get(here).status_code == 404


def test_fetching_a_waiting_file_tells_peoplesoft_once(portal, people, rows, browser_of):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.add(Delivery(run_id=rows.awaiting, file_id=rows.awaiting_file, target="download"))
        session.commit()
    address = f"/c/csusm/files/{rows.awaiting_file}"
    assert "Fetch, and count it as told" not in browser_of("viewer").get(address).text
    assert browser_of("viewer").post(f"{address}/fetch").status_code == 403
    person = browser_of("editor")
    assert "Fetch, and count it as told" in person.get(address).text
    answer = person.post(f"{address}/fetch")
    assert answer.data.startswith(b"100000004\t1204.50")
    assert person.post(f"{address}/fetch").status_code == 404
    with portal.app_context(), tenant_scope(people.csusm) as session:
        assert session.query(File).filter_by(id=rows.awaiting_file).one().confirmed_at is not None
        told = session.query(HoldRegister).filter_by(emplid="100000004").one()
        assert told.amount_cents == 120_450
    assert ("file.fetched", f"file/{rows.awaiting_file}") in audit_of(portal, people.csusm)


@pytest.mark.parametrize(
    "address",
    [
        "/runs/{succeeded}", "/runs/{running}/live", "/runs/{succeeded}/changes", "/files/{added_file}",
        "/files/{added_file}/changes", "/files/{added_file}/download", "/desk/{open_row}",
    ],
)  # fmt: skip
def test_ids_of_another_campus_are_the_same_as_no_ids(rows, browser_of, address):
    stranger = browser_of("humboldt")
    foreign = stranger.get("/c/humboldt" + address.format(**vars(rows)))
    missing = stranger.get("/c/humboldt" + address.format(**dict.fromkeys(vars(rows), 987_654)))
    assert foreign.status_code == missing.status_code == 404
    assert said(foreign) == said(missing)


@pytest.mark.parametrize(
    "address",
    [
        "/runs/{awaiting}/approve", "/runs/{awaiting}/reject", "/runs/{running}/cancel", "/runs/{succeeded}/again",
        "/files/{awaiting_file}/fetch", "/files/{added_file}/resend", "/desk/{open_row}",
    ],
)  # fmt: skip
def test_acts_on_another_campus_are_the_same_as_acts_on_nothing(rows, browser_of, address):
    stranger = browser_of("humboldt")
    form = {"decision": "mended"}
    assert stranger.post("/c/humboldt" + address.format(**vars(rows)), form).status_code == 404


def test_sending_again_says_exactly_what_it_does_and_starts_a_run_of_its_own(
    portal, people, rows, browser_of
):
    person, address = browser_of("editor"), f"/c/csusm/files/{rows.added_file}/resend"
    name = f"csusm_holds_added_{rows.succeeded:04}.txt"
    page = text_of(person.get(address))
    assert f"Sends 3 lines, $41.75, to sftp.example.edu:/in as {name}" in page
    answer = person.post(address, follow_redirects=True)
    assert "Send a file again" in text_of(answer)
    assert ("file.sent_again", f"file/{rows.added_file}") in audit_of(portal, people.csusm)


def test_a_file_is_not_sent_again_over_newer_totals(portal, people, rows, browser_of):
    person, address = browser_of("editor"), f"/c/csusm/files/{rows.earlier_file}/resend"
    page = text_of(person.get(address))
    assert "something newer about 2 of the patrons" in page
    assert "This file is not sent again." in text_of(person.post(address, follow_redirects=True))
    assert ("file.sent_again", f"file/{rows.earlier_file}") not in audit_of(portal, people.csusm)


def test_a_file_that_was_never_approved_is_not_sent_again(portal, people, rows, browser_of):
    person, address = browser_of("editor"), f"/c/csusm/files/{rows.awaiting_file}/resend"
    assert "may still send this file itself" in text_of(person.get(address))
    browser_of("approver").post(f"/c/csusm/runs/{rows.awaiting}/reject")
    answer = person.post(address, follow_redirects=True)
    assert "was cancelled or rejected" in text_of(answer)
    assert ("file.sent_again", f"file/{rows.awaiting_file}") not in audit_of(portal, people.csusm)


def test_only_editors_and_admins_send_again(rows, browser_of):
    for role in ("viewer", "approver"):
        assert browser_of(role).post(f"/c/csusm/files/{rows.added_file}/resend").status_code == 403
