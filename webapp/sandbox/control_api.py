"""The JSON side for tests and the demo: faults on and off, the judge's book, mail, delivered files, a new extract."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from webapp.sandbox.drop_files import drop_files
from webapp.sandbox.faults import FaultError, fault_from_json, fault_to_json
from webapp.sandbox.letters import letters
from webapp.sandbox.patron_list import list_patrons, patron_summary

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from webapp.sandbox.faults import FaultBoard
    from webapp.sandbox.settings import World


def control_blueprint(world: World) -> Blueprint:
    """/faults.json, /faults (POST, DELETE), /book.json, /mailbox.json, /drop.json, /analytics/extract."""
    control = Blueprint("control", __name__)
    _add_faults(control, world)
    _add_evidence(control, world)
    return control


def _add_faults(control: Blueprint, world: World) -> None:
    @control.get("/faults.json")
    def faults_waiting() -> ResponseReturnValue:
        return jsonify(board_state(world.board))

    @control.post("/faults")
    @control.post("/faults.json")
    def faults_add() -> ResponseReturnValue:
        described = request.get_json(silent=True)
        if not isinstance(described, dict):
            return jsonify(error='send a JSON object such as {"where": "alma.fees", "kind": "status"}'), 400
        try:
            world.board.add(fault_from_json(described))
        except FaultError as err:
            return jsonify(error=str(err)), 400
        return jsonify(board_state(world.board)), 201

    @control.delete("/faults")
    @control.delete("/faults.json")
    def faults_clear() -> ResponseReturnValue:
        return jsonify(cleared=world.board.clear(request.args.get("where")))


def _add_evidence(control: Blueprint, world: World) -> None:
    @control.get("/book.json")
    def book() -> ResponseReturnValue:
        return jsonify(
            money=world.book.events(),
            sftp=operations(world),
            mail=[letter.summary() for letter in letters(world)],
            faults=[fault_to_json(fault) for fault in world.board.fired()],
        )

    @control.get("/patrons.json")
    def patrons() -> ResponseReturnValue:
        codes = list(world.institutions)
        institution = world.institutions.get(request.args.get("institution") or codes[0])
        if institution is None:
            return jsonify(error=f"no such institution; there are {', '.join(codes)}"), 404
        start, limit = request.args.get("start", 0, type=int), request.args.get("limit", 100, type=int)
        only_owing = request.args.get("owing") == "1"
        found = list_patrons(institution, max(0, start), max(1, min(limit, 1000)), only_owing=only_owing)
        return jsonify(patrons=[patron_summary(institution, patron) for patron in found])

    @control.get("/mailbox.json")
    def mailbox() -> ResponseReturnValue:
        return jsonify(messages=[letter.summary() for letter in letters(world)])

    @control.get("/drop.json")
    def drop() -> ResponseReturnValue:
        return jsonify(
            files=[entry.summary() for entry in drop_files(world.drop_root)], operations=operations(world)
        )

    @control.post("/analytics/extract")
    def extract() -> ResponseReturnValue:
        for institution in world.institutions.values():
            institution.take_extract()
        return jsonify({code: held.extracted_at.isoformat() for code, held in world.institutions.items()})


def board_state(board: FaultBoard) -> dict[str, Any]:
    """The faults waiting and those that struck, as JSON."""
    return {
        "waiting": [fault_to_json(fault) for fault in board.list()],
        "fired": [fault_to_json(fault) for fault in board.fired()],
    }


def operations(world: World) -> list[dict[str, Any]]:
    """What SFTP clients did, oldest first, as JSON."""
    seen = [] if world.drop is None else world.drop.operations()
    return [asdict(entry) | {"at": entry.at.isoformat()} for entry in seen]
