"""Files of payments that wait on the delivery server: taken in once, complete, and by nobody else."""

import os
import time

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, item
from webapp.services.fetch_arrivals import SftpPlace
from webapp.services.submit_run import submit_run


@pytest.fixture
def waiting(books):
    """Charges are told; PeopleSoft's files are looked for in a folder of the delivery server."""
    books.charges(Fee("1001", "12.50"), Fee("1002", "9.00"))
    books.campus.drop.add_folder("from-ps")
    books.campus.sets("arrival", settle_s=1)
    books.campus.sets("payments", place="delivery", directory="from-ps", files=["payments_*.csv"])
    return books


def lies(books, name: str, *lines: str) -> None:
    path = books.campus.drop.root / "from-ps" / name
    path.write_text("\r\n".join([HEADING, *lines, ""]), newline="")
    os.utime(path, (time.time() - 60, time.time() - 60))


def looks(books):
    run_id = submit_run(books.tenant_id, "payment_import", trigger="schedule")
    books.campus.work()
    return books.campus.the_run(run_id)


def test_a_file_is_fetched_and_left_and_not_read_again(waiting):
    lies(waiting, "payments_1.csv", item())
    assert looks(waiting).state == "succeeded"
    assert looks(waiting).state == "nothing_to_send"
    assert len(waiting.payments()) == 1
    assert (waiting.campus.drop.root / "from-ps" / "payments_1.csv").exists()


def test_every_file_gets_a_run_of_its_own_the_oldest_first(waiting):
    lies(waiting, "payments_1.csv", item())
    lies(waiting, "payments_2.csv", item(), item("1002", "9.00", "9.00", nbr="2"))
    lies(waiting, "other.txt", "x")
    looks(waiting)
    waiting.campus.work()
    assert [reference for reference, _, _ in waiting.payments()] == ["1001", "1002"]
    assert waiting.campus.inbound()[-2:] == ["done", "done"]


def test_the_same_content_under_another_name_says_so(waiting):
    lies(waiting, "payments_1.csv", item())
    looks(waiting)
    lies(waiting, "payments_2.csv", item())
    run = looks(waiting)
    assert run.state == "nothing_to_send"
    assert "not counted again" in run.story
    assert len(waiting.payments()) == 1


def test_a_server_that_is_away_is_said_and_tried_again(waiting, drop):
    drop.stop()
    run = looks(waiting)
    assert run.state == "queued"
    assert waiting.payments() == []


def test_a_file_above_the_limit_is_refused_and_holds_up_no_other(waiting):
    too_large = waiting.campus.drop.root / "from-ps" / "payments_0.csv"
    with too_large.open("wb") as sparse:
        sparse.truncate((waiting.settings.inbound_limit_mb << 20) + 1)
    os.utime(too_large, (time.time() - 90, time.time() - 90))
    lies(waiting, "payments_1.csv", item())
    assert looks(waiting).state == "succeeded"
    assert len(waiting.payments()) == 1
    assert waiting.campus.inbound()[-2:] == ["refused", "done"]
    assert looks(waiting).state == "nothing_to_send"


def test_rows_given_back_into_the_same_folder_are_read_when_they_were_corrected_and_not_before(waiting):
    waiting.campus.sets("payments", rejects="send")
    lies(waiting, "payments_1.csv", item(), item("1002", "9.x", "9.00", nbr="2"))
    assert looks(waiting).state == "succeeded"
    back = waiting.campus.drop.root / "from-ps" / "payments_1-rejected.csv"
    os.utime(back, (time.time() - 50, time.time() - 50))
    assert looks(waiting).state == "nothing_to_send"
    assert "given back" in waiting.campus.scalar("SELECT message FROM inbound_file ORDER BY id DESC LIMIT 1")
    back.write_text(back.read_text().replace("9.x", "9.0"))
    os.utime(back, (time.time() - 40, time.time() - 40))
    assert looks(waiting).state == "succeeded"
    assert [reference for reference, _, _ in waiting.payments()] == ["1001", "1002"]


def test_rows_are_given_back_into_the_servers_usual_folder_when_files_come_from_elsewhere(waiting):
    waiting.campus.sets("payments", rejects="send", place="none")
    waiting.hands_in(item(), item("1002", "9.x", "9.00", nbr="2"))
    (back,) = [file for file in waiting.campus.drop.files() if "rejected" in file.name]
    assert "from-ps" not in str(back.folder)


def test_a_file_that_is_still_being_written_is_not_read_and_counts_once_when_it_is_whole(
    waiting, drop, monkeypatch
):
    lies(waiting, "payments_1.csv", item())
    path = drop.root / "from-ps" / "payments_1.csv"
    look, looked = SftpPlace.look, []

    def look_and_write_on(self, is_wanted):
        found = look(self, is_wanted)
        if not looked:
            with path.open("a", newline="") as file:
                file.write(item("1002", "9.00", "9.00", nbr="2") + "\r\n")
        looked.append(found)
        return found

    monkeypatch.setattr(SftpPlace, "look", look_and_write_on)
    assert looks(waiting).state == "nothing_to_send"
    assert waiting.payments() == []
    assert looks(waiting).state == "succeeded"
    assert waiting.payments() == [("1001", "payment", 12_50), ("1002", "payment", 9_00)]
