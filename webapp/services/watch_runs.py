"""Say in the log what is overdue; people see the same list in the portal."""

from __future__ import annotations

import logging

from webapp.models.scope import every_tenant_scope
from webapp.store.overdue import Overdue, list_overdue

log = logging.getLogger(__name__)


def watch_runs() -> list[Overdue]:
    """Everything overdue in every campus, each logged as ``overdue`` with its ids, for the operator's alarms."""
    with every_tenant_scope() as session:
        found = list_overdue(session)
    for item in found:
        log.warning(
            "overdue kind=%s tenant=%s run=%s pipeline=%s since=%s",
            item.kind,
            item.tenant_id,
            item.run_id,
            item.pipeline,
            item.since.isoformat(),
        )
    return found
