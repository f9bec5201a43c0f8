"""The whole way: Alma's nightly job, its webhook, the file fetched, converted and delivered, the original put aside."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.integration.arrival.conftest import bursar_xml, run_export
from tests.integration.bursar.conftest import LAYOUT
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_tokens import make_hook_token

SECRET = "a secret of San Marcos"


@pytest.fixture
def billing(looking):
    """San Marcos bills by a layout of its own; files are left in the portal."""
    with tenant_scope(looking.tenant_id) as session:
        session.add(LayoutVersion(name="own", version=1, body=LAYOUT))
        session.commit()
    looking.sets("bursar", layout="own", stop_if_empty=False, stop_factor=0, stop_patron_cents=0)
    looking.sets("delivery", sftp_enabled=False, mail_enabled=False)
    return looking


def test_from_alma_s_job_to_peoplesoft_s_files(billing, alma, portal_url):
    billing.puts_secret("alma_webhook_secret", SECRET)
    address = f"{portal_url}/hooks/alma/{make_hook_token(billing.tenant_id, SYSTEM)}"
    told = run_export(alma, webhook_url=address, webhook_secret=SECRET)
    assert told["webhook"] == 200

    billing.work("batch")

    (row,) = billing.arrived()
    run = billing.the_run(row.run_id)
    assert run.state == "succeeded", run.story
    assert (run.counts["rows_in"], run.counts["cents_in"]) == (told["fees"], told["total_cents"])
    assert (row.state, row.row_count, row.total_cents) == ("done", told["fees"], told["total_cents"])
    assert billing.lying() == [f"{told['file']}.processed"]
    assert billing.scalar("SELECT count(*) FROM file WHERE kind = 'debits'") == 1


def test_a_damaged_file_is_refused_with_its_place_and_stays_where_it_was(billing):
    billing.lays_down("BURSAR-1-1.xml", bursar_xml("1", "2")[:-40])
    run = billing.look()
    assert run.state == "failed"
    assert "BURSAR-1-1.xml was refused whole" in run.story
    assert "line 1" in run.story
    assert billing.lying() == ["BURSAR-1-1.xml"]
    assert billing.states() == ["refused"]
    # It is known by name, size and time, and not read again; mended, it is another file.
    assert billing.look().state == "nothing_to_send"
    billing.lays_down("BURSAR-1-1.xml", bursar_xml("1", "2"))
    assert billing.look().state == "succeeded"
    assert billing.states() == ["refused", "done"]
    assert billing.lying() == ["BURSAR-1-1.xml.processed"]


def test_the_same_content_under_two_names_is_billed_once(billing):
    content = bursar_xml("17492216710006761")
    for name in ("BURSAR-1-1.xml", "BURSAR-2-2.xml"):
        billing.lays_down(name, content)
    billing.look()
    billing.work("batch")
    assert sorted(billing.states()) == ["done", "duplicate"]
    assert billing.scalar("SELECT count(*) FROM ledger_entry WHERE side = 'bursar'") == 1


def test_the_audit_log_and_events_name_no_patron(billing):
    billing.lays_down("BURSAR-1-1.xml", bursar_xml("1"))
    billing.look()
    with tenant_scope(billing.tenant_id) as session:
        for table in ("audit_event", "alma_event", "inbound_file", "run_event"):
            rows = session.execute(text(f"SELECT t::text FROM {table} t")).scalars()
            assert not [row for row in rows if "012345678" in row], table
