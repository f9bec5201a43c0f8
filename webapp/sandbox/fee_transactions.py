"""The fine and fee report: every payment and waiver of up to seven days, at the desk or by API.

Source: Ex Libris OpenAPI conf, "Fee transactions report" (2026-05). The limit counts fees, and each fee shows only
the transactions asked for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from webapp.sandbox.alma_errors import AlmaRefusalError
from webapp.sandbox.words import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.sandbox.debts import Fee, Transaction
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron

LONGEST = timedelta(days=7)
TYPES = {"BOTH": {"PAYMENT", "WAIVE"}, "PAYMENT": {"PAYMENT"}, "WAIVE": {"WAIVE"}}


def fee_transactions(institution: Institution, args: Mapping[str, str]) -> list[tuple[Patron, Fee]]:
    """All fees with a transaction in the period, reduced to those transactions.

    Raises:
        AlmaRefusalError: 40166411 bad dates, 40166419 bad type, 40166410 bad library or desk.
    """
    first_on, last_on = _period(args, institution.clock.today())
    types = TYPES.get(args.get("transaction_type") or "BOTH")
    if types is None:
        raise AlmaRefusalError("40166419", "An error has occurred in setting transaction type.")
    library, desk = args.get("received_by_circ_library", ""), args.get("received_by_circ_desk", "")
    if (desk and not library) or (library and library not in LIBRARIES):
        raise AlmaRefusalError("40166410", "An error has occurred in setting circ library or circ desk.")
    owner = args.get("owner", "")

    def is_wanted(fee: Fee, entry: Transaction) -> bool:
        return (
            entry.type_code in types
            and first_on <= entry.at.date() <= last_on
            and (not library or fee.owner == library)
            and (not desk or entry.received_by == desk)
        )

    found = []
    view = institution.live_view()
    for patron in view.patrons_with_fees():
        for fee in view.fees(patron):
            wanted = tuple(entry for entry in fee.transactions if is_wanted(fee, entry))
            if wanted and (not owner or fee.owner == owner):
                found.append((patron, replace(fee, transactions=wanted)))
    return found


def _period(args: Mapping[str, str], today: date) -> tuple[date, date]:
    try:
        first_on = date.fromisoformat(args.get("transaction_from_date") or today.isoformat())
        last_on = date.fromisoformat(args.get("transaction_to_date") or first_on.isoformat())
    except ValueError as err:
        raise AlmaRefusalError("40166411", "An error has occurred in setting from and/or to dates.") from err
    if not timedelta(0) <= last_on - first_on <= LONGEST:
        raise AlmaRefusalError("40166411", "An error has occurred in setting from and/or to dates.")
    return first_on, last_on
