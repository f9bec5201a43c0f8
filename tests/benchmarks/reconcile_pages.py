"""How long the pages over a million fees take, asked for by a person who is signed in, each time for something else."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

from tests.benchmarks.reconcile_rows import FEES
from webapp.models import Membership, Person
from webapp.models.scope import person_scope, tenant_scope
from webapp.services import passwords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient

REQUESTS = 60
_EMAIL, _PASSWORD = "viewer@humboldt.example", "plum window seven harbour"
_HOME = "/c/humboldt"


def page_times(portal: Flask, difference_id: int) -> Iterator[tuple[str, list[float]]]:
    """Each page's name and the seconds of its requests."""
    client = _signed_in(portal)
    for name, address in _pages(random.Random(1), difference_id).items():
        client.get(address())
        yield name, [_timed(client, address()) for _ in range(REQUESTS)]


def _pages(dice: random.Random, difference_id: int) -> dict[str, Callable[[], str]]:
    def fee() -> int:
        return 17000000000000 + dice.randint(1, FEES)

    def paid() -> int:
        return dice.randint(1, FEES // 3) * 3

    return {
        "a fee's page": lambda: f"{_HOME}/fees/{fee()}",
        "a paid fee's page": lambda: f"{_HOME}/fees/{17000000000000 + paid()}",
        "payments page": lambda: f"{_HOME}/payments?page={dice.randint(1, 20)}",
        "payments of a student": lambda: f"{_HOME}/payments?q={paid() // 4:09d}",
        "a payment's page": lambda: f"{_HOME}/payments/{paid()}",
        "money desk": lambda: f"{_HOME}/money",
        "reconciliation page": lambda: f"{_HOME}/reconciliation?page={dice.randint(1, 20)}",
        "reconciliation, by amount": lambda: f"{_HOME}/reconciliation?kind=amount&sort=theirs&dir=desc",
        "a difference's page": lambda: f"{_HOME}/reconciliation/{difference_id}",
    }


def _signed_in(portal: Flask) -> FlaskClient:
    with portal.app_context():
        with person_scope(None) as session:
            person = Person(
                email=_EMAIL, full_name="Hum Viewer", password_hash=passwords.hash_password(_PASSWORD)
            )
            session.add(person)
            session.commit()
            person_id = person.id
        with tenant_scope(1) as session:
            session.add(Membership(person_id=person_id, role="viewer"))
            session.commit()
    client = portal.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert token is not None
    answer = client.post(
        "/sign-in", data={"csrf_token": token.group(1), "email": _EMAIL, "password": _PASSWORD}
    )
    assert answer.status_code == 303, answer.text
    return client


def _timed(client: FlaskClient, address: str) -> float:
    started = time.perf_counter()
    answer = client.get(address, buffered=True)
    seconds = time.perf_counter() - started
    assert answer.status_code == 200, f"{address} answered {answer.status_code}"
    return seconds
