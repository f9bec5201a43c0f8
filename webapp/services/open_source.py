"""What a campus's outstanding fees are read from, opened as its settings say."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.alma import sources
from webapp.adapters.alma.fee_batch import SNAPSHOT_COLUMNS, FeeBatch
from webapp.adapters.errors import PermanentError
from webapp.domain.fees import OutstandingFee, PatronSeen, RefusedRow, SourceRow
from webapp.domain.identifiers import IdentifierError, clean_emplid
from webapp.domain.violations import ViolationFileError, ViolationMapping, read_violations
from webapp.services.open_alma import open_alma
from webapp.services.violation_uploads import latest_upload, upload_words
from webapp.store.collected import BulkFees
from webapp.store.look_again import ONLY_EMPLIDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.files import FileStore
    from webapp.config import Settings
    from webapp.domain.campus_settings import CampusSettings

_BALANCE = SNAPSHOT_COLUMNS.index("balance_cents") - 1
_KIND = [SNAPSHOT_COLUMNS.index(name) - 1 for name in ("fee_type", "status", "user_type")]
# The settings name every source's columns alike; Analytics has its own names for some of them.
_ANALYTICS_ROLES = {"emplid": "patron_key", "violation_type": "fee_type", "violation_on": "billed_on"}
_COVERS_EVERYONE = frozenset({"analytics", "violations_file"})
_EACH_FEE_ONCE = frozenset({"analytics", "violations_file"})
_LABELS = {
    "analytics": "the Analytics report",
    "sis_export": "Alma's users changed lately",
    "user_blocks": "Alma's users with blocks or a balance",
    "users_scan": "every Alma user",
    "violations_file": "the violations file",
    "paid": "Alma's accounts of those who have just paid",
}


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What one run asks for.

    ``window_from_at`` is since when changes count. ``on_hold`` gives the EMPLIDs now on hold, ``left_open`` the ids of
    patrons whose matter was left open (a row on the desk, days of grace, news that never arrived, a temporary release
    that has ended): a source that does not cover everyone reads them too. ``on_note`` takes a sentence for the run's
    history.
    """

    tenant_id: int
    time_zone: str
    now: datetime
    window_from_at: datetime | None
    options: Mapping[str, Any]
    on_hold: Callable[[], Iterable[str]]
    left_open: Callable[[], Iterable[str]]
    on_note: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """``rows`` may be read once. ``covers_everyone``: a patron without a row owes nothing.

    ``each_fee_once``: the source itself sorts out fees that are reported more than once. ``file`` says in words which
    file the rows are read from, where it is one ("violations.csv, uploaded 20 Nov 2026").
    """

    kind: str
    label: str
    covers_everyone: bool
    each_fee_once: bool
    file: str
    rows: Iterator[SourceRow | BulkFees]


def open_source(
    settings: Settings, campus: CampusSettings, api_key: str | None, files: FileStore, request: SourceRequest
) -> OpenedSource:
    """The campus's source. Nothing is read before ``rows`` is.

    Raises, also while reading: PermanentError, RetryableError.
    """
    kind, file = campus["source"]["kind"], ""
    if only := request.options.get(ONLY_EMPLIDS):
        kind = "paid"
        client = open_alma(settings, campus, api_key)
        rows: Iterator[SourceRow | BulkFees] = _closing(
            client, _settled(client, campus["source"], request, only), campus, request
        )
    elif kind == "violations_file":
        upload = _fresh_upload(campus["source"], files, request)
        file = upload_words(upload, request.time_zone)
        rows = _violations(campus["source"], files, upload)
    else:
        client = open_alma(settings, campus, api_key)
        reader = {
            "analytics": _analytics,
            "sis_export": _changed,
            "user_blocks": _blocked,
            "users_scan": _everyone,
        }[kind]
        rows = _closing(client, reader(client, campus["source"], request), campus, request)
    digits, pad = _emplid_form(campus["source"])
    return OpenedSource(
        kind,
        _LABELS[kind],
        kind in _COVERS_EVERYONE,
        kind in _EACH_FEE_ONCE,
        file,
        (_with_owner(row, digits, pad=pad) for row in rows),
    )


def _closing(
    client: AlmaClient,
    rows: Iterator[SourceRow | BulkFees],
    campus: CampusSettings,
    request: SourceRequest,
) -> Iterator[SourceRow | BulkFees]:
    with contextlib.closing(client):
        if not client.check_institution():
            request.on_note(
                "Alma did not say whose key this is, so nobody has checked that it belongs to "
                f"{campus['alma']['institution_code']}."
            )
        yield from rows


def _emplid_form(source: Mapping[str, Any]) -> tuple[int | None, bool]:
    return source["emplid_digits"] or None, source["emplid_pad"]


def _with_owner(row: SourceRow | BulkFees, digits: int | None, *, pad: bool) -> SourceRow | BulkFees:
    """A refused row says whose it is as far as its words tell: a hold must not be lifted because of it."""
    if not isinstance(row, RefusedRow) or row.emplid:
        return row
    emplid = ""
    with contextlib.suppress(IdentifierError):
        emplid = clean_emplid(
            row.raw.get("emplid") or row.raw.get("patron_key") or "", digits=digits, pad=pad
        )
    return replace(
        row, emplid=emplid, fee_id=row.fee_id or (row.raw.get("fee_id") or row.raw.get("id") or "").strip()
    )


def pinned_headings(source: Mapping[str, Any]) -> dict[str, str]:
    """The headings that the campus chose for the columns of its Analytics report, by Analytics' names of them."""
    return {_ANALYTICS_ROLES.get(role, role): name for role, name in source["heading_aliases"].items()}


def _analytics(
    client: AlmaClient, source: Mapping[str, Any], request: SourceRequest
) -> Iterator[SourceRow | BulkFees]:
    digits, pad = _emplid_form(source)
    config = sources.AnalyticsSourceConfig(
        path=source["report_path"],
        headings=pinned_headings(source),
        emplid_digits=digits,
        emplid_pad=pad,
        max_age_hours=float(source["stale_after_h"]),
        updated_zone=request.time_zone,
        now=lambda: datetime.now(UTC),
    )
    for found in sources.analytics_batches(client, config):
        if isinstance(found, FeeBatch):
            kinds = frozenset(zip(*(found.columns[place] for place in _KIND), strict=True))
            yield BulkFees(found.copy_text(), len(found), sum(map(int, found.columns[_BALANCE])), kinds)
        else:
            yield from found


def _user_config(
    source: Mapping[str, Any], request: SourceRequest, on_patron_read: Callable[[str], None]
) -> sources.UserSourceConfig:
    digits, pad = _emplid_form(source)
    return sources.UserSourceConfig(
        source=source["kind"],
        emplid_id_type="" if source["emplid_from"] == "primary_id" else source["emplid_from"],
        emplid_digits=digits,
        emplid_pad=pad,
        zone=request.time_zone,
        on_patron_read=on_patron_read,
    )


class _Seen:
    """Puts a mark between the rows for every patron whose account was read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._new: list[str] = []
        # Also the user ids of rows without an EMPLID.
        self.emplids: set[str] = set()

    def note(self, emplid: str) -> None:
        self._new.append(emplid)

    def among(self, rows: Iterable[OutstandingFee | RefusedRow]) -> Iterator[SourceRow]:
        for row in rows:
            yield from self._marks()
            if isinstance(row, RefusedRow):
                self.emplids.add(row.raw.get("user_primary_id", ""))
            yield row
        yield from self._marks()

    def _marks(self) -> Iterator[PatronSeen]:
        self.emplids.update(self._new)
        yield from (PatronSeen(self._source, emplid, emplid) for emplid in self._new)
        self._new.clear()


def _changed(client: AlmaClient, source: Mapping[str, Any], request: SourceRequest) -> Iterator[SourceRow]:
    """A payment does not always change its user, so everyone on hold who was not among the changed is read by name."""
    seen = _Seen(source["kind"])
    config = _user_config(source, request, seen.note)
    since = request.now - timedelta(hours=source["hours_back"])
    if request.window_from_at is not None:
        since = min(since, request.window_from_at)
    changed_since = since.astimezone(ZoneInfo(request.time_zone)).date()
    yield from seen.among(sources.sis_export_fees(client, config, changed_since=changed_since))
    yield from _not_found_yet(client, config, request, seen)


def _blocked(client: AlmaClient, source: Mapping[str, Any], request: SourceRequest) -> Iterator[SourceRow]:
    """Whoever has paid is no longer found by the query, so everyone on hold who was not found is read by name."""
    seen = _Seen(source["kind"])
    config = _user_config(source, request, seen.note)
    yield from seen.among(sources.user_blocks_fees(client, config, query=source["blocks_query"]))
    yield from _not_found_yet(client, config, request, seen)


def _not_found_yet(
    client: AlmaClient, config: sources.UserSourceConfig, request: SourceRequest, seen: _Seen
) -> Iterator[SourceRow]:
    """Those on hold, and those left open, whom the source's own list did not bring."""
    on_hold = set(request.on_hold())
    for user_ids, is_on_hold in ((on_hold, True), (set(request.left_open()) - on_hold, False)):
        unread = sorted(user_ids - seen.emplids)
        yield from seen.among(sources.named_users_fees(client, config, unread, on_hold=is_on_hold))


def _settled(
    client: AlmaClient, source: Mapping[str, Any], request: SourceRequest, emplids: Sequence[str]
) -> Iterator[SourceRow]:
    """Of the named patrons those who owe nothing at all; the others wait for a run that looks at everybody."""
    seen: list[str] = []
    owing: set[str] = set()
    config = _user_config(source, request, seen.append)
    for row in sources.named_users_fees(client, config, emplids, on_hold=False):
        owing.add(row.emplid)
    yield from (PatronSeen("paid", emplid, emplid) for emplid in seen if emplid not in owing)


def _everyone(client: AlmaClient, source: Mapping[str, Any], request: SourceRequest) -> Iterator[SourceRow]:
    seen = _Seen(source["kind"])
    yield from seen.among(sources.users_scan_fees(client, _user_config(source, request, seen.note)))


def _fresh_upload(source: Mapping[str, Any], files: FileStore, request: SourceRequest) -> Mapping[str, Any]:
    """The newest violations file. An old one is refused: whoever has paid or been fined since is not in it.

    Raises: PermanentError.
    """
    upload: Mapping[str, Any] | None = latest_upload(files, request.tenant_id)
    if not upload:
        raise PermanentError(
            "There is no violations file. Upload the parking system's file, or choose another source in the settings."
        )
    age_h = (request.now - datetime.fromisoformat(upload["uploaded_at"])).total_seconds() / 3600
    if age_h > source["stale_after_h"]:
        raise PermanentError(
            f"The newest violations file, {upload['name']}, was uploaded {age_h:,.0f} hours ago, and one older than "
            f"{source['stale_after_h']} hours is refused. No hold was added or released. Upload today's file and run again.",
            evidence={"file": upload["name"], "uploaded_at": upload["uploaded_at"]},
        )
    return upload


def _violations(
    source: Mapping[str, Any], files: FileStore, upload: Mapping[str, Any]
) -> Iterator[SourceRow | BulkFees]:
    digits, pad = _emplid_form(source)
    mapping = ViolationMapping(
        headings=source["heading_aliases"],
        day_first=source["date_order"] == "DMY",
        emplid_digits=digits,
        pad_emplid=pad,
    )
    try:
        with files.open(upload["key"]) as stored:
            yield from read_violations(stored, mapping)
    except ViolationFileError as err:
        raise PermanentError(
            f"{upload['name']}: {err.message} No hold was computed from it.",
            evidence={"file": upload["name"]},
        ) from err
