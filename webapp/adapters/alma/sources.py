"""Outstanding fees, read by one of four ways into Alma. Each yields fees and, for what cannot be used, refusals.

====================  ==============================================  ==================================
source                Alma calls                                      covers
====================  ==============================================  ==================================
analytics_batches     ⌈rows/1000⌉, at most 2 more                     everybody, as of last night
sis_export_fees       ⌈users/100⌉ + 2 per user, + 1 per debtor        users changed since a day
user_blocks_fees      ⌈users/100⌉ + 3 per user                        users whom a query finds
users_scan_fees       ⌈users/100⌉ + 1 per user, + 2 per debtor        everybody, as of now
====================  ==============================================  ==================================
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.alma.analytics_source import (
    AnalyticsSourceConfig,
    ReportTally,
    analytics_batches,
)
from webapp.adapters.alma.answers import RecordFault, text
from webapp.adapters.alma.client import USERS_PER_PAGE, AlmaClient
from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.alma.records import AlmaFee, AlmaUser, AlmaUserBrief, fee_from_json
from webapp.adapters.errors import PermanentError
from webapp.domain.fees import OutstandingFee, RefusedRow
from webapp.domain.identifiers import IdentifierError, clean_emplid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

__all__ = [
    "AnalyticsSourceConfig",
    "ReportTally",
    "ScanEstimate",
    "UserSourceConfig",
    "analytics_batches",
    "estimate_calls",
    "named_users_fees",
    "sis_export_fees",
    "user_blocks_fees",
    "users_scan_fees",
]


@dataclass(frozen=True, slots=True)
class UserSourceConfig:
    """How users become EMPLIDs: the primary id, or their active identifier of type ``emplid_id_type``.

    ``zone`` is the campus's, in which a fee's moment becomes a day. ``on_patron_read`` is told the EMPLID of every
    user whose fees were read, also of those who owe nothing: a patron who is not among them was not looked at, and
    must not be released.
    """

    source: str
    emplid_id_type: str = ""
    emplid_digits: int | None = 9
    emplid_pad: bool = True
    statuses: tuple[str, ...] = ("ACTIVE", "INDISPUTE")
    zone: str = "America/Los_Angeles"
    on_patron_read: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class ScanEstimate:
    """What reading every user would cost: ``calls`` at least, ``calls_at_most`` if everybody owed something."""

    users: int
    calls: int
    calls_at_most: int


def sis_export_fees(
    client: AlmaClient, config: UserSourceConfig, *, changed_since: date
) -> Iterator[OutstandingFee | RefusedRow]:
    """The fees of every user changed since a day.

    Ex Libris does not say that a new fee changes its user, so combine this with a full source from time to time.

    Raises:
        PermanentError, RetryableError: Alma could not be read.
    """
    listing = _Listing(config.source)
    for brief in client.users(modify_date_from=changed_since, on_shortfall=listing.short):
        yield from _fees_then_user(client, config, brief)
    yield from listing.refusals


def user_blocks_fees(
    client: AlmaClient, config: UserSourceConfig, *, query: str
) -> Iterator[OutstandingFee | RefusedRow]:
    """The fees of every user whom ``query`` finds, in Alma's own words such as ``block_type~GENERAL``.

    Raises:
        PermanentError: no query, or Alma refused it. RetryableError.
    """
    if not query.strip():
        raise PermanentError(
            "The query for users with blocks or a balance is empty, which would read every user. Set it in the settings."
        )
    listing = _Listing(config.source)
    for brief in client.users(q=query, on_shortfall=listing.short):
        yield from _user_then_fees(client, config, brief, skip_without_balance=False)
    yield from listing.refusals


def users_scan_fees(client: AlmaClient, config: UserSourceConfig) -> Iterator[OutstandingFee | RefusedRow]:
    """The fees of every user whose record shows a balance. Look at ``estimate_calls`` first: it asks for each user.

    Raises:
        PermanentError, RetryableError: Alma could not be read, or the day's calls are running out.
    """
    listing = _Listing(config.source)
    for brief in client.users(on_shortfall=listing.short):
        yield from _user_then_fees(client, config, brief, skip_without_balance=True)
    yield from listing.refusals


def named_users_fees(
    client: AlmaClient, config: UserSourceConfig, user_ids: Iterable[str], *, on_hold: bool
) -> Iterator[OutstandingFee | RefusedRow]:
    """The fees of users asked for by id, any unique identifier of theirs.

    Somebody ``on_hold`` whom Alma does not know (deleted, or merged with another user) is a refusal: a person decides
    whether the hold goes. Others who are not found are passed over.

    Raises:
        PermanentError, RetryableError: Alma could not be read.
    """
    has_lost_zeros = config.emplid_pad
    for user_id in user_ids:
        short = user_id.lstrip("0") if config.emplid_pad and user_id.isdigit() else user_id
        # Where zeros were put back, Alma may know the id without them; the form it knew last is tried first.
        forms = dict.fromkeys([short, user_id] if has_lost_zeros else [user_id, short])
        for form in filter(None, forms):
            user = _user_known_as(client, config, form, user_id)
            if user is not None:
                has_lost_zeros = has_lost_zeros if short == user_id else form == short
                yield from _fees_of_user(client, config, user)
                break
        else:
            if on_hold:
                yield RefusedRow(
                    config.source,
                    f"patron {user_id}",
                    "On hold, but not found in Alma: the user was deleted or merged with another. The hold stays; "
                    "ignore this row to have it released.",
                    None,
                    {"emplid": user_id},
                    emplid=user_id,
                )


def _user_known_as(client: AlmaClient, config: UserSourceConfig, form: str, wanted: str) -> AlmaUser | None:
    """The user with that id, unless the id leads to somebody with another EMPLID."""
    try:
        user = client.user(form, expand_fees=True)
        emplid = _emplid(config, _patron_key(config, user.primary_id, user))
    except NotFoundError:
        return None
    except IdentifierError:
        emplid = ""
    return user if wanted in {emplid, user.primary_id} else None


def _fees_of_user(
    client: AlmaClient, config: UserSourceConfig, user: AlmaUser
) -> Iterator[OutstandingFee | RefusedRow]:
    try:
        fees = _fee_objects(client, config, user.primary_id) if user.fees_cents else []
    except NotFoundError:
        return  # deleted since its record was read: the next run says so
    _tell_read(config, user.primary_id, user)
    yield from _converted(config, user, fees)


def estimate_calls(client: AlmaClient, statuses: int = 2) -> ScanEstimate:
    """What ``users_scan_fees`` would cost, for one call."""
    _first, users = client.users_page({}, 0, limit=1)
    pages = max(1, -(-users // USERS_PER_PAGE))
    return ScanEstimate(users, pages + users, pages + users * (1 + statuses))


class _Listing:
    """Turns a list of users that came short into something a person sees."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.refusals: list[RefusedRow] = []

    def short(self, came: int, announced: int) -> None:
        self.refusals.append(
            RefusedRow(
                self._source,
                "list of users",
                f"Alma announced {announced} users but listed {came}; the list changed while it was read. The fees of those "
                "who are missing were not read this time.",
            )
        )


def _fees_then_user(
    client: AlmaClient, config: UserSourceConfig, brief: AlmaUserBrief
) -> Iterator[OutstandingFee | RefusedRow]:
    """Fees first: most changed users owe nothing, and then their record need not be read (unless it holds the id)."""
    try:
        user = client.user(brief.primary_id) if config.emplid_id_type else None
        fees = _fee_objects(client, config, brief.primary_id)
        if fees and user is None:
            user = client.user(brief.primary_id)
    except NotFoundError:
        return  # deleted since the list was made: nobody is left who could owe
    _tell_read(config, brief.primary_id, user)
    if user is not None:
        yield from _converted(config, user, fees)


def _user_then_fees(
    client: AlmaClient, config: UserSourceConfig, brief: AlmaUserBrief, *, skip_without_balance: bool
) -> Iterator[OutstandingFee | RefusedRow]:
    try:
        user = client.user(brief.primary_id, expand_fees=skip_without_balance)
        fees = (
            []
            if skip_without_balance and not user.fees_cents
            else _fee_objects(client, config, brief.primary_id)
        )
    except NotFoundError:
        return  # deleted since the list was made
    _tell_read(config, brief.primary_id, user)
    yield from _converted(config, user, fees)


def _fee_objects(client: AlmaClient, config: UserSourceConfig, user_id: str) -> list[dict[str, Any]]:
    """The user's fees in the chosen states, each once, even when one changes its state between two calls."""
    found: dict[str, dict[str, Any]] = {}
    for status in config.statuses:
        for place, fee in enumerate(client.fee_objects(user_id, status)):
            found[text(fee, "id") or f"{status} {place}"] = fee
    return list(found.values())


def _tell_read(config: UserSourceConfig, primary_id: str, user: AlmaUser | None) -> None:
    if config.on_patron_read is None:
        return
    try:
        emplid = _emplid(config, _patron_key(config, primary_id, user))
    except IdentifierError:
        return  # without an EMPLID PeopleSoft was never told of this person
    config.on_patron_read(emplid)


def _converted(
    config: UserSourceConfig, user: AlmaUser, fees: list[dict[str, Any]]
) -> Iterator[OutstandingFee | RefusedRow]:
    for place, fee in enumerate(fees, 1):
        row_ref = f"user {user.primary_id} fee {text(fee, 'id') or f'number {place}'}"
        try:
            read = fee_from_json(fee)
        except RecordFault as fault:
            yield _refusal(config, user, row_ref, fault.reason, fault.amount_cents, fee)
            continue
        try:
            yield _outstanding(config, user, read)
        except IdentifierError as err:
            yield _refusal(config, user, row_ref, str(err), read.balance_cents, fee)


def _outstanding(config: UserSourceConfig, user: AlmaUser, fee: AlmaFee) -> OutstandingFee:
    patron_key = _patron_key(config, user.primary_id, user)
    return OutstandingFee(
        source=config.source,
        fee_id=fee.fee_id,
        patron_key=patron_key,
        emplid=_emplid(config, patron_key),
        balance_cents=fee.balance_cents,
        fee_type=fee.type_code,
        status=fee.status,
        original_cents=fee.original_cents,
        billed_on=fee.created_at.astimezone(ZoneInfo(config.zone)).date() if fee.created_at else None,
        user_type=user.user_group,
        library=fee.library,
        title=fee.title,
        barcode=fee.barcode,
        patron_name=user.name,
        comment=fee.comment,
    )


def _patron_key(config: UserSourceConfig, primary_id: str, user: AlmaUser | None) -> str:
    if not config.emplid_id_type:
        return primary_id
    found = user.identifier(config.emplid_id_type) if user is not None else ""
    if not found:
        raise IdentifierError(f"the user has no active identifier of type {config.emplid_id_type}")
    return found


def _emplid(config: UserSourceConfig, patron_key: str) -> str:
    return clean_emplid(patron_key, digits=config.emplid_digits, pad=config.emplid_pad)


def _refusal(
    config: UserSourceConfig,
    user: AlmaUser,
    row_ref: str,
    reason: str,
    amount_cents: int | None,
    fee: dict[str, Any],
) -> RefusedRow:
    raw = {
        name: str(value)
        for name, value in fee.items()
        if not isinstance(value, dict | list) and value is not None
    }
    emplid = ""
    with contextlib.suppress(IdentifierError):
        emplid = _emplid(config, _patron_key(config, user.primary_id, user))
    # Whose row it is, so that it holds a release back and the patron is read again.
    raw |= {"user_primary_id": user.primary_id, "emplid": emplid}
    return RefusedRow(
        config.source, row_ref, reason[:1].upper() + reason[1:] + ".", amount_cents, raw, emplid=emplid
    )
