"""Look at where fees come from: the first page only, what it costs, and how fresh it is. Nothing is computed from it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from webapp.adapters.alma import sources
from webapp.adapters.alma.client import USERS_PER_PAGE, AlmaClient
from webapp.adapters.alma.columns import USUAL_HEADINGS, find_columns, normalised
from webapp.adapters.alma.fee_columns import FeeColumns
from webapp.adapters.alma.freshness import check_age
from webapp.adapters.alma.report import AnalyticsReport
from webapp.adapters.errors import OutsideError, PermanentError
from webapp.adapters.files import FileStore
from webapp.config import Settings
from webapp.domain.fees import OutstandingFee, RefusedRow
from webapp.domain.violations import ViolationFileError, ViolationMapping, read_violations
from webapp.models.scope import tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.change_settings import vault_of
from webapp.services.check_alma import CheckResult, note_test
from webapp.services.open_alma import open_alma
from webapp.services.open_source import pinned_headings
from webapp.services.violation_uploads import latest_upload

ROWS_PER_CALL = 1000
_MOST_ROWS = 5_000
_MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of the source, and the field it fills ("" when it is not used)."""

    heading: str
    fills: str


@dataclass(frozen=True, slots=True)
class SourceLook:
    """What a look at the source found. ``cost`` is about one run; ``fresh`` says how old the picture is."""

    result: CheckResult
    columns: list[FoundColumn] = field(default_factory=list)
    refusals: list[RefusedRow] = field(default_factory=list)
    cost: str = ""
    fresh: str = ""


def test_source(tenant_id: int, settings: Settings, *, time_zone: str, actor: Actor) -> SourceLook:
    """A look at the campus's source as its settings stand. The test is noted in the audit log."""
    with tenant_scope(tenant_id) as session:
        campus = campus_settings.read_all(session)
        api_key = campus_settings.open_secret(session, vault_of(settings), "alma_api_key")
    source = campus["source"]
    try:
        if source["kind"] == "violations_file":
            look = _violations(source, FileStore(settings.files_url), tenant_id)
        else:
            opened = open_alma(settings, campus, api_key, person_waits=True)
            with contextlib.closing(opened) as client:
                look = (
                    _report(client, source, time_zone)
                    if source["kind"] == "analytics"
                    else _users(client, source, time_zone)
                )
    except OutsideError as err:
        look = SourceLook(CheckResult([str(err)], is_well=False))
    note_test(tenant_id, "source", look.result, actor)
    return look


def _report(client: AlmaClient, source: Mapping[str, Any], time_zone: str) -> SourceLook:
    report = client.report(source["report_path"], limit=ROWS_PER_CALL)
    pinned = pinned_headings(source)
    columns = _report_columns(report, pinned)
    try:
        roles = find_columns(report.headings, pinned, report.path)
        updated_at = report.data_updated_at(time_zone)
        if updated_at is not None:
            check_age(updated_at, datetime.now(UTC), float(source["stale_after_h"]), report.path)
    except PermanentError as err:
        return SourceLook(CheckResult([str(err)], is_well=False), columns)
    rows, refusals = _first_page(report, source, roles)
    more = rows >= ROWS_PER_CALL
    verdict = (
        f"The report was found and its columns are understood. {_rows_words(rows, len(refusals), more=more)}"
    )
    is_well = rows == 0 or len(refusals) < rows
    return SourceLook(
        CheckResult(
            [verdict if is_well else f"No row of the report can be used. {refusals[0].reason}"], is_well
        ),
        columns,
        refusals[:_MOST_REASONS],
        cost=f"{'At least 2' if more else '1'} Alma call{'s' if more else ''} a run: one for each {ROWS_PER_CALL:,} rows.",
        fresh=_age_words(updated_at, time_zone),
    )


def _report_columns(report: AnalyticsReport, pinned: Mapping[str, str]) -> list[FoundColumn]:
    fills: dict[str, str] = {}
    for role, usual in USUAL_HEADINGS.items():
        # One by one, so that a missing column does not hide the others.
        with contextlib.suppress(PermanentError):
            wanted = {role: pinned.get(role) or usual[0]}
            fills.setdefault(_column_of(report, wanted), role)
    for heading in report.headings:
        if "dataupdatedasof" in normalised(heading.heading):
            fills[heading.name] = "age of the data"
    return [FoundColumn(h.heading or h.name, fills.get(h.name, "")) for h in report.headings]


def _column_of(report: AnalyticsReport, wanted: Mapping[str, str]) -> str:
    ((role, choice),) = wanted.items()
    choices = (choice,) if choice not in USUAL_HEADINGS[role] else USUAL_HEADINGS[role]
    for name in choices:
        wanted_heading = normalised(name.rpartition("::")[2])
        for heading in report.headings:
            if normalised(heading.heading) == wanted_heading:
                return heading.name
    return ""


def _first_page(
    report: AnalyticsReport, source: Mapping[str, Any], roles: Mapping[str, str]
) -> tuple[int, list[RefusedRow]]:
    reader = FeeColumns(
        "analytics", tuple(roles), source["emplid_digits"] or None, source["emplid_pad"], {}, {}
    )
    for page in islice(report.pages(list(roles.values())), 1):
        _, refused = reader.batch(page, 1)
        return len(page[0]), refused
    return 0, []


def _users(client: AlmaClient, source: Mapping[str, Any], time_zone: str) -> SourceLook:
    if source["kind"] == "users_scan":
        estimate = sources.estimate_calls(client)
        return SourceLook(
            CheckResult([f"Alma lists {estimate.users:,} users."], is_well=True),
            cost=f"At least {estimate.calls:,} Alma calls a run, {estimate.calls_at_most:,} if everybody owed something.",
            fresh="As of the moment of the run.",
        )
    if source["kind"] == "sis_export":
        since = datetime.now(ZoneInfo(time_zone)) - timedelta(hours=source["hours_back"])
        query, which = (
            {"modify_date_from": since.date().isoformat()},
            f"changed since {since.date().isoformat()}",
        )
        calls_each, more = (
            2,
            ", one more for each who owes, and up to four for each patron on hold or left open who has not changed",
        )
    else:
        query, which = {"q": source["blocks_query"]}, f"found by {source['blocks_query']}"
        calls_each, more = 3, ", and up to four for each patron on hold or left open who is not found"
    _, users = client.users_page(query, 0, limit=1)
    calls = max(1, -(-users // USERS_PER_PAGE)) + calls_each * users
    return SourceLook(
        CheckResult([f"Alma lists {users:,} users {which}."], is_well=True),
        cost=f"About {calls:,} Alma calls a run{more}.",
        fresh="As of the moment of the run, for the users it reads.",
    )


def _violations(source: Mapping[str, Any], files: FileStore, tenant_id: int) -> SourceLook:
    upload = latest_upload(files, tenant_id)
    if upload is None:
        return SourceLook(
            CheckResult(
                ["There is no violations file yet. Upload the parking system's file below."], is_well=False
            )
        )
    mapping = ViolationMapping(
        headings=source["heading_aliases"],
        day_first=source["date_order"] == "DMY",
        emplid_digits=source["emplid_digits"] or None,
        pad_emplid=source["emplid_pad"],
    )
    rows = 0
    refusals: list[RefusedRow] = []
    try:
        with files.open(upload["key"]) as stored:
            for row in islice(read_violations(stored, mapping), _MOST_ROWS):
                rows += 1
                if not isinstance(row, OutstandingFee):
                    refusals.append(row)
    except ViolationFileError as err:
        return SourceLook(CheckResult([f"{upload['name']}: {err}"], is_well=False))
    words = _rows_words(rows, len(refusals), more=rows >= _MOST_ROWS)
    return SourceLook(
        CheckResult([f"{upload['name']} can be read. {words}"], is_well=rows == 0 or len(refusals) < rows),
        refusals=refusals[:_MOST_REASONS],
        cost="No Alma calls.",
        fresh=f"As of the file's arrival, {upload['uploaded_at'][:16].replace('T', ' ')} UTC.",
    )


def _rows_words(rows: int, refused: int, *, more: bool) -> str:
    if not rows:
        return "It has no rows: nobody owes anything."
    count = (
        f"Its first {rows:,} rows were looked at"
        if more
        else f"It has {rows:,} row{'' if rows == 1 else 's'}"
    )
    if not refused:
        return f"{count}; every one can be used."
    return f"{count}; {refused:,} of them would go to the desk."


def _age_words(updated_at: datetime | None, time_zone: str) -> str:
    if updated_at is None:
        return (
            "The report does not say how old its data is. Add the column “Data Updated As Of” to it, so that an old "
            "report is refused."
        )
    local = updated_at.astimezone(ZoneInfo(time_zone))
    hours = (datetime.now(UTC) - updated_at).total_seconds() / 3600
    return f"Data updated as of {local.day} {local.strftime('%b %Y, %H:%M %Z')}, {hours:.0f} hours ago."
