"""Files of payments that are laid into the watched folder, or handed in through the API."""

import os
import time

import pytest
import requests

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, item
from webapp.models import Tenant
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_tokens import make_api_token
from webapp.services.submit_run import submit_run


@pytest.fixture
def environ(environ, tmp_path):
    return {**environ, "FEEBRIDGE_INBOUND_ROOT": str(tmp_path / "watched")}


@pytest.fixture
def billed(books):
    books.charges(Fee("1001", "12.50"), Fee("1002", "9.00"))
    return books


CONTENT = f"{HEADING}\r\n{item()}\r\n".encode()


def test_a_file_in_the_watched_folder_is_imported_once_and_left(billed, tmp_path):
    with tenant_scope(billed.tenant_id) as session:
        slug = session.get_one(Tenant, billed.tenant_id).slug
    folder = tmp_path / "watched" / slug
    folder.mkdir(parents=True)
    (folder / "payments_1.csv").write_bytes(CONTENT)
    (folder / "notes.txt").write_text("not ours")
    os.utime(folder / "payments_1.csv", (time.time() - 60, time.time() - 60))
    billed.campus.sets("arrival", settle_s=1)
    billed.campus.sets("payments", place="folder", files=["payments_*.csv"])
    states = []
    for _ in range(2):
        run_id = submit_run(billed.tenant_id, "payment_import", trigger="schedule")
        billed.campus.work()
        states.append(billed.campus.the_run(run_id).state)
    assert states == ["succeeded", "nothing_to_send"]
    assert billed.payments() == [("1001", "payment", 12_50)]
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "payments_1.csv"]


def test_a_file_handed_in_through_the_api_is_imported_and_the_same_content_again_is_not(billed, portal_url):
    token = make_api_token(billed.tenant_id, billed.settings, SYSTEM)

    def hand_in(name: str) -> requests.Response:
        return requests.post(
            f"{portal_url}/api/v1/inbound/payments",
            params={"name": name},
            data=CONTENT,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "text/csv"},
            timeout=20,
        )

    first = hand_in("morning.csv")
    assert (first.status_code, first.json()["state"]) == (202, "waiting")
    billed.campus.work()
    assert billed.campus.the_run(first.json()["run_id"]).state == "succeeded"
    again = hand_in("noon.csv")
    assert again.status_code == 409
    assert "not counted again" in again.text
    assert billed.payments() == [("1001", "payment", 12_50)]
