"""From Alma's export to a file in hand: looked for, taken once, put aside."""

from __future__ import annotations

import hashlib

from tests.integration.arrival.conftest import bursar_xml, run_export


def test_what_alma_exports_is_taken_in_by_the_next_look(campus, alma):
    told = run_export(alma)
    original = (campus.folder / told["file"]).read_bytes()

    run = campus.look()

    assert run.state == "succeeded"
    (row,) = campus.arrived()
    assert (row.state, row.origin, row.name) == ("done", "sftp", told["file"])
    assert (row.profile_code, row.job_id) == ("BURSAR", told["job_id"])
    assert row.sha256 == hashlib.sha256(original).hexdigest()
    assert campus.content(row) == original
    assert campus.results == [
        {
            "inbound_file_id": row.id,
            "store_key": row.store_key,
            "sha256": row.sha256,
            "profile_code": "BURSAR",
            "job_id": told["job_id"],
            "name": told["file"],
            "size": len(original),
            "note": "",
        }
    ]


def test_a_file_that_was_read_is_renamed_and_never_read_again(campus):
    campus.lays_down("BURSAR-11-20261120.xml", bursar_xml("1", "2"))
    campus.look()
    assert campus.lying() == ["BURSAR-11-20261120.xml.processed"]
    assert campus.look().state == "nothing_to_send"
    assert campus.states() == ["done"]
