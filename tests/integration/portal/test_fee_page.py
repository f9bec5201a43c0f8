"""The page of one fee whose payments came back, and its evidence file."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile

import pytest
from sqlalchemy import event

from tests.integration.portal.charge_rows import CREDITED_FEE, SENT_FEE, fill_charges
from tests.integration.portal.payment_rows import (
    HALF_FEE,
    OPEN_FEE,
    PAID_FEE,
    PAID_REF,
    PaymentRows,
    fill_payments,
)
from tests.integration.portal.test_campus_pages import audit_of
from tests.integration.portal.test_payment_pages import text_of
from webapp.adapters.files import FileStore
from webapp.models import db

FEES = "/c/csusm/fees"


@pytest.fixture
def rows(portal, people) -> PaymentRows:
    """San Marcos with payments behind it."""
    return fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])


def titles(answer) -> list[str]:
    """What happened to the fee, in its order."""
    life = answer.text[answer.text.index('<ol class="fb-life">') :]
    return re.findall(r"<div><strong>([^<]+)</strong>", life)


def evidence_of(answer) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_paid_fee_tells_its_whole_life_from_alma_to_the_released_hold(rows, browser_of):
    answer = browser_of("viewer").get(f"{FEES}/{PAID_FEE}")
    assert titles(answer) == [
        "Made in Alma",
        "Charge",
        "Paid",
        "Posted in Alma",
        "Alma&#39;s own report lists a payment",
        "Hold released",
    ]
    page = text_of(answer)
    assert "Paid. $25.00 was received and is posted in Alma; nothing is left to pay." in page
    assert "It is the posting of ours." in page
    assert re.search(r"released at .{10,30}, picked up at ", page)
    assert "Alma's tracking id E01-2011140922-KVXCF-AWAE" in page


def test_a_fee_with_a_lost_answer_says_so_first(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"{FEES}/{HALF_FEE}"))
    assert "Paid, and not known whether Alma has it. $10.00 was sent to Alma" in page


def test_a_fee_that_only_alma_knows_has_a_page(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"{FEES}/{OPEN_FEE}"))
    assert "As Alma knows it Balance $42.75" in page


def test_the_evidence_file_holds_timeline_entries_and_how_to_check_them(portal, people, rows, browser_of):
    answer = browser_of("viewer").get(f"{FEES}/{PAID_FEE}/evidence")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="fee-{PAID_FEE}-evidence.zip"'
    found = evidence_of(answer)
    assert sorted(found) == ["README.txt", "entries.json", "timeline.csv", "timeline.html"]
    paid = next(e for e in json.loads(found["entries.json"])["entries"] if e["event"] == "payment")
    assert paid["amount_cents"] == -2500
    assert paid["sources"][0]["sha256"] == hashlib.sha256(b"payments_20261120.csv").hexdigest()
    assert paid["sources"][0]["line"] == 2
    assert paid["sources"][0]["record"].startswith("SMCMP,000012345,000000000123,600100000123,2267")
    assert f"{PAID_REF}-1" in found["timeline.csv"]
    assert "released at" in found["timeline.html"]
    assert "<script" not in found["timeline.html"]
    assert ("fee.evidence_taken", f"fee/{PAID_FEE}") in audit_of(portal, people.csusm)


def test_a_line_that_was_not_written_down_is_read_from_its_file(portal, people, rows, browser_of, superuser):
    superuser.execute("UPDATE payment SET evidence = evidence - 'raw'")
    missing = evidence_of(browser_of("viewer").get(f"{FEES}/{PAID_FEE}/evidence"))["entries.json"]
    assert '"why_no_record"' in missing

    with FileStore(portal.config["FEEBRIDGE"].files_url).writer("inbound/evidence") as writer:
        writer.write("heading\r\nthe line as ít came\r\nthe next\r\n".encode())
    superuser.execute("UPDATE inbound_file SET store_key = 'inbound/evidence'")
    found = evidence_of(browser_of("viewer").get(f"{FEES}/{PAID_FEE}/evidence"))["entries.json"]
    assert '"record": "the line as ít came"' in found


def test_the_evidence_of_a_charged_fee_names_the_file_it_was_sent_in(portal, people, browser_of):
    fill_charges(portal, people.csusm)
    found = evidence_of(browser_of("viewer").get(f"{FEES}/{CREDITED_FEE}/evidence"))
    sources = [source for e in json.loads(found["entries.json"])["entries"] for source in e["sources"]]
    assert {source["direction"] for source in sources} == {"sent"}
    assert all(re.fullmatch("[0-9a-f]{64}", source["sha256"]) for source in sources)


def test_there_is_no_evidence_of_a_fee_that_is_not_known(portal, people, rows, browser_of):
    assert browser_of("viewer").get(f"{FEES}/99999/evidence").status_code == 404
    assert not [subject for _, subject in audit_of(portal, people.csusm) if subject.startswith("fee/")]


@pytest.mark.parametrize("fee_ref", [PAID_FEE, HALF_FEE, OPEN_FEE, SENT_FEE])
def test_the_page_of_a_fee_needs_at_most_ten_queries(portal, people, rows, browser_of, fee_ref):
    fill_charges(portal, people.csusm)
    person = browser_of("admin")
    person.get(f"{FEES}/{fee_ref}")
    statements: list[str] = []

    def count(_connection, _cursor, statement, *_rest):
        if "set_config" not in statement:
            statements.append(statement)

    with portal.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        assert person.get(f"{FEES}/{fee_ref}").status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len(statements) <= 10, f"{len(statements)}\n" + "\n".join(s[:150] for s in statements)
