"""A campus that bills and is paid: charges in its ledger, files of payments handed in, a worker in this process."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.arrival.conftest import portal_app, portal_url  # noqa: F401
from tests.integration.bursar.alma_files import Fee
from tests.integration.bursar.conftest import Campus, campus, drop, environ, faults, mailbox  # noqa: F401
from webapp.services.audit import Actor
from webapp.services.receive_file import Origin, receive_file
from webapp.services.submit_run import submit_run

if TYPE_CHECKING:
    from webapp.models import Run

HEADING = "Unit,ID,Item Nbr,Item Type,Acct Term,Reference Nbr,Item Amount,Applied Amount,Item Balance,Due Date,DateTime Updated"
STUDENT, OTHER = "012345678", "012345679"


def item(
    reference: str = "1001",
    applied: str = "12.50",
    amount: str = "12.50",
    emplid: str = STUDENT,
    nbr: str = "1",
    at: str = "09/18/2026  2:10:05PM",
    item_type: str = "300000006919",
    term: str = "2267",
) -> str:
    """One line of a PeopleSoft query."""
    return f'"HMCMP","{emplid}","{nbr.zfill(15)}","{item_type}","{term}","{reference}",{amount},{applied},.00,09/25/2026,{at}'


class Books:
    """The campus with what its books say."""

    def __init__(self, campus: Campus) -> None:  # noqa: F811
        self.campus = campus
        self.tenant_id = campus.tenant_id
        self.settings = campus.settings
        self.exports = 0

    def charges(self, *fees: Fee) -> None:
        """PeopleSoft is told of these fees."""
        self.exports += 1
        run = self.campus.converts(*fees, export_number=f"1749221704000676{self.exports}")
        assert run.state == "succeeded", run.error

    def hands_in(
        self, *lines: str, name: str = "payments.csv", heading: str = HEADING, **options: Any
    ) -> Run:
        """A file of payments arrives and is imported; posting is not carried out."""
        return self.hands_in_bytes("\r\n".join([heading, *lines, ""]).encode(), name, **options)

    def hands_in_bytes(self, content: bytes, name: str = "payments.csv", **options: Any) -> Run:
        received = receive_file(
            self.tenant_id, Origin("payments", "upload", name), BytesIO(content), settings=self.settings,
            actor=Actor(None, "Ann"), submit=False,
        )  # fmt: skip
        self.received = received
        assert received.state == "waiting", received.message
        return self.imports(received.inbound_file_id, **options)

    def imports(self, inbound_file_id: int, *, dry_run: bool = False) -> Run:
        run_id = submit_run(
            self.tenant_id, "payment_import", options={"inbound_file_id": inbound_file_id}, dry_run=dry_run
        )
        self.campus.work()
        return self.campus.the_run(run_id)

    def payments(self) -> list[tuple[str, str, int]]:
        """(reference, kind, cents) of every payment, in order."""
        return self.campus.query("SELECT reference, kind, amount_cents FROM payment ORDER BY id")

    def lines(self) -> list[tuple[str, int, str, str]]:
        """(fee, cents, state, rule) of every line that counts."""
        return self.campus.query(
            "SELECT fee_ref, amount_cents, state, rule FROM payment_line WHERE state <> 'replaced' ORDER BY payment_id, n"
        )

    def adds_up(self) -> bool:
        """Whether every payment's lines are its money."""
        return not self.campus.query(
            "SELECT p.id FROM payment p LEFT JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id "
            "AND l.state <> 'replaced' GROUP BY p.tenant_id, p.id HAVING p.amount_cents <> coalesce(sum(l.amount_cents), 0)"
        )


@pytest.fixture
def books(campus: Campus) -> Books:  # noqa: F811
    """Humboldt, whose payments stay in its books: nothing is posted to Alma."""
    campus.sets("posting", way="none")
    return Books(campus)
