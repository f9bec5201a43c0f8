"""Before money is put aside, ask Alma for the fees of students of whom nothing is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.alma.errors import DailyLimitError
from webapp.adapters.errors import PermanentError
from webapp.services.ask_fees import MOST_ASKED, ask_fees
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.open_alma import open_alma
from webapp.store import payment_match, payment_rows
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.domain.campus_settings import CampusSettings


def ask(ctx: StepContext) -> Continue:
    """Remember the fees of those students. What Alma cannot be asked for waits for a person, and stops nothing else.

    Raises: RetryableError.
    """
    with ctx.transaction() as session:
        campus = read_all(session)
        payment_rows.news_of_run(session, ctx.run.id)
        emplids = payment_match.emplids_to_ask(session, MOST_ASKED)
    return Continue(ask_alma(ctx, campus, emplids))


def ask_alma(ctx: StepContext, campus: CampusSettings, emplids: Sequence[str]) -> dict[str, int]:
    """Remember these students' fees: how many students were asked for, and how many Alma knows. Raises: RetryableError."""
    with ctx.transaction() as session:
        api_key = open_secret(session, ctx.vault, "alma_api_key")
    if not emplids or campus["posting"]["way"] == "none" or not api_key:
        return {"asked": 0, "known": 0}
    try:
        client = open_alma(ctx.settings, campus, api_key, purpose="payment")
        known = ask_fees(
            ctx.tenant_id,
            client,
            emplids,
            pad=campus["bursar"]["emplid_pad"],
            on_progress=lambda done, total: ctx.progress(done, total, "Asking Alma for fees"),
        )
    except (PermanentError, DailyLimitError) as err:
        ctx.note(f"Fees that nobody has told of could not be looked for in Alma. {err.message}")
        return {"asked": 0, "known": 0}
    return {"asked": len(emplids), "known": known}
