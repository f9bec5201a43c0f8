from datetime import date

import pytest
import requests

from tests.integration.sandbox.alma import TIMEOUT_S, Caller
from webapp.sandbox.process import start_sandbox


@pytest.fixture(scope="module")
def sandbox():
    with start_sandbox(only_alma=True, today=date(2026, 11, 20), calls_per_second=1000) as running:
        yield running


@pytest.fixture
def alma(sandbox):
    caller = Caller(sandbox.http, sandbox.institutions[0]["api_key"], sandbox.report_path)
    yield caller
    requests.delete(f"{sandbox.http}/faults", timeout=TIMEOUT_S)
