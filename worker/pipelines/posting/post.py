"""Post what was planned, patron by patron; what one fee's trouble is stops no other's payment."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.alma.errors import DailyLimitError, NotFoundError, RefusedError, UnusableError
from webapp.adapters.errors import PermanentError, RetryableError
from webapp.domain.payments.posting import next_try_at
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.open_alma import open_alma
from webapp.store import posting, runs
from worker.pipelines.posting import send
from worker.pipelines.posting.account import Account
from worker.pipelines.posting.import_file import ImportSender, deliver_import
from worker.pipelines.posting.send import LineSender
from worker.pipelines.posting.way import way_of
from worker.steps import Continue, StepContext, Wait

if TYPE_CHECKING:
    from webapp.adapters.alma.calls import CallRecord
    from webapp.adapters.alma.client import AlmaClient
    from webapp.domain.campus_settings import CampusSettings
    from webapp.store.posting import LineToPost

LONGEST_STEP_S = 7_200.0
# After so long the run gives its worker back and goes on in its next turn: other campuses wait too.
WORK_FOR_S = 900.0
# How often in one run lines are tried whose answer was lost, or whose turn had not come.
ROUNDS = 4
# So many patrons in a row whose account could not be read: Alma is away, and the run waits as a whole.
TROUBLES = 3
# So many refusals in a row: it is the settings, and nobody wants every payment of the campus on the desk.
REFUSALS = 5
BETWEEN_ROUNDS_S = 5.0


def post(ctx: StepContext) -> Continue | Wait:
    """Deal with every open line of the run; asks to be called again while some may still come further today."""
    with ctx.transaction() as session:
        campus = read_all(session)
        api_key = open_secret(session, ctx.vault, "alma_api_key")
    work = _Work(ctx, campus)
    client = open_alma(ctx.settings, campus, api_key, purpose="payment", on_call=work.count)
    with contextlib.closing(client):
        try:
            outcome = work.go_on(client)
        except DailyLimitError as err:
            return _until_midnight(ctx, err)
        finally:
            work.write_calls()
    if isinstance(outcome, Continue) and work.is_by_file:
        deliver_import(ctx, campus)
    return outcome


class _Work:
    """One turn of the run."""

    def __init__(self, ctx: StepContext, campus: CampusSettings) -> None:
        self._ctx = ctx
        self._way = way_of(campus)
        self.is_by_file = self._way.is_by_file
        self._calls = {"alma_gets": 0, "alma_posts": 0}
        self._until = time.monotonic() + WORK_FOR_S
        self._troubles = 0
        self._refusals = 0

    def count(self, record: CallRecord) -> None:
        """One more exchange with Alma."""
        self._calls["alma_posts" if record.method == "POST" else "alma_gets"] += 1

    def write_calls(self) -> None:
        """Add them to the run's counts."""
        before = _counts(self._ctx)
        self._ctx.counts({name: before.get(name, 0) + calls for name, calls in self._calls.items()})
        self._calls = dict.fromkeys(self._calls, 0)

    def go_on(self, client: AlmaClient) -> Continue | Wait:
        """One round over the patrons with open lines."""
        if not _counts(self._ctx).get("rounds"):
            client.check_institution()
        with self._ctx.transaction() as session:
            patrons = posting.open_patrons(session, self._ctx.run.id)
        for number, patron_key in enumerate(patrons):
            if time.monotonic() > self._until:
                return Wait(datetime.now(UTC), f"{number:,} of {len(patrons):,} patrons are done; goes on.")
            self._ctx.progress(number, len(patrons), "Posting payments to Alma")
            self._deal_with_patron(client, patron_key)
        self._ctx.progress(len(patrons), len(patrons), "Posting payments to Alma")
        return self._next_round()

    def _deal_with_patron(self, client: AlmaClient, patron_key: str) -> None:
        with self._ctx.transaction() as session:
            lines = posting.lines_of_patron(session, self._ctx.run.id, patron_key)
        if not lines:
            return
        try:
            account, lines = self._account_of(client, patron_key, lines)
        except (NotFoundError, UnusableError) as err:
            self._no_account(lines, "Alma knows no patron by this id.", err)
            return
        except RefusedError as err:
            self._no_account(lines, "Alma does not show this patron's fees.", err)
            self._refused(err)
            return
        except RetryableError as err:
            self._troubled(lines, err)
            return
        kind_of_sender = ImportSender if self.is_by_file else LineSender
        sender = kind_of_sender(self._ctx, client, self._way, account)
        for line in lines:
            try:
                sender.deal_with(line)
                self._troubles = 0
            except RetryableError as err:
                self._troubled([line], err)
            if sender.refusal is not None:
                self._refused(sender.refusal)
            elif sender.has_posted:
                self._refusals = 0

    def _account_of(
        self, client: AlmaClient, patron_key: str, lines: list[LineToPost]
    ) -> tuple[Account, list[LineToPost]]:
        """The account and the lines that go to it: a patron merged into another keeps the EMPLID and loses the id."""
        emplid = lines[0].emplid
        try:
            return Account(self._ctx, client, patron_key, emplid), lines
        except NotFoundError:
            if emplid in {"", patron_key}:
                raise
        account = Account(self._ctx, client, emplid, emplid)
        return account, [replace(line, patron_key=emplid) for line in lines]

    def _troubled(self, lines: list[LineToPost], err: RetryableError) -> None:
        """Leave the lines for the next round. Raises: RetryableError when Alma seems to be away altogether."""
        with self._ctx.transaction() as session:
            for line in lines:
                posting.note_trouble(session, line, err.message)
        self._troubles += 1
        if self._troubles >= TROUBLES:
            raise err

    def _refused(self, err: PermanentError) -> None:
        """One more that Alma refused. Raises: PermanentError when it seems to refuse all of them."""
        self._refusals += 1
        if self._refusals >= REFUSALS:
            raise PermanentError(
                f"Alma refused {REFUSALS} payments one after the other, so no more were sent: {err.message} Look at the "
                "settings, page Posting to Alma: the method and the reason of waivers must be codes that this Alma knows. "
                "The other payments wait for the next run.",
                evidence=err.evidence,
            )

    def _no_account(self, lines: list[LineToPost], reason: str, err: PermanentError) -> None:
        with self._ctx.transaction() as session:
            for line in lines:
                # Of a line on its way something may be there, under the id that the patron had then.
                state = "unapplied" if line.state == "waiting" else "unknown"
                posting.settle_line(
                    session,
                    line,
                    state,
                    rule="rejected" if state == "unapplied" else "",
                    reason=reason if state == "unapplied" else "",
                    message=err.message,
                    tracking_id=err.evidence.get("tracking_id", ""),
                )

    def _next_round(self) -> Continue | Wait:
        """Whether some lines are worth another try in this run, and when."""
        rounds = _counts(self._ctx).get("rounds", 0) + 1
        self._ctx.counts({"rounds": rounds})
        with self._ctx.transaction() as session:
            tallies = posting.tallies_of_run(session, self._ctx.run.id)
            age_s = posting.youngest_doubt_s(session, self._ctx.run.id)
        # In a file there is one payment for each fee, and the next one waits until Alma has booked it.
        has_waiting = ("waiting", "") in tallies and not self.is_by_file
        is_young = age_s is not None and age_s < send.SETTLES_AFTER_S
        if rounds >= ROUNDS or not (has_waiting or is_young):
            return Continue({})
        wait_s = max(
            BETWEEN_ROUNDS_S, send.SETTLES_AFTER_S - age_s + 1 if age_s is not None and is_young else 0.0
        )
        return Wait(
            datetime.now(UTC) + timedelta(seconds=wait_s),
            "Some payments are looked for in Alma once more before anything else is done with them.",
        )


def _until_midnight(ctx: StepContext, err: DailyLimitError) -> Wait:
    until = next_try_at(datetime.now(UTC), err.reset_at)
    wall = until.astimezone(ZoneInfo(ctx.tenant.time_zone)).strftime("%H:%M on %A, %d %B")
    with ctx.transaction() as session:
        tallies = posting.tallies_of_run(session, ctx.run.id)
    left = sum(t.count for (state, _), t in tallies.items() if state in posting.OPEN_STATES)
    return Wait(
        until,
        f"Alma's calls for today are used up. The {left:,} payments that are left wait until {wall}; nothing is lost.",
    )


def _counts(ctx: StepContext) -> dict[str, Any]:
    with ctx.transaction() as session:
        run = runs.run_by_id(session, ctx.run.id)
        return dict(run.counts) if run else {}
