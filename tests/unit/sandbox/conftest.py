from datetime import date

import pytest

from webapp.sandbox.book import Book
from webapp.sandbox.clock import SandboxClock
from webapp.sandbox.fee_operations import Counter
from webapp.sandbox.institution import Institution, InstitutionSpec

TODAY = date(2026, 11, 20)


@pytest.fixture
def institution():
    return Institution(
        InstitutionSpec("01CALS_USM", "key", "San Marcos"),
        SandboxClock(TODAY),
        seed=7,
        patrons=200,
        owing_percent=8,
    )


@pytest.fixture
def book(institution):
    return Book(institution.clock)


@pytest.fixture
def counter(institution, book):
    return Counter(institution, book)


@pytest.fixture
def debtor(institution):
    """The cast's first patron: an overdue fine of $12.50 and a locker key of $25.00."""
    return institution.population.patron(3)
