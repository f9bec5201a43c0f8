"""Every quarter of an hour: does the money of each campus add up, and say so in the log where it does not."""

from __future__ import annotations

import logging

from webapp.models.scope import every_tenant_scope
from webapp.store.money_check import Checked, take_due_check

log = logging.getLogger(__name__)


def check_money() -> list[Checked]:
    """The checks that were due, one per campus; an unequal one is logged as ``money_unequal`` for the operator's alarms."""
    with every_tenant_scope() as session:
        checked = take_due_check(session)
        session.commit()
    for one in checked:
        if not one.is_equal:
            log.error("money_unequal tenant=%s received_cents=%s", one.tenant_id, one.received_cents)
    return checked
