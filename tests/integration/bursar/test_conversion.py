"""Alma's file becomes PeopleSoft's files, and every line of them stands in the ledger before it leaves."""

from __future__ import annotations

from tests.integration.bursar.alma_files import Fee

TWO_FEES = (Fee("F1", "12.5"), Fee("F2", "300", patron="987654321", fee_type="LOSTITEMREPLACEMENTFEE"))


def test_a_file_that_arrives_is_delivered_and_every_line_of_it_stands_in_the_ledger(campus):
    run = campus.converts(*TWO_FEES)
    assert run.state == "succeeded", run.error
    (lines,) = campus.dropped().values()
    assert lines == ["012345678,300000006919,12.50,F1", "987654321,300000006920,300.00,F2"]
    assert campus.ledger() == [
        ("F1", "charge", 1250, "300000006919"),
        ("F2", "charge", 30000, "300000006920"),
    ]
    assert campus.inbound() == ["done"]
    assert (run.counts["rows_in"], run.counts["rows_sent"], run.counts["cents_sent"]) == (2, 2, 31250)
