"""Pages for people: what this sandbox is, its patrons, its mail, its files, and its switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request

from webapp.sandbox.alma_errors import AlmaRefusalError
from webapp.sandbox.control_api import board_state, operations
from webapp.sandbox.drop_files import delivered_path, drop_files
from webapp.sandbox.fault_menu import FAULT_MENU
from webapp.sandbox.faults import FaultError, fault_from_json
from webapp.sandbox.fee_operations import Counter, FeeOrder, NewFee
from webapp.sandbox.letters import letter, letters
from webapp.sandbox.patron_list import list_patrons
from webapp.sandbox.words import FEE_STATUSES, FEE_TYPES, LIBRARIES

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from webapp.sandbox.debts import Fee
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron
    from webapp.sandbox.settings import World

PATRONS_A_PAGE = 25


def pages_blueprint(world: World) -> Blueprint:
    """/, /patrons, /mailbox, /drop, /faults as HTML."""
    pages = Blueprint("pages", __name__, template_folder="templates")

    @pages.app_template_filter("dollars")
    def dollars(cents: int) -> str:
        sign = "-" if cents < 0 else ""
        return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"

    @pages.get("/")
    def index() -> str:
        return render_template(
            "index.html", world=world, letters=len(letters(world)), files=len(drop_files(world.drop_root))
        )

    _add_patrons(pages, world)
    _add_deliveries(pages, world)
    _add_faults(pages, world)
    return pages


def _add_patrons(pages: Blueprint, world: World) -> None:
    counters = {code: Counter(institution, world.book) for code, institution in world.institutions.items()}

    @pages.get("/patrons")
    def patrons() -> str:
        institution = _institution(world, request.args.get("institution", ""))
        start = max(0, request.args.get("start", 0, type=int))
        only_owing = request.args.get("owing") == "1"
        found, has_more = _patron_rows(institution, request.args.get("id", ""), start, only_owing=only_owing)
        return render_template(
            "patrons.html",
            world=world,
            institution=institution,
            rows=found,
            start=start,
            following=start + PATRONS_A_PAGE if has_more else None,
            only_owing=only_owing,
            fee_types=FEE_TYPES,
            statuses=FEE_STATUSES,
            message=request.args.get("message", ""),
        )

    @pages.post("/patrons/fees")
    def change_fee() -> ResponseReturnValue:
        institution = _institution(world, request.form.get("institution", ""))
        patron = institution.find(request.form.get("primary_id", "")) or abort(404)
        try:
            message = _play(counters[institution.spec.code], patron)
        except AlmaRefusalError as err:
            message = f"Refused: {err.message}"
        where = {"institution": institution.spec.code, "id": patron.primary_id, "message": message}
        return redirect(f"/patrons?{urlencode(where)}", 303)


def _play(counter: Counter, patron: Patron) -> str:
    form = request.form
    if form.get("op") == "create":
        owner = next(iter(LIBRARIES))
        fee = counter.create(
            patron,
            NewFee(
                form.get("type", ""),
                form.get("amount", ""),
                owner,
                "Added by hand",
                title=form.get("title", ""),
            ),
        )
        return f"Added fee {fee.fee_id}."
    order = FeeOrder(form.get("op", ""), form.get("amount", ""), "CASH", "OTHER", "By hand in the sandbox")
    fee = counter.carry_out(patron, form.get("fee_id", ""), order)
    return f"Fee {fee.fee_id} is now {FEE_STATUSES[fee.status].desc.lower()}."


def _add_deliveries(pages: Blueprint, world: World) -> None:
    @pages.get("/mailbox")
    def mailbox() -> str:
        return render_template("mailbox.html", letters=list(reversed(letters(world))))

    @pages.get("/mailbox/<int:number>")
    def one_letter(number: int) -> str:
        return render_template("letter.html", letter=letter(world, number) or abort(404))

    @pages.get("/mailbox/<int:number>/<int:position>")
    def attachment(number: int, position: int) -> ResponseReturnValue:
        found = letter(world, number) or abort(404)
        files = found.attachments
        if not 0 < position <= len(files):
            abort(404)
        return _download(files[position - 1].content, files[position - 1].name)

    @pages.get("/drop")
    def drop() -> str:
        latest = operations(world)[-200:]
        return render_template("drop.html", files=drop_files(world.drop_root), operations=latest)

    @pages.get("/drop/<path:relative>")
    def delivered(relative: str) -> ResponseReturnValue:
        path = delivered_path(world.drop_root, relative) or abort(404)
        if request.args.get("download") == "1":
            return _download(path.read_bytes(), path.name)
        text = path.read_bytes()[:200_000].decode("utf-8", "replace")
        return render_template(
            "file.html", relative=relative, lines=[_visible(line) for line in text.split("\n")]
        )


def _add_faults(pages: Blueprint, world: World) -> None:
    @pages.get("/faults")
    def faults() -> ResponseReturnValue:
        if "text/html" not in request.headers.get("Accept", ""):
            return jsonify(board_state(world.board))
        return render_template(
            "faults.html", board=world.board, menu=FAULT_MENU, message=request.args.get("message", "")
        )

    @pages.post("/faults/add")
    def add_fault() -> ResponseReturnValue:
        place, _, kind = request.form.get("what", "").partition(" ")
        described: dict[str, Any] = {"where": place, "kind": kind, "times": request.form.get("times") or 1}
        if request.form.get("after"):
            described["after"] = request.form["after"]
        try:
            world.board.add(fault_from_json(described))
            message = f"Switched on: {kind} at {place}."
        except FaultError as err:
            message = f"Refused: {err}"
        return redirect(f"/faults?{urlencode({'message': message})}", 303)

    @pages.post("/faults/clear")
    def clear_faults() -> ResponseReturnValue:
        message = f"Switched off {world.board.clear()} faults."
        return redirect(f"/faults?{urlencode({'message': message})}", 303)


def _institution(world: World, code: str) -> Institution:
    if not code:
        return next(iter(world.institutions.values()))
    return world.institutions.get(code) or abort(404)


def _patron_rows(
    institution: Institution, identifier: str, start: int, *, only_owing: bool
) -> tuple[list[tuple[Patron, list[Fee], int]], bool]:
    if identifier:
        patron = institution.find(identifier)
        chosen = [] if patron is None else [patron]
    else:
        chosen = list_patrons(institution, start, PATRONS_A_PAGE + 1, only_owing=only_owing)
    rows = [
        (patron, institution.fees(patron), institution.owed_cents(patron))
        for patron in chosen[:PATRONS_A_PAGE]
    ]
    return rows, len(chosen) > PATRONS_A_PAGE


def _download(content: bytes, name: str) -> Response:
    answer = Response(content, content_type="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _visible(line: str) -> str:
    ending = "␍" if line.endswith("\r") else ""
    return line.removesuffix("\r").replace("\t", "→\t") + ending
