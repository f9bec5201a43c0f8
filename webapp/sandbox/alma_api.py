"""The endpoints of Alma that Feebridge uses, under /almaws/v1, as Ex Libris' OpenAPI documents describe them.

Every view is named place_operation; the fault board knows it as "alma.place.operation" ("alma.fees.pay").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, g, request

from webapp.sandbox.alma_errors import (
    AlmaRefusalError,
    bad_parameter,
    identifier_not_found,
    user_not_found,
)
from webapp.sandbox.analytics import Analytics, report_xml
from webapp.sandbox.fee_operations import Counter, FeeOrder, find_fee
from webapp.sandbox.fee_requests import new_fee_from_request
from webapp.sandbox.fee_transactions import fee_transactions
from webapp.sandbox.gate import Gate, answer, refusal, wants_json
from webapp.sandbox.http_faults import AFTER, BEFORE, HttpFaults
from webapp.sandbox.records import code_table_record, fee_record, fees_record, user_record, user_summary
from webapp.sandbox.user_search import UserQuery, search_users
from webapp.sandbox.words import CODE_TABLES, FEE_STATUSES, IDENTIFIER_TYPES

if TYPE_CHECKING:
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron
    from webapp.sandbox.settings import World

OPERATIONS_ON_A_FEE = ("pay", "waive", "dispute", "restore")


def alma_blueprint(world: World) -> Blueprint:
    """The Alma side of the sandbox, gate and faults included."""
    alma = Blueprint("alma", __name__, url_prefix="/almaws/v1")
    _add_gate(alma, world)
    _add_users(alma)
    _add_fees(alma, world)
    _add_analytics(alma, Analytics(world))
    _add_configuration(alma)
    return alma


def _add_gate(alma: Blueprint, world: World) -> None:
    gate, http_faults = Gate(world), HttpFaults(world.stopping)

    @alma.before_request
    def let_in() -> Response | None:
        gate.admit()
        g.fault = world.board.take(_place(), *BEFORE, *AFTER)
        return http_faults.before(g.fault) if g.fault else None

    @alma.after_request
    def let_out(response: Response) -> Response:
        if response.status_code < 400 and "remaining" in g:
            response.headers["X-Exl-Api-Remaining"] = str(g.remaining)
        fault = g.get("fault")
        if fault is None:
            http_faults.remember(response)
            return response
        return http_faults.after(fault, response) if fault.kind in AFTER else response

    @alma.errorhandler(AlmaRefusalError)
    def refuse(error: AlmaRefusalError) -> Response:
        return refusal(error)


def _add_users(alma: Blueprint) -> None:
    @alma.route("/users/operation/test", methods=["GET", "POST"], endpoint="users_test")
    def users_test() -> Response:
        return _test_answer()

    @alma.get("/users", endpoint="users_list")
    def users_list() -> Response:
        query = UserQuery.from_args(request.args)
        patrons, total = search_users(_institution(), query)
        if request.args.get("expand") == "full":
            users = [user_record(_institution(), patron, _base(), with_fees=False) for patron in patrons]
        else:
            users = [user_summary(patron, _base()) for patron in patrons]
        return answer("users", {"user": users, "total_record_count": total})

    @alma.get("/users/<user_id>", endpoint="users_get")
    def users_get(user_id: str) -> Response:
        patron = _institution().find(user_id, _id_type())
        if patron is None:
            raise user_not_found(user_id, _id_type())
        with_fees = "fees" in request.args.get("expand", "").split(",")
        brief = request.args.get("view") == "brief"
        return answer("user", user_record(_institution(), patron, _base(), with_fees=with_fees, brief=brief))


def _add_fees(alma: Blueprint, world: World) -> None:
    counters = {code: Counter(institution, world.book) for code, institution in world.institutions.items()}

    def counter() -> Counter:
        return counters[_institution().spec.code]

    @alma.get("/users/<user_id>/fees", endpoint="fees_list")
    def fees_list(user_id: str) -> Response:
        return _fees_answer(_patron(user_id), request.args.get("status") or "ACTIVE")

    @alma.post("/users/<user_id>/fees", endpoint="fees_create")
    def fees_create(user_id: str) -> Response:
        patron = _institution().find(user_id)
        if patron is None:
            raise user_not_found(user_id)
        fee = counter().create(patron, new_fee_from_request(request))
        return answer("fee", fee_record(_institution(), patron, fee, _base()))

    @alma.post("/users/<user_id>/fees/all", endpoint="fees_pay_all")
    def fees_pay_all(user_id: str) -> Response:
        patron = _patron(user_id)
        counter().pay_all(patron, _order())
        return _fees_answer(patron, "ACTIVE")

    @alma.get("/users/<user_id>/fees/<fee_id>", endpoint="fees_get")
    def fees_get(user_id: str, fee_id: str) -> Response:
        patron = _patron(user_id)
        return answer(
            "fee", fee_record(_institution(), patron, find_fee(_institution(), patron, fee_id), _base())
        )

    @alma.post("/users/<user_id>/fees/<fee_id>", endpoint="fees_change")
    def fees_change(user_id: str, fee_id: str) -> Response:
        patron = _patron(user_id)
        fee = counter().carry_out(patron, fee_id, _order())
        return answer("fee", fee_record(_institution(), patron, fee, _base()))


def _add_analytics(alma: Blueprint, analytics: Analytics) -> None:
    @alma.route("/analytics/test", methods=["GET", "POST"], endpoint="analytics_test")
    def analytics_test() -> Response:
        return _test_answer()

    @alma.get("/analytics/reports", endpoint="analytics_reports")
    def analytics_reports() -> Response:
        limit = _whole_number("limit", 25)
        if token := request.args.get("token"):
            result = analytics.next_page(_institution(), token, limit)
        else:
            with_headings = request.args.get("col_names", "true").lower() != "false"
            result = analytics.first_page(
                _institution(), request.args.get("path", ""), limit, with_headings=with_headings
            )
        if wants_json():  # the XML travels inside the JSON, without the report element
            return answer("report", {"anies": [result]})
        return Response(report_xml(result), content_type="application/xml;charset=UTF-8")


def _add_configuration(alma: Blueprint) -> None:
    @alma.route("/conf/test", methods=["GET", "POST"], endpoint="conf_test")
    def conf_test() -> Response:
        return _test_answer()

    @alma.get("/conf/code-tables/<name>", endpoint="conf_code_table")
    def conf_code_table(name: str) -> Response:
        if name not in CODE_TABLES:
            raise AlmaRefusalError("40166411", f"Param value is invalid: code table {name}.")
        description, entries = CODE_TABLES[name]
        return answer("code_table", code_table_record(name, description, entries, _institution().spec.code))

    @alma.get("/conf/utilities/fee-transactions", endpoint="conf_fee_transactions")
    def conf_fee_transactions() -> Response:
        limit, offset = _whole_number("limit", 10), _whole_number("offset", 0)
        found = fee_transactions(_institution(), request.args)
        page = found[offset : offset + min(limit, 100)]
        records = [fee_record(_institution(), patron, fee, _base()) for patron, fee in page]
        return answer("fees", fees_record(records, len(found)))


def _place() -> str:
    operation = (request.endpoint or "").rpartition(".")[2]
    if operation == "fees_change":
        asked = request.args.get("op", "")
        return f"alma.fees.{asked if asked in OPERATIONS_ON_A_FEE else 'change'}"
    return f"alma.{operation.replace('_', '.', 1)}"


def _institution() -> Institution:
    return cast("Institution", g.institution)


def _patron(user_id: str) -> Patron:
    patron = _institution().find(user_id, _id_type())
    if patron is None:
        raise identifier_not_found(user_id)
    return patron


def _id_type() -> str:
    id_type = request.args.get("user_id_type") or "all_unique"
    if id_type != "all_unique" and id_type not in IDENTIFIER_TYPES:
        raise bad_parameter("user_id_type", id_type)
    return id_type


def _fees_answer(patron: Patron, status: str) -> Response:
    if status not in FEE_STATUSES:
        raise bad_parameter("status", status)
    fees = _institution().fees(patron, status)
    return answer("fees", fees_record([fee_record(_institution(), patron, fee, _base()) for fee in fees]))


def _order() -> FeeOrder:
    names = ("op", "amount", "method", "reason", "comment", "external_transaction_id")
    return FeeOrder(**{name: request.args.get(name, "") for name in names})


def _test_answer() -> Response:
    text = (
        "POST - OK" if request.method == "POST" else f"GET - OK - institutionCode: {_institution().spec.code}"
    )
    if wants_json():
        return answer("test", {"test": text})
    return answer("test", {"value": text})


def _whole_number(name: str, default: int) -> int:
    text = request.args.get(name) or str(default)
    if not text.isascii() or not text.isdigit():
        raise AlmaRefusalError("402119", f"General error: {name} is {text}, not a whole number.")
    return int(text)


def _base() -> str:
    return request.host_url.rstrip("/")
