"""No route shows or changes anything of another campus, whoever asks and whatever ids they put in.

Built from the application's own map of addresses: a new route is in the matrix the moment it exists.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, Rule

from tests.integration.portal import canaries
from tests.integration.portal.route_ids import (
    ENDS_SESSION,
    EXPORTS,
    FIXED,
    FORM_FIELDS,
    FORMS,
    PARAMETERS,
    searches,
)
from webapp.auth.access import campus_role

ROLES = ("anonymous", "viewer", "approver", "editor", "admin", "consortium")
OWN, OTHER, NOWHERE = "csusm", "humboldt", "no-such-campus"


@dataclass(frozen=True)
class Probe:
    """One address with foreign ids and its twin with ids that name nothing."""

    rule: Rule
    method: str
    foreign: str
    missing: str
    is_text: bool
    uses_ids: bool


@pytest.fixture
def world(portal, people, superuser) -> tuple[Flask, dict[str, Any]]:
    """The portal, and the other campus full of canaries."""
    keys = canaries.plant(superuser, people.humboldt, people.humboldt_admin)
    foreign = {**keys, "slug": OTHER, "tenant_id": people.humboldt, "person_id": people.humboldt_admin}
    return portal, foreign


def probes(app: Flask, foreign: dict[str, Any]) -> Iterator[Probe]:
    """Every route × method × address: the own campus with foreign ids, and the other campus itself."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.endpoint in ENDS_SESSION:
            continue
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            for values in _fixed_values(rule):
                ids = rule.arguments - {"slug"} - values.keys()
                unknown = ids - PARAMETERS.keys()
                assert not unknown, f"{rule.endpoint}: say in route_ids.py what {sorted(unknown)} may hold"
                theirs = {name: PARAMETERS[name].foreign(foreign) for name in ids}
                nobody = {name: PARAMETERS[name].missing for name in ids}
                is_text = any(PARAMETERS[name].is_text for name in ids)
                places = [(OWN, OWN), (OTHER, NOWHERE)] if "slug" in rule.arguments else [(None, None)]
                for place, twin in places:
                    here = {"slug": place} if place else {}
                    there = {"slug": twin} if twin else {}
                    yield Probe(
                        rule,
                        method,
                        adapter.build(rule.endpoint, {**values, **theirs, **here}, method),
                        adapter.build(rule.endpoint, {**values, **nobody, **there}, method),
                        is_text,
                        bool(ids) or place == OTHER,
                    )


def _fixed_values(rule: Rule) -> Iterator[dict[str, str]]:
    names, choices = [], []
    for name, converter in rule._converters.items():
        if isinstance(converter, AnyConverter):
            names.append(name)
            choices.append(sorted(converter.items))
        elif name in FIXED:
            names.append(name)
            choices.append(FIXED[name])
    for chosen in itertools.product(*choices):
        yield dict(zip(names, chosen, strict=True))


def _ask(client, probe: Probe, path: str, foreign: dict[str, Any]):
    if probe.method == "GET":
        return client.get(path, query_string={name: pick(foreign) for name, pick in FORM_FIELDS.items()})
    form = {name: pick(foreign) for name, pick in FORM_FIELDS.items()} | FORMS.get(probe.rule.endpoint, {})
    return client.open(path, method=probe.method, data=form)


def _body(answer, *ids: str) -> str:
    """The answer without what differs in any two answers, and without the ids asked for."""
    text = re.sub(r'(nonce="|csrf_token" value=")[^"]*', r"\1", answer.text)
    for value in (value for value in ids if len(value) > 5):
        text = re.sub(rf"\b{re.escape(value)}\b", "ID", text)
    return re.sub(r"<code>[0-9a-f]{8}</code>", "", text)


def _judge(probe: Probe, role: str, client, foreign: dict[str, Any]) -> None:
    where = f"{probe.method} {probe.foreign} as {role}"
    theirs = _ask(client, probe, probe.foreign, foreign)
    assert canaries.CANARY not in theirs.text, where
    assert canaries.CANARY not in str(theirs.headers), where
    assert theirs.status_code < 500, f"{where}: {theirs.status_code}"
    if not probe.uses_ids or _is_theirs_to_manage(probe, role):
        return
    nobodys = _ask(client, probe, probe.missing, foreign)
    assert theirs.status_code == nobodys.status_code, where
    if role != "anonymous":
        assert _body(theirs, *_parts(probe.foreign)) == _body(nobodys, *_parts(probe.missing)), where
        if not probe.is_text:
            # The API knows tokens only: whoever comes without one is nobody to it.
            refusals = {401} if probe.rule.endpoint.startswith("api.") else {403, 404}
            assert theirs.status_code in refusals, f"{where}: {theirs.status_code}"


def _parts(path: str) -> list[str]:
    return sorted((part for part in path.split("/") if part), key=len, reverse=True)


def _is_theirs_to_manage(probe: Probe, role: str) -> bool:
    """Consortium admins manage campuses and people, of every campus; their pages still show no patron."""
    return role == "consortium" and probe.rule.endpoint.startswith("consortium.")


def _clients(portal: Flask, browser_of) -> dict[str, Any]:
    clients = {
        role: portal.test_client() if role == "anonymous" else browser_of(role).client for role in ROLES
    }
    # Form tokens have tests of their own; here every change must get as far as the view.
    portal.config["WTF_CSRF_ENABLED"] = False
    return clients


def test_no_route_shows_or_changes_another_campus(world, people, browser_of, superuser):
    portal, foreign = world
    clients = _clients(portal, browser_of)
    before = canaries.snapshot(superuser, people.humboldt)
    for probe in list(probes(portal, foreign)):
        for role, client in clients.items():
            if _is_theirs_to_manage(probe, role) and probe.method != "GET":
                continue
            _judge(probe, role, client, foreign)
        after = canaries.snapshot(superuser, people.humboldt)
        changed = [table for table in before if before[table] != after[table]]
        assert changed == [], f"{probe.method} {probe.foreign} changed {changed} of the other campus"


def test_no_export_and_no_search_holds_a_row_of_another_campus(world, people, browser_of, superuser):
    portal, foreign = world
    clients = _clients(portal, browser_of)
    before = canaries.snapshot(superuser, people.humboldt)
    exports = set()
    for probe in probes(portal, foreign):
        if probe.method != "GET" or probe.uses_ids:
            continue
        for query in searches(foreign):
            for role in ("viewer", "admin"):
                answer = clients[role].get(probe.foreign, query_string=query)
                where = f"{probe.foreign} {query} as {role}"
                assert canaries.CANARY not in answer.text, where
                assert answer.status_code < 500, where
                if answer.mimetype == "text/csv":
                    exports.add(probe.rule.endpoint)
    assert exports >= EXPORTS
    assert canaries.snapshot(superuser, people.humboldt) == before


def test_what_the_consortium_changes_shows_no_patron_and_leaves_their_rows(
    world, people, browser_of, superuser
):
    portal, foreign = world
    client = _clients(portal, browser_of)["consortium"]
    before = canaries.snapshot(superuser, people.humboldt)
    for probe in list(probes(portal, foreign)):
        if probe.rule.endpoint.startswith("consortium."):
            _judge(probe, "consortium", client, foreign)
    after = canaries.snapshot(superuser, people.humboldt)
    changed = {table for table in before if before[table] != after[table]}
    assert changed <= {"audit_event", "membership"}


def test_every_route_says_who_may_open_it(portal):
    unmarked = [
        rule.endpoint
        for rule in portal.url_map.iter_rules()
        if rule.endpoint != "static" and not hasattr(portal.view_functions[rule.endpoint], "feebridge_access")
    ]
    assert unmarked == []


def test_every_campus_route_asks_for_a_role(portal):
    wrong = [
        rule.endpoint
        for rule in portal.url_map.iter_rules()
        if rule.endpoint.startswith("campus.")
        and not portal.view_functions[rule.endpoint].feebridge_access.startswith("campus ")
    ]
    assert wrong == []


def test_only_post_changes_anything(portal):
    assert {m for rule in portal.url_map.iter_rules() for m in rule.methods} <= {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
    }


@pytest.mark.parametrize("fault", ["shows", "changes", "tells apart"])
def test_the_matrix_notices_a_route_that_is_wrong(world, people, browser_of, superuser, fault):
    portal, foreign = world
    client = _clients(portal, browser_of)["admin"]

    @campus_role("viewer")
    def wrong(run_id: int) -> Any:
        if fault == "shows":
            return superuser.execute("SELECT story FROM run WHERE id = %s", (run_id,)).fetchone()[0]
        if fault == "changes":
            superuser.execute("UPDATE run SET story = 'x' WHERE id = %s", (run_id,))
        return ("", 404) if fault == "changes" or run_id == foreign["run"]["id"] else ("never there", 404)

    portal._got_first_request = False
    portal.add_url_rule("/c/<slug>/wrong/<int:run_id>", "campus.wrong", wrong)
    before = canaries.snapshot(superuser, people.humboldt)
    probe = next(p for p in probes(portal, foreign) if p.rule.endpoint == "campus.wrong")
    if fault == "changes":
        _judge(probe, "admin", client, foreign)
        assert canaries.snapshot(superuser, people.humboldt) != before
    else:
        with pytest.raises(AssertionError, match=r"wrong/\d+ as admin"):
            _judge(probe, "admin", client, foreign)
