"""A campus whose fees stay open in their source, and whose bursar is told every change."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from tests.integration.bursar.conftest import (  # noqa: F401 - the fixtures of the campus that bills
    LAYOUT,
    Campus,
    campus,
    drop,
    environ,
    faults,
    mailbox,
)
from webapp.models.scope import tenant_scope
from webapp.services.submit_run import submit_run
from webapp.services.violation_uploads import store_upload
from webapp.store.ledger import told

if TYPE_CHECKING:
    from webapp.models import Run

HEADINGS = "EMPLID,Balance,Fine Amount,Violation Type,Violation Date,Ticket Number,User Type,Status\n"


class Balances:
    """The campus, driven by what its patrons owe."""

    def __init__(self, world: Campus) -> None:
        self.world = world
        self.tenant_id = world.tenant_id

    def owes(self, *lines: str) -> None:
        """The source's newest list, one line a fee: fee=dollars, or fee=dollars/STATUS, or fee=dollars@emplid."""
        content = HEADINGS
        for line in lines:
            fee, _, rest = line.partition("=")
            rest, _, emplid = rest.partition("@")
            dollars, _, status = rest.partition("/")
            content += f"{emplid or '012345678'},{dollars},25.00,OVERDUEFINE,08/01/2026,{fee},UG,{status or 'open'}\n"
        store_upload(self.world.store, self.tenant_id, "owed.csv", BytesIO(content.encode()))

    def export(self, *lines: str, dry_run: bool = False) -> Run:
        """These fees are owed; an export is asked for and carried out."""
        self.owes(*lines)
        run_id = submit_run(self.tenant_id, "balance_export", dry_run=dry_run)
        self.world.work()
        return self.world.the_run(run_id)

    def told(self, *fees: str) -> dict[str, int]:
        """Fee -> cents that the bursar holds for it."""
        with tenant_scope(self.tenant_id) as session:
            found = told(session, self.tenant_id, fees)
        return {fee: charge.remaining_cents for fee, charge in found.items()}

    def lines(self, run: Run) -> dict[str, list[str]]:
        """What a run's files say: kind -> id, item type, amount, reference."""
        return self.world.files(run)


@pytest.fixture
def balances(campus: Campus) -> Balances:  # noqa: F811
    """Humboldt's parking office, whose list is the source."""
    campus.sets("source", kind="violations_file")
    campus.sets("files", collision="suffix")
    return Balances(campus)
