"""What Alma says a patron owes at this moment. Nothing is stored and no hold is changed by it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.alma.records import AlmaFee
from webapp.adapters.errors import OutsideError
from webapp.config import Settings
from webapp.models.scope import tenant_scope
from webapp.services import campus_settings
from webapp.services.change_settings import vault_of
from webapp.services.open_alma import open_alma

# What counts as owed: a disputed fee is shown, and by policy usually kept out of the hold.
_STATUSES = ("ACTIVE", "INDISPUTE")


@dataclass(frozen=True, slots=True)
class LiveBalance:
    """The patron's open fees, the oldest first; ``trouble`` says why there are none to show, "" when all is well."""

    fees: tuple[AlmaFee, ...] = ()
    trouble: str = ""

    @property
    def active_cents(self) -> int:
        """What is owed, disputed fees left out."""
        return sum(fee.balance_cents for fee in self.fees if fee.status == "ACTIVE")

    @property
    def disputed_cents(self) -> int:
        """What is in dispute."""
        return sum(fee.balance_cents for fee in self.fees if fee.status == "INDISPUTE")


def ask_alma(tenant_id: int, emplid: str, settings: Settings) -> LiveBalance:
    """The live balance of one patron; two calls to Alma."""
    with tenant_scope(tenant_id) as session:
        campus = campus_settings.read_all(session)
        api_key = campus_settings.open_secret(session, vault_of(settings), "alma_api_key")
    source = campus["source"]
    id_type = "" if source["emplid_from"] == "primary_id" else source["emplid_from"]
    try:
        with contextlib.closing(open_alma(settings, campus, api_key, person_waits=True)) as client:
            fees = [
                fee for status in _STATUSES for fee in client.fees(emplid, status=status, id_type=id_type)
            ]
    except NotFoundError:
        return LiveBalance(
            trouble=f"Alma knows no user with {id_type or 'primary id'} {emplid}. Their id may have changed, or the "
            "account was deleted."
        )
    except OutsideError as err:
        return LiveBalance(trouble=str(err))
    fees.sort(key=lambda fee: (fee.created_at.timestamp() if fee.created_at else 0.0, fee.fee_id))
    return LiveBalance(tuple(fees))
