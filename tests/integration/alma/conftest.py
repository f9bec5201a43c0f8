import pytest

from tests.integration.alma.stub import AlmaStub
from webapp.adapters.alma.budget import CallBudget
from webapp.adapters.alma.client import AlmaClient
from webapp.adapters.alma.config import AlmaConfig, RetryPolicy
from webapp.adapters.alma.limits import LocalRateLimiter

KEY = "l7xxsecretkey"
QUICK = RetryPolicy(
    tries=4, busy_pause_s=(0.0, 0.01), server_pause_s=0.005, total_s=10, loading_s=0.3, loading_pause_s=0.01
)


@pytest.fixture
def alma():
    stub = AlmaStub()
    yield stub
    stub.stop()


@pytest.fixture
def make_client(alma):
    made = []

    def make(*, on_call=None, retry=QUICK, budget=None, purpose="batch", **changes):
        config = AlmaConfig(
            **{"base_url": alma.url, "api_key": KEY, "institution_code": "01CALS_USM", "timeout_s": 5}
            | changes
        )
        client = AlmaClient(
            config,
            LocalRateLimiter(1000),
            budget or CallBudget("01CALS_USM", 5000),
            on_call,
            retry=retry,
            purpose=purpose,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client):
    return make_client()
