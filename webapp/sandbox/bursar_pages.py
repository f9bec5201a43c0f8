"""Run Alma's bursar export now: a page for people, and the same as JSON for tests and the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, render_template, request

from webapp.sandbox.bursar_job import BursarJobError, BursarJobs, BursarProfile

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from webapp.sandbox.settings import World


def bursar_blueprint(world: World) -> Blueprint:
    """/bursar (page and form), /bursar.json (POST: run the job with the choices of ``BursarProfile``)."""
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

    return bursar
