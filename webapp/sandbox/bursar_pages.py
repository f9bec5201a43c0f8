"""What the bursar's side does, for people and as JSON: Alma's bursar export and import, PeopleSoft's file of payments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, render_template, request

from webapp.sandbox.bursar_import import BursarImport
from webapp.sandbox.bursar_job import BursarJobError, BursarJobs, BursarProfile
from webapp.sandbox.query_file import QueryFileError, QueryFiles

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from webapp.sandbox.settings import World


def bursar_blueprint(world: World) -> Blueprint:
    """/bursar and /payments (page and form), and the same by POST of JSON to /bursar.json and /payments.json.

    By POST to /bursar-import.json ({"institution", "folder", "name"}) Alma takes the payment files out of the drop.

    The choices are those of ``BursarProfile`` and of ``QueryFiles.pay_and_drop``.
    """
    bursar = Blueprint("bursar", __name__, template_folder="templates")
    jobs = BursarJobs(world)

    @bursar.get("/bursar")
    def choose() -> ResponseReturnValue:
        return _page({}, "", None)

    @bursar.post("/bursar")
    def run_from_page() -> ResponseReturnValue:
        chosen = request.form.to_dict()
        try:
            return _page(chosen, "", jobs.run(BursarProfile.from_mapping(chosen)))
        except BursarJobError as err:
            return _page(chosen, f"Refused: {err}.", None), 400

    @bursar.post("/bursar.json")
    def run_from_program() -> ResponseReturnValue:
        chosen = request.get_json(silent=True)
        if not isinstance(chosen, dict):
            return jsonify(error='send a JSON object such as {"profile": "BURSAR"}'), 400
        try:
            return jsonify(jobs.run(BursarProfile.from_mapping(chosen)))
        except BursarJobError as err:
            return jsonify(error=str(err)), 400

    def _page(chosen: dict[str, str], message: str, result: dict[str, Any] | None) -> str:
        return render_template("bursar.html", world=world, chosen=chosen, message=message, result=result)

    @bursar.post("/bursar-import.json")
    def take_payments() -> ResponseReturnValue:
        chosen = request.get_json(silent=True) or {}
        wanted = {name: str(chosen.get(name, "")) for name in ("institution", "folder", "name")}
        try:
            return jsonify(BursarImport(world).run(**wanted))
        except BursarJobError as err:
            return jsonify(error=str(err)), 400

    _add_payments(bursar, world)
    return bursar


def _add_payments(bursar: Blueprint, world: World) -> None:
    queries = QueryFiles(world)

    @bursar.get("/payments")
    def choose_payments() -> ResponseReturnValue:
        return _payments_page({}, "", None)

    @bursar.post("/payments")
    def pay_from_page() -> ResponseReturnValue:
        chosen = request.form.to_dict()
        try:
            return _payments_page(chosen, "", queries.pay_and_drop(chosen))
        except QueryFileError as err:
            return _payments_page(chosen, f"Refused: {err}.", None), 400

    @bursar.post("/payments.json")
    def pay_from_program() -> ResponseReturnValue:
        chosen = request.get_json(silent=True)
        if not isinstance(chosen, dict):
            return jsonify(error='send a JSON object such as {"patrons": 3}'), 400
        try:
            return jsonify(queries.pay_and_drop(chosen))
        except QueryFileError as err:
            return jsonify(error=str(err)), 400

    def _payments_page(chosen: dict[str, str], message: str, result: dict[str, Any] | None) -> str:
        return render_template("payments.html", world=world, chosen=chosen, message=message, result=result)
