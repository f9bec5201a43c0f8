"""``feebridge payments``: a file is checked, imported, imported again, and an allocation taken back."""

from __future__ import annotations

import json

import pytest

from tests.integration.payments.conftest import HEADING, STUDENT, item
from webapp.models import SeenFee
from webapp.models.scope import tenant_scope
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due


@pytest.fixture
def at_csusm(shop, feebridge):
    """A command of San Marcos, which knows of one fee of 12.50 and posts nothing."""
    shop.sets("posting", way="none")
    with tenant_scope(shop.tenant_id) as session:
        session.add(
            SeenFee(fee_id="1001", patron_id="ada", emplid=STUDENT, status="ACTIVE", balance_cents=12_50)
        )
        session.commit()

    def run(*arguments: str, code: int = 0):
        return feebridge("payments", *arguments, "--tenant", "csusm", code=code).stdout

    return run


def write(folder, *lines: str, heading: str = HEADING) -> str:
    path = folder / "payments.csv"
    path.write_text("\n".join([heading, *lines, ""]))
    return str(path)


def test_a_check_says_where_the_money_would_go_and_books_nothing(at_csusm, tmp_path):
    path = write(tmp_path, item(applied="15.00"), item(applied="x", nbr="2"))
    said = at_csusm("check", path)
    assert "2 rows, paid from 2026-09-18 to 2026-09-18; 1 with news, $15.00 in all" in said
    assert "Would be posted: 1 line, $12.50. For a person: 1 line, $2.50." in said
    assert "Line 3: 'Applied Amount'" in said
    assert json.loads(at_csusm("check", path, "--json"))["posted_cents"] == 12_50
    assert at_csusm("list") == "No payment has come yet.\n"


def test_a_check_of_a_file_that_would_be_refused_says_so_and_fails(at_csusm, tmp_path):
    assert "would be refused" in at_csusm("check", write(tmp_path, item("9", emplid="999999991")), code=1)
    assert "would be refused" in at_csusm("check", write(tmp_path, "a,b", heading="Name,Amount"), code=1)


def test_a_file_is_imported_once_and_an_allocation_can_be_taken_back(at_csusm, shop, tmp_path, superuser):
    path = write(tmp_path, item())
    assert "taken in as file" in at_csusm("import", path)
    carry_out_due(shop.settings, "batch", Interrupts("test worker"))
    assert "waiting" in at_csusm("list")
    assert "Nothing new is posted" in at_csusm("import", path)
    (payment,) = superuser.execute("SELECT id FROM payment").fetchone()
    said = at_csusm("pull-back", str(payment), "1", "--reason", "another fee's")
    assert "waits for a person again" in said
    assert "unapplied" in at_csusm("list")
    at_csusm("pull-back", str(payment), "1", "--reason", "again", code=1)
    at_csusm("pull-back", str(payment + 9), "1", "--reason", "no such", code=1)
