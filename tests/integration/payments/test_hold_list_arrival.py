"""PeopleSoft's own list of holds that lies on the delivery server: taken in by the nightly comparison, once, and compared."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from webapp.models import HoldRegister
from webapp.models.scope import tenant_scope
from webapp.services.submit_run import submit_run

STUCK, PLACED, LOST = "000000071", "000000072", "000000073"


@pytest.fixture
def listing(books):
    """Two holds of ours have been in force for days; lists are looked for in a folder of the delivery server."""
    at = datetime.now(UTC) - timedelta(days=4)
    with tenant_scope(books.tenant_id) as session:
        for emplid in (PLACED, LOST):
            session.add(
                HoldRegister(
                    emplid=emplid, hold_code="LIB", amount_cents=25_00, placed_at=at, told_at=at, file_id=1, run_id=1
                )
            )  # fmt: skip
        session.commit()
    books.campus.drop.add_folder("holds")
    books.campus.sets("arrival", settle_s=1)
    books.campus.sets(
        "reconciliation",
        hold_list_layout="ps-hold-list",
        hold_list_directory="holds",
        hold_list_files=["holds_*.csv"],
    )
    return books


def lies(books, name: str, *emplids: str) -> None:
    path = books.campus.drop.root / "holds" / name
    path.write_text("\n".join(["ID,Service Ind Cd", *(f"{emplid},LIB" for emplid in emplids)]))
    os.utime(path, (time.time() - 60, time.time() - 60))


def compares(books, **options):
    run_id = submit_run(books.tenant_id, "reconciliation", **options)
    books.campus.work()
    return books.campus.the_run(run_id)


def drift(books):
    return books.campus.query(
        "SELECT kind, emplid FROM difference WHERE kind LIKE '%_hold' AND closed_at IS NULL ORDER BY emplid"
    )


def test_a_list_on_the_server_is_compared_once_and_left(listing):
    lies(listing, "holds_1.csv", PLACED)
    lies(listing, "other.txt", STUCK)
    assert compares(listing).state == "succeeded"
    assert drift(listing) == [("missing_hold", LOST)]
    assert compares(listing).state == "succeeded"
    assert drift(listing) == [("missing_hold", LOST)]
    assert listing.campus.inbound() == ["done"]
    assert (listing.campus.drop.root / "holds" / "holds_1.csv").exists()


def test_of_two_lists_the_newer_counts(listing):
    lies(listing, "holds_1.csv", PLACED)
    lies(listing, "holds_2.csv", PLACED, LOST)
    os.utime(listing.campus.drop.root / "holds" / "holds_1.csv", (time.time() - 7200, time.time() - 7200))
    compares(listing)
    assert drift(listing) == []


def test_a_rehearsal_fetches_nothing(listing):
    lies(listing, "holds_1.csv", PLACED)
    compares(listing, dry_run=True)
    assert listing.campus.inbound() == []
    assert drift(listing) == []


def test_a_server_that_is_away_is_told_and_closes_nothing(listing):
    lies(listing, "holds_1.csv", PLACED)
    compares(listing)
    listing.campus.sets("delivery", sftp_port=1)
    run = compares(listing)
    assert run.state == "failed"
    assert run.error["message"].startswith(
        "The list of holds could not be read, so no difference was closed."
    )
    assert drift(listing) == [("missing_hold", LOST)]
