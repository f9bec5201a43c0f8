"""Outstanding fees from an Analytics report: all of a campus in ⌈rows/1000⌉ calls, as fresh as last night's copy.

The report is laid out by the campus; its columns are found by their headings. A fee may come in several rows, one per
transaction, all with the same remaining amount.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from webapp.adapters.alma.columns import find_columns
from webapp.adapters.alma.errors import NotFoundError, ReportInterruptedError
from webapp.adapters.alma.fee_batch import FeeBatch
from webapp.adapters.alma.fee_columns import FeeColumns
from webapp.adapters.alma.fee_spool import FeeSpool
from webapp.adapters.alma.freshness import check_age
from webapp.adapters.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.alma.report import AnalyticsReport
    from webapp.domain.fees import RefusedRow


@dataclass(frozen=True, slots=True)
class AnalyticsSourceConfig:
    """A campus's report. ``path`` is its full path in the shared folder.

    ``headings`` pins roles to headings (see ``columns.USUAL_HEADINGS``); ``status_codes`` and ``type_codes`` map
    the report's descriptions to codes. Data older than ``max_age_hours`` is refused where the report says its age
    ("Data updated as of", on Alma's clock in ``updated_zone``), and always when ``require_age`` is set and it does
    not say it. More than ``max_refused`` unusable rows mean that the report is wrong, not its rows.
    """

    path: str
    headings: Mapping[str, str] = field(default_factory=dict)
    status_codes: Mapping[str, str] = field(default_factory=dict)
    type_codes: Mapping[str, str] = field(default_factory=dict)
    emplid_digits: int | None = 9
    emplid_pad: bool = True
    max_age_hours: float = 48.0
    require_age: bool = False
    updated_zone: str = "America/Los_Angeles"
    filter_xml: str = ""
    max_refused: int = 10_000
    restarts: int = 2
    source: str = "analytics"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(slots=True)
class ReportTally:
    """What was read, for the run page: ``rows`` of the report; ``repeated_rows`` of fees that had come already."""

    rows: int = 0
    repeated_rows: int = 0
    refused: int = 0
    fees: int = 0
    updated_at: datetime | None = None
    restarts: int = 0


def analytics_batches(
    client: AlmaClient, config: AnalyticsSourceConfig, tally: ReportTally | None = None
) -> Iterator[FeeBatch | list[RefusedRow]]:
    """Each fee of the report once, in batches of up to a page, and a refusal for every row that cannot be used.

    Nothing is handed over before the whole report is read and found free of contradictions. The fastest way to a
    snapshot is ``FeeBatch.copy_text``.

    Raises:
        PermanentError: no such report, columns missing, data too old, a report that cannot be meant.
        RetryableError: Alma did not give the whole report.
    """
    counts = tally if tally is not None else ReportTally()
    for attempt in range(config.restarts + 1):
        with FeeSpool(config.source) as spool:
            try:
                refused = _collect(client, config, spool, counts)
            except ReportInterruptedError:
                if attempt == config.restarts:
                    raise
                counts.restarts += 1
                continue
            yield from _handed_over(spool, refused, counts)
            return


def _collect(
    client: AlmaClient, config: AnalyticsSourceConfig, spool: FeeSpool, counts: ReportTally
) -> list[RefusedRow]:
    counts.rows = 0
    report = _open(client, config)
    if report.is_empty:
        return []
    roles = find_columns(report.headings, config.headings, config.path)
    counts.updated_at = _checked_age(report, config)
    reader = FeeColumns(
        config.source,
        tuple(roles),
        config.emplid_digits,
        config.emplid_pad,
        config.status_codes,
        config.type_codes,
    )
    refused: list[RefusedRow] = []
    for page in report.pages(list(roles.values())):
        batch, unusable = reader.batch(page, counts.rows + 1)
        counts.rows += len(page[0])
        if batch is not None:
            spool.add(batch)
        for row in unusable:
            spool.doubt(row.raw["fee_id"].strip())
        refused += unusable
        if len(refused) > config.max_refused:
            raise PermanentError(
                f"More than {config.max_refused:,} of the first {counts.rows:,} rows of the report {config.path} cannot be "
                f"used, so the report or its settings are wrong rather than its rows. The first one: {refused[0].row_ref}: "
                f"{refused[0].reason} No hold was computed from it."
            )
    return refused


def _open(client: AlmaClient, config: AnalyticsSourceConfig) -> AnalyticsReport:
    try:
        return client.report(config.path, filter_xml=config.filter_xml)
    except NotFoundError as err:
        raise NotFoundError(
            f"Alma has no report {config.path}, or its key may not see it. No hold was computed from it. Copy the "
            "report's full path, which begins with /shared/, into the settings, page Source.",
            evidence=err.evidence,
        ) from err


def _checked_age(report: AnalyticsReport, config: AnalyticsSourceConfig) -> datetime | None:
    updated_at = report.data_updated_at(config.updated_zone)
    if updated_at is not None:
        check_age(updated_at, config.now(), config.max_age_hours, config.path)
    elif config.require_age:
        raise PermanentError(
            f'The report {config.path} does not say how old its data is. Add the column "Data Updated As Of" to it (it is '
            "in the Institution folder), or allow reports of unknown age in the settings. No hold was computed from it."
        )
    return updated_at


def _handed_over(
    spool: FeeSpool, refused: list[RefusedRow], counts: ReportTally
) -> Iterator[FeeBatch | list[RefusedRow]]:
    counts.repeated_rows = spool.repeated_rows
    if refused:
        counts.refused += len(refused)
        yield refused
    for found in spool.batches():
        if isinstance(found, FeeBatch):
            counts.fees += len(found)
        else:
            counts.refused += len(found)
        yield found
