"""What the pages about money say in words."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.campus.difference_words import KINDS, kind_title
from webapp.campus.payment_words import proofs
from webapp.campus.words import PIPELINES, lasting, step_title
from worker.pipelines.gl_journal import GL_JOURNAL
from worker.pipelines.payment_import import PAYMENT_IMPORT
from worker.pipelines.payment_posting import PAYMENT_POSTING
from worker.pipelines.reconciliation import RECONCILIATION

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_evidence_of_an_entry_has_names_that_an_auditor_knows():
    kept = {
        "n": 2,
        "payment_id": 7,
        "balance_cents": 0,
        "tracking_id": "",
        "decided_by": 3,
        "external_id": "FB-2",
    }
    assert proofs(kept) == [
        ("Payment number", "7"),
        ("Part", "2"),
        ("Its name in Alma", "FB-2"),
        ("Left in Alma", "$0.00"),
    ]


@pytest.mark.parametrize(
    ("kind", "books", "title"),
    [
        ("missing_there", "alma_ledger", "Missing in Alma"),
        ("missing_there", "ledger_bursar", "Missing in PeopleSoft"),
        ("missing_there", "files", KINDS["missing_there"]),
        ("missing_here", "ledger_bursar", "Missing in our ledger"),
        ("amount", "alma_ledger", "Amounts differ"),
    ],
)
def test_a_difference_names_the_book_that_misses_something(kind, books, title):
    assert kind_title(kind, books) == title


@pytest.mark.parametrize(
    ("since", "says"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(hours=3), "3 hours"),
        (timedelta(days=1), "1 day"),
    ],
)
def test_what_lasts_is_said_as_a_length_of_time(since, says):
    assert lasting(NOW - since, NOW) == says


@pytest.mark.parametrize("pipeline", [PAYMENT_IMPORT, PAYMENT_POSTING, RECONCILIATION, GL_JOURNAL])
def test_every_step_about_money_has_words_of_its_own(pipeline):
    assert pipeline.name in PIPELINES
    for step in pipeline.steps:
        assert step_title(step.name, pipeline.name) != step.name.replace("_", " ").capitalize()


def test_a_step_of_one_pipeline_is_not_called_as_that_of_another():
    assert step_title("receive", "payment_import") == "Take in the file of payments"
    assert step_title("receive", "bursar_conversion") == "Take in Alma's files"
    assert step_title("receive") == "Take in Alma's files"
