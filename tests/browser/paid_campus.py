"""San Marcos with an Alma of its own: what students pay in PeopleSoft comes in by the pages and is posted by a worker here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.payments.conftest import HEADING, item
from tests.integration.posting.conftest import Campus, alma, sandbox
from webapp.services.submit_run import submit_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.integration.portal.conftest import People
    from tests.integration.sandbox.alma import Caller
    from webapp.config import Settings
    from webapp.models import Run
    from webapp.sandbox.process import SandboxHandle

__all__ = ["PaidCampus", "alma", "environ", "paid", "paid_item", "query_file", "sandbox"]


class PaidCampus(Campus):
    """What a test drives besides the pages."""

    def works(self) -> None:
        """Carry out what is due, and what that asks for."""
        for _ in range(2):
            self.work()
            self.work("batch")

    def external_id(self, payment_id: int, n: int) -> str:
        """What Alma knows a part of a payment by."""
        return self.line((payment_id, n)).external_id

    def runs(self, pipeline: str) -> Run:
        """A run of a pipeline is asked for and carried out."""
        run_id = submit_run(self.tenant_id, pipeline)
        self.works()
        return self.the_run(run_id)


def query_file(*lines: str) -> bytes:
    """A file as PeopleSoft's query of paid items writes it."""
    return "\r\n".join([HEADING, *lines, ""]).encode()


def paid_item(
    campus: Campus, reference: str, dollars: str, n: int, emplid: str = "", *, amount: str = ""
) -> str:
    """A line of that file: so much was applied to an item of this reference, which is as much or ``amount``."""
    return item(reference, dollars, amount or dollars, emplid or campus.emplid, nbr=str(n))


@pytest.fixture
def environ(environ: dict[str, str], sandbox: SandboxHandle) -> dict[str, str]:
    """The portal may speak to that Alma."""
    return {**environ, "FEEBRIDGE_ALMA_HOSTS": sandbox.http}


@pytest.fixture
def paid(
    portal: Flask, people: People, settings: Settings, alma: Caller, sandbox: SandboxHandle
) -> Iterator[PaidCampus]:
    """San Marcos: its Alma, a key for it, and a patron who owes nothing yet."""
    debtless = [person for person in alma.patrons() if person["emplid"] and not person["fees"]]
    who = debtless[0]
    with portal.app_context():
        campus = PaidCampus(people.csusm, settings, alma, who["primary_id"], who["emplid"])
        campus.sets("alma", base_url=sandbox.http, institution_code="01CALS_USM", calls_per_second=25)
        campus.has_key(alma.key)
        yield campus
