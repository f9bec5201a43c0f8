"""What Alma says about fees and users, as values. Elements: Ex Libris OpenAPI "users" and rest_user.xsd."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from webapp.adapters.alma.answers import RecordFault, coded, id_text, number, objects, text
from webapp.domain.money import MoneyError, cents_from_decimal


@dataclass(frozen=True, slots=True)
class AlmaTransaction:
    """One payment, waiver … on a fee. ``external_transaction_id`` is ours only where it begins as ours do."""

    type_code: str
    amount_cents: int
    external_transaction_id: str
    transaction_at: datetime | None
    payment_method: str
    created_by: str
    received_by: str
    transaction_id: str = ""
    # Of a waiver, which carries no external id.
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AlmaFee:
    """One fee. Amounts are cents, negative for credits; ``library`` is the owner's code; times are UTC."""

    fee_id: str
    type_code: str
    type_name: str
    status: str
    balance_cents: int
    original_cents: int | None
    user_primary_id: str
    created_at: datetime | None
    comment: str
    library: str
    library_name: str
    title: str
    barcode: str
    bursar_transaction_id: str
    transactions: tuple[AlmaTransaction, ...] = ()


@dataclass(frozen=True, slots=True)
class AlmaIdentifier:
    """One of a user's ids beside the primary one."""

    type_code: str
    value: str
    active: bool


@dataclass(frozen=True, slots=True)
class AlmaBlock:
    """A block on a user."""

    type_code: str
    description_code: str
    active: bool
    note: str


@dataclass(frozen=True, slots=True)
class AlmaUser:
    """One user. ``fees_cents`` is what Alma says is owed in all; None when it was not asked for."""

    primary_id: str
    first_name: str
    last_name: str
    user_group: str
    active: bool
    account_type: str
    identifiers: tuple[AlmaIdentifier, ...]
    blocks: tuple[AlmaBlock, ...]
    fees_cents: int | None

    def identifier(self, type_code: str) -> str:
        """The first active identifier of that type, or ""."""
        return next(
            (found.value for found in self.identifiers if found.type_code == type_code and found.active), ""
        )

    @property
    def name(self) -> str:
        """``Last, First``."""
        return ", ".join(part for part in (self.last_name, self.first_name) if part)


@dataclass(frozen=True, slots=True)
class AlmaUserBrief:
    """A user as the list of users shows them."""

    primary_id: str
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class KeyTest:
    """What a key opens. ``institution_code`` is the one the key belongs to, by Alma's word, or "" if it was not told.

    ``problems`` are sentences for the person who typed the key; empty when all is well.
    """

    institution_code: str
    can_read: bool
    can_write: bool
    can_read_analytics: bool
    belongs: bool
    problems: tuple[str, ...]


def fee_from_json(fee: dict[str, Any]) -> AlmaFee:
    """A fee from Alma's JSON, numbers being Decimals.

    Raises:
        RecordFault: no usable id, or an impossible amount.
    """
    balance_cents = _cents(fee, "balance")
    if balance_cents is None:
        raise RecordFault("the balance is missing")
    try:
        fee_id = id_text(fee, "id")
    except RecordFault as fault:
        raise RecordFault(fault.reason, amount_cents=balance_cents) from fault
    type_code, type_name = coded(fee, "type")
    library, library_name = coded(fee, "owner")
    try:
        original_cents = _cents(fee, "original_amount")
        transactions = tuple(_transaction(item) for item in objects(fee, "transaction"))
    except RecordFault as fault:
        raise RecordFault(fault.reason, amount_cents=balance_cents) from fault
    return AlmaFee(
        fee_id=fee_id,
        type_code=type_code,
        type_name=type_name,
        status=coded(fee, "status")[0],
        balance_cents=balance_cents,
        original_cents=original_cents,
        user_primary_id=coded(fee, "user_primary_id")[0],
        created_at=_at(fee, "creation_time"),
        comment=text(fee, "comment"),
        library=library,
        library_name=library_name,
        title=text(fee, "title"),
        barcode=coded(fee, "barcode")[0],
        bursar_transaction_id=text(fee, "bursar_transaction_id"),
        transactions=transactions,
    )


def user_from_json(user: dict[str, Any]) -> AlmaUser:
    """A user from Alma's JSON.

    Raises:
        RecordFault: no primary id, or a balance that is no amount.
    """
    fees = user.get("fees")
    return AlmaUser(
        primary_id=id_text(user, "primary_id"),
        first_name=text(user, "first_name"),
        last_name=text(user, "last_name"),
        user_group=coded(user, "user_group")[0],
        active=coded(user, "status")[0].upper() != "INACTIVE",
        account_type=coded(user, "account_type")[0],
        identifiers=tuple(
            AlmaIdentifier(coded(item, "id_type")[0], text(item, "value"), _is_active(item, "status"))
            for item in objects(user, "user_identifier")
        ),
        blocks=tuple(
            AlmaBlock(
                coded(item, "block_type")[0],
                coded(item, "block_description")[0],
                _is_active(item, "block_status"),
                text(item, "block_note"),
            )
            for item in objects(user, "user_block")
        ),
        fees_cents=_cents(fees, "value") if isinstance(fees, dict) else None,
    )


def user_brief_from_json(user: dict[str, Any]) -> AlmaUserBrief:
    """A line of the list of users.

    Raises:
        RecordFault: no primary id.
    """
    return AlmaUserBrief(id_text(user, "primary_id"), text(user, "first_name"), text(user, "last_name"))


def _transaction(item: dict[str, Any]) -> AlmaTransaction:
    return AlmaTransaction(
        type_code=coded(item, "type")[0],
        amount_cents=_cents(item, "amount") or 0,
        external_transaction_id=text(item, "external_transaction_id"),
        transaction_at=_at(item, "transaction_time"),
        payment_method=coded(item, "payment_method")[0],
        created_by=text(item, "created_by"),
        received_by=coded(item, "received_by")[0],
        transaction_id=text(item, "transaction_id"),
        comment=text(item, "comment"),
    )


def _is_active(item: dict[str, Any], name: str) -> bool:
    return coded(item, name)[0].upper() != "INACTIVE"


def _cents(holder: dict[str, Any], name: str) -> int | None:
    amount = number(holder, name)
    if amount is None:
        return None
    try:
        return cents_from_decimal(amount)
    except MoneyError as err:
        raise RecordFault(f"the {name} is impossible: {err}") from err


def _at(holder: dict[str, Any], name: str) -> datetime | None:
    """A moment in UTC: Alma writes ISO 8601, and wrote milliseconds since 1970 in older versions."""
    value = holder.get(name)
    try:
        if isinstance(value, Decimal):
            return datetime.fromtimestamp(int(value) / 1000, UTC)
        if isinstance(value, str) and value:
            read = datetime.fromisoformat(value)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as err:
        raise RecordFault(f"the {name} {str(value)[:40]!r} is not a date") from err
    return None
