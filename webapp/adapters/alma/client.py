"""Alma's REST interface, as far as Feebridge needs it: fees, users, reports, code tables, and what a key may do.

Endpoints and parameters: Ex Libris OpenAPI "users", "analytics" and "conf" (https://developers.exlibrisgroup.com/alma/apis/).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from webapp.adapters.alma import key_check
from webapp.adapters.alma.answers import RecordFault, count, objects, read_json, text
from webapp.adapters.alma.calls import AlmaCalls, CallRecord, UnreadableAnswerError
from webapp.adapters.alma.errors import UnusableError
from webapp.adapters.alma.fee_transactions import read_fee_transactions
from webapp.adapters.alma.records import (
    AlmaFee,
    AlmaUser,
    AlmaUserBrief,
    KeyTest,
    fee_from_json,
    user_brief_from_json,
    user_from_json,
)
from webapp.adapters.alma.report import AnalyticsReport, open_report
from webapp.adapters.errors import PermanentError, UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from webapp.adapters.alma.budget import CallBudget, Purpose
    from webapp.adapters.alma.config import AlmaConfig, RetryPolicy
    from webapp.adapters.alma.limits import RateLimiter
    from webapp.adapters.alma.transport import Answer

USERS_PER_PAGE = 100


class AlmaClient:
    """One institution's Alma. Not for several threads at once; ``purpose`` decides whether the reserve may be used."""

    def __init__(
        self,
        config: AlmaConfig,
        limiter: RateLimiter,
        budget: CallBudget,
        on_call: Callable[[CallRecord], None] | None = None,
        *,
        retry: RetryPolicy | None = None,
        purpose: Purpose = "batch",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._calls = AlmaCalls(config, limiter, budget, on_call, retry=retry, purpose=purpose, sleep=sleep)

    def close(self) -> None:
        """Give the connections back."""
        self._calls.close()

    def test_key(self) -> KeyTest:
        """What the key opens, found out by Alma's own test calls, which change nothing.

        Raises:
            PermanentError: the key opens nothing at all.
            RetryableError: Alma could not be asked.
        """
        return key_check.test_key(self._calls)

    def check_institution(self) -> str:
        """Passes when Alma says that the key is this institution's; one call, a second where the key lacks an area.

        Returns the institution that Alma named, "" when it named none and nothing could be checked.

        A key of another campus opens everything, and would put another campus's patrons on hold.

        Raises:
            PermanentError: it belongs to another institution, or opens nothing. RetryableError: Alma was not there.
        """
        return key_check.check_institution(self._calls)

    def fees(self, user_id: str, status: str = "ACTIVE", id_type: str = "") -> list[AlmaFee]:
        """A user's fees in one status: ACTIVE, INDISPUTE, EXPORTED or CLOSED.

        Raises:
            NotFoundError: no such user. PermanentError: also when one fee cannot be read; it names the fee.
        """
        return [self._fee(fee, user_id) for fee in self.fee_objects(user_id, status, id_type)]

    def fee_objects(self, user_id: str, status: str = "ACTIVE", id_type: str = "") -> list[dict[str, Any]]:
        """The same as Alma sent it, for those who quarantine a bad fee instead of stopping; numbers are Decimals."""
        answer = self._calls.get(
            f"/almaws/v1/users/{_in_path(user_id)}/fees",
            _read_all_fees,
            what=f"reading the {status} fees of user {user_id}",
            params={"status": status} | _id_type(id_type),
        )
        return objects(answer, "fee")

    def fee(self, user_id: str, fee_id: str, id_type: str = "") -> AlmaFee:
        """One fee with its transactions, whatever its status; this settles an unknown payment.

        Raises:
            NotFoundError: no such user or fee.
        """
        answer = self._calls.get(
            f"/almaws/v1/users/{_in_path(user_id)}/fees/{_in_path(fee_id)}",
            read_json,
            what=f"reading fee {fee_id}",
            params=_id_type(id_type),
        )
        return self._fee(answer, user_id)

    def user(self, user_id: str, expand_fees: bool = False, id_type: str = "") -> AlmaUser:
        """One user, with the sum owed when ``expand_fees`` is set.

        Raises:
            NotFoundError: no such user.
        """
        answer = self._calls.get(
            f"/almaws/v1/users/{_in_path(user_id)}",
            read_json,
            what=f"reading user {user_id}",
            params=({"expand": "fees"} if expand_fees else {}) | _id_type(id_type),
        )
        try:
            return user_from_json(answer)
        except RecordFault as fault:
            raise UnusableError(f"Alma's record of user {user_id} cannot be used: {fault.reason}.") from fault

    def users(
        self,
        q: str = "",
        modify_date_from: date | None = None,
        *,
        on_shortfall: Callable[[int, int], None] | None = None,
    ) -> Iterator[AlmaUserBrief]:
        """Every user that answers the query or was changed since the day, each once, in the order of their ids.

        The list is read in pages while people keep changing it. When fewer users came than Alma announced,
        ``on_shortfall(came, announced)`` is told at the end.

        Raises:
            PermanentError: a line of the list has no primary id.
        """
        query = {"q": q} if q else {}
        if modify_date_from is not None:
            query = {"modify_date_from": modify_date_from.isoformat()}
        seen: set[str] = set()
        offset = 0
        while True:
            listed, total = self.users_page(query, offset)
            for user in listed:
                if user.primary_id not in seen:
                    seen.add(user.primary_id)
                    yield user
            offset += USERS_PER_PAGE
            at_end = offset >= total if total else len(listed) < USERS_PER_PAGE
            if at_end or not listed:
                break
        if len(seen) < total and on_shortfall is not None:
            on_shortfall(len(seen), total)

    def users_page(
        self, query: dict[str, str], offset: int, limit: int = USERS_PER_PAGE
    ) -> tuple[list[AlmaUserBrief], int]:
        """One page of the list of users, and how many Alma says there are in all."""
        answer = self._calls.get(
            "/almaws/v1/users",
            read_json,
            what=f"reading the list of users from number {offset + 1}",
            params={"limit": str(limit), "offset": str(offset), "order_by": "primary_id"} | query,
        )
        try:
            listed = [user_brief_from_json(user) for user in objects(answer, "user")]
        except RecordFault as fault:
            raise PermanentError(
                f"Alma's list of users cannot be used from number {offset + 1} on: {fault.reason}."
            ) from fault
        return listed, count(answer, "total_record_count")

    def report(self, path: str, *, filter_xml: str = "", limit: int = 1000) -> AnalyticsReport:
        """An Analytics report, its first page read, the others following as its rows are taken.

        Raises:
            NotFoundError: no report under that path. RetryableError: it was still loading when the time was up.
        """
        return open_report(self._calls, path, filter_xml=filter_xml, limit=limit)

    def fee_transactions(
        self, first_on: date, last_on: date, *, on_fault: Callable[[str], object]
    ) -> Iterator[list[AlmaFee]]:
        """Every fee with a payment or waiver in those days, reduced to these, in lists of up to seven days.

        ``on_fault`` is told in a sentence of every fee that cannot be read.

        Raises: PermanentError, also where the key has no area Configuration. RetryableError.
        """
        return read_fee_transactions(self._calls, first_on, last_on, on_fault=on_fault)

    def code_table(self, name: str) -> dict[str, str]:
        """Code → description of a code table such as ``FineFeeTransactionReason``, switched-off rows left out."""
        answer = self._calls.get(
            f"/almaws/v1/conf/code-tables/{_in_path(name)}", read_json, what=f"reading code table {name}"
        )
        return {
            text(row, "code"): text(row, "description")
            for row in objects(answer, "row")
            if str(row.get("enabled", True)).lower() != "false"
        }

    def pay_fee(
        self,
        user_id: str,
        fee_id: str,
        *,
        amount_cents: int,
        method: str,
        external_transaction_id: str,
        comment: str = "",
        before_send: Callable[[], None] | None = None,
    ) -> AlmaFee:
        """The fee after a payment on it; ``before_send`` is called right before each try goes out.

        Raises:
            PermanentError: Alma refused it. RetryableError: surely not done. UnknownOutcomeError: read the fee.
        """
        params = {"op": "pay", "amount": _amount(amount_cents), "method": method}
        params["external_transaction_id"] = external_transaction_id
        return self._change_fee(
            user_id, fee_id, params | _comment(comment), f"the payment of ${params['amount']}", before_send
        )

    def waive_fee(
        self,
        user_id: str,
        fee_id: str,
        *,
        amount_cents: int,
        reason: str,
        comment: str = "",
        before_send: Callable[[], None] | None = None,
    ) -> AlmaFee:
        """The fee after (part of) it was waived; ``before_send`` is called right before each try goes out.

        Raises:
            PermanentError: Alma refused it. RetryableError: surely not done. UnknownOutcomeError: read the fee.
        """
        params = {"op": "waive", "amount": _amount(amount_cents), "reason": reason}
        words = f"the waiver of ${params['amount']}"
        return self._change_fee(user_id, fee_id, params | _comment(comment), words, before_send)

    def restore_fee(
        self, user_id: str, fee_id: str, *, comment: str = "", before_send: Callable[[], None] | None = None
    ) -> AlmaFee:
        """The fee after its dispute was ended; ``before_send`` is called right before each try goes out.

        Raises:
            PermanentError: Alma refused it. RetryableError: surely not done. UnknownOutcomeError: read the fee.
        """
        params = {"op": "restore"} | _comment(comment)
        return self._change_fee(user_id, fee_id, params, "the end of the dispute", before_send)

    def _change_fee(
        self,
        user_id: str,
        fee_id: str,
        params: dict[str, str],
        what: str,
        before_send: Callable[[], None] | None,
    ) -> AlmaFee:
        answer = self._calls.post(
            f"/almaws/v1/users/{_in_path(user_id)}/fees/{_in_path(fee_id)}",
            read_json,
            what=f"{what} on fee {fee_id}",
            params=params,
            before_send=before_send,
        )
        try:
            fee = fee_from_json(answer)
        except RecordFault as fault:
            raise UnknownOutcomeError(
                f"Alma answered {what} on fee {fee_id} with something that cannot be read: {fault.reason}. It was not "
                "sent again. Read the fee in Alma before anything else is done."
            ) from fault
        if fee.fee_id != fee_id:
            raise UnknownOutcomeError(
                f"Alma answered {what} on fee {fee_id} with another fee, {fee.fee_id}. It was not sent again. Read both "
                "fees in Alma before anything else is done."
            )
        return fee

    def _fee(self, fee: dict[str, Any], user_id: str) -> AlmaFee:
        try:
            return fee_from_json(fee)
        except RecordFault as fault:
            raise UnusableError(
                f"Fee {text(fee, 'id') or 'without id'} of user {user_id} cannot be used: {fault.reason}."
            ) from fault


def _read_all_fees(answer: Answer) -> dict[str, Any]:
    """The list of fees, refused when it is shorter than it says: a fee that is missing looks like one that is paid."""
    read = read_json(answer)
    came, announced = len(objects(read, "fee")), count(read, "total_record_count")
    if came < announced:
        raise UnreadableAnswerError(f"it announces {announced} fees and holds {came}")
    return read


def _in_path(identifier: str) -> str:
    """An id as one step of a path. An id can be an e-mail address; it can never be a way to another address."""
    if not identifier.strip() or identifier in {".", ".."} or not identifier.isprintable():
        raise UnusableError(f"{identifier[:40]!r} cannot be an id in Alma; nothing was asked.")
    return quote(identifier, safe="")


def _id_type(id_type: str) -> dict[str, str]:
    return {"user_id_type": id_type} if id_type else {}


def _comment(comment: str) -> dict[str, str]:
    return {"comment": comment} if comment else {}


def _amount(amount_cents: int) -> str:
    if amount_cents <= 0:
        raise PermanentError(f"An amount of {amount_cents} cents cannot be paid or waived; nothing was sent.")
    return f"{amount_cents // 100}.{amount_cents % 100:02}"
