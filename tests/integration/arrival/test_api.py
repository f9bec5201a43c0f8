"""The API over real HTTP: campus IT hands files in and fetches them, with the campus's own token."""

from __future__ import annotations

import hashlib
import http.client
import io
import tracemalloc
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.arrival.conftest import bursar_xml
from webapp.models import File
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_tokens import make_api_token
from webapp.services.receive_file import Origin, receive_file
from webapp.services.submit_run import submit_run

XML = {"Content-Type": "application/xml"}


class Api:
    """The API as one token sees it."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/api/v1"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def hand_in(self, content, *, name="BURSAR-1-2.xml", headers=XML, what="bursar") -> requests.Response:
        return requests.post(
            f"{self.url}/inbound/{what}",
            params={"name": name},
            data=content,
            headers=self.headers | headers,
            timeout=20,
        )

    def get(self, path, **params) -> requests.Response:
        return requests.get(f"{self.url}{path}", params=params, headers=self.headers, timeout=20)

    def post(self, path) -> requests.Response:
        return requests.post(f"{self.url}{path}", headers=self.headers, timeout=20)


@pytest.fixture
def api(campus, portal_url) -> Api:
    return Api(portal_url, make_api_token(campus.tenant_id, campus.settings, SYSTEM))


def test_a_file_handed_in_waits_and_has_a_run(campus, api):
    content = bursar_xml("1", "2")
    answer = api.hand_in(content)
    assert answer.status_code == 202
    told = answer.json()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert (told["state"], told["size"]) == ("waiting", len(content))
    campus.work("batch")
    (row,) = campus.arrived()
    assert (row.state, row.origin, row.place, row.run_id) == ("done", "api", "API", told["run_id"])
    assert campus.content(row) == content


def test_a_list_of_students_is_kept_for_the_next_run(campus, api):
    answer = api.hand_in(b"emplid,status\n1,AC\n", what="student-list", headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["run_id"]) == (202, None)
    assert [(row.kind, row.state) for row in campus.arrived()] == [("student_list", "waiting")]


def test_a_body_in_chunks_without_a_length_is_read_as_it_comes(campus, api):
    content = bursar_xml(*(str(n) for n in range(4000)))
    pieces = (content[start : start + 10_000] for start in range(0, len(content), 10_000))
    assert api.hand_in(pieces).status_code == 202
    assert campus.content(campus.arrived()[0]) == content


def test_the_same_content_again_is_a_conflict_and_counts_once(campus, api):
    first = api.hand_in(bursar_xml("1")).json()
    answer = api.hand_in(bursar_xml("1"), name="BURSAR-9-9.xml")
    assert answer.status_code == 409
    assert answer.json()["repeats"] == first["inbound_file_id"]
    assert "not counted again" in answer.json()["error"]["message"]
    assert campus.scalar("SELECT count(*) FROM run") == 1


@pytest.mark.parametrize(
    "token", ["", "wrong", "fb_1_" + "x" * 43, "fb_99999_" + "x" * 43, "fb_999999999_" + "y" * 43]
)
def test_without_the_token_nobody_is_let_in(campus, portal_url, api, token):
    stranger = Api(portal_url, token)
    for answer in (
        stranger.hand_in(bursar_xml("1")),
        stranger.get("/files"),
        stranger.get("/files/1/content"),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "API token" in answer.json()["error"]["message"]
    assert campus.arrived() == []


def test_a_token_of_another_campus_hands_in_for_that_campus_only(campus, portal_url, two_tenants, api):
    other = Api(portal_url, make_api_token(two_tenants[1], campus.settings, SYSTEM))
    assert other.hand_in(bursar_xml("1")).status_code == 202
    assert campus.arrived() == []
    # The same bytes at two campuses are two files: neither hears of the other.
    assert api.hand_in(bursar_xml("1")).status_code == 202


def test_a_new_token_ends_the_old_one(campus, api):
    make_api_token(campus.tenant_id, campus.settings, SYSTEM)
    assert api.get("/files").status_code == 401


def test_another_content_type_is_refused(campus, api):
    answer = api.hand_in(b"{}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 415
    assert "application/xml" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["../up.xml", "a/b.xml", "x" * 201, "..", "line\nbreak.xml"])
def test_a_name_that_is_none_is_refused(campus, api, name):
    assert api.hand_in(bursar_xml("1"), name=name).status_code == 400
    assert campus.arrived() == []


def test_a_file_of_another_profile_is_refused_in_words(campus, api):
    answer = api.hand_in(bursar_xml("1"), name="OTHER-1-2.xml")
    assert answer.status_code == 422
    assert "written by the bursar profile OTHER" in answer.json()["error"]["message"]
    assert campus.states() == ["refused"]


def test_a_claim_of_five_gigabytes_is_refused_before_a_byte_is_read(campus, api):
    where = urlsplit(api.url)
    line = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
    line.putrequest("POST", f"{where.path}/inbound/bursar")
    for header, value in (api.headers | XML | {"Content-Length": str(5 << 30)}).items():
        line.putheader(header, value)
    line.endheaders()
    assert line.getresponse().status == 413
    line.close()
    assert campus.arrived() == []


def test_a_body_that_grows_beyond_the_limit_is_stopped_and_leaves_nothing(campus, portal_app, api, tmp_path):
    portal_app.config["FEEBRIDGE"] = replace(portal_app.config["FEEBRIDGE"], inbound_limit_mb=1)
    endless = (b"x" * 65_536 for _ in range(64))
    try:
        status = api.hand_in(endless).status_code
    except requests.ConnectionError:
        status = 413  # the answer came while we were still sending, and the line was closed
    assert status == 413
    assert campus.arrived() == []
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_files_that_were_built_are_listed_and_fetched(campus, api):
    ids = [add_file(campus, n) for n in range(3)]
    first = api.get("/files", limit=2).json()
    assert [file["id"] for file in first["files"]] == ids[:2]
    rest = requests.get(
        api.url.removesuffix("/api/v1") + first["next"], headers=api.headers, timeout=20
    ).json()
    assert ([file["id"] for file in rest["files"]], rest["next"]) == (ids[2:], None)
    assert rest["files"][0]["total"] == "1204.50"
    answer = api.get(f"/files/{ids[0]}/content")
    assert answer.content == b"file 0\n"
    assert [file["may_leave"] for file in first["files"]] == [True, True]
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert "attachment" in answer.headers["Content-Disposition"]
    assert campus.scalar("SELECT actor FROM audit_event WHERE action = 'file.downloaded'") == "API of csusm"
    assert rest["files"][0]["told_at"] is None


def test_a_file_of_another_campus_does_not_exist(campus, portal_url, api, two_tenants):
    theirs = add_file(campus, 0)
    other = Api(portal_url, make_api_token(two_tenants[1], campus.settings, SYSTEM))
    foreign, missing = other.get(f"/files/{theirs}/content"), other.get("/files/987654321/content")
    assert (foreign.status_code, foreign.text) == (missing.status_code, missing.text)
    assert foreign.status_code == 404
    assert other.get("/files").json()["files"] == []
    assert other.post(f"/files/{theirs}/taken").status_code == 404


@pytest.mark.parametrize("run_state", ["running", "awaiting_approval", "cancelled", "failed"])
def test_what_nobody_let_go_is_not_handed_to_programs(campus, api, run_state):
    file_id = add_file(campus, 0, run_state=run_state)
    assert [file["may_leave"] for file in api.get("/files").json()["files"]] == [False]
    answer = api.get(f"/files/{file_id}/content")
    assert answer.status_code == 409
    assert "waits for approval" in answer.json()["error"]["message"]
    campus.execute("UPDATE file SET confirmed_at = now()")
    assert api.get(f"/files/{file_id}/content").status_code == 200, "it left before its run came to an end"


def test_a_rehearsals_file_is_not_handed_to_programs(campus, api):
    file_id = add_file(campus, 0, dry_run=True)
    assert api.get("/files").json()["files"] == []
    assert api.get(f"/files/{file_id}/content").status_code == 409


def test_a_file_past_its_retention_is_gone(campus, api):
    file_id = add_file(campus, 0)
    campus.execute("UPDATE file SET purged_at = now()")
    assert api.get(f"/files/{file_id}/content").status_code == 410


def test_a_file_left_for_fetching_counts_as_told_when_it_is_said_to_be_taken(campus, api):
    file_id = add_file(campus, 0)
    assert api.post(f"/files/{file_id}/taken").status_code == 404, "it does not wait for anybody"
    campus.execute(
        f"INSERT INTO delivery (tenant_id, run_id, file_id, target) SELECT tenant_id, run_id, id, 'download' FROM file WHERE id = {file_id}"
    )
    assert api.get(f"/files/{file_id}/content").status_code == 200
    assert campus.scalar("SELECT confirmed_at FROM file") is None, "reading alone says nothing"
    answer = api.post(f"/files/{file_id}/taken")
    assert answer.status_code == 200
    assert campus.scalar("SELECT confirmed_at FROM file") is not None


def test_errors_are_words_in_json(api):
    answer = api.get("/files/not-a-number/content")
    assert answer.status_code == 404
    answer = requests.post(f"{api.url}/files", headers=api.headers, timeout=20)
    assert answer.status_code == 405


def add_file(campus, n: int, *, run_state: str = "succeeded", dry_run: bool = False) -> int:
    """A built file of a finished run."""
    run_id = submit_run(campus.tenant_id, "holds_export")
    content = f"file {n}\n".encode()
    key = f"{campus.tenant_id}/test/{n}"
    with campus.store.writer(key) as writer:
        writer.write(content)
    campus.execute(f"UPDATE run SET state = '{run_state}', dry_run = {dry_run} WHERE id = {run_id}")
    with tenant_scope(campus.tenant_id) as session:
        file = File(
            run_id=run_id,
            kind="added",
            name=f"holds_{n}.txt",
            store_key=key,
            size=len(content),
            sha256=writer.sha256,
            row_count=2,
            total_cents=120_450,
        )
        session.add(file)
        session.commit()
        return file.id


class Endless(io.RawIOBase):
    """So many bytes of nothing, never all in memory."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, wanted: int = -1) -> bytes:
        length = min(self.left, wanted if wanted >= 0 else self.left)
        self.left -= length
        return bytes(length)


def test_a_file_of_any_size_passes_through_little_memory(campus):
    origin = Origin("bursar_xml", "upload", "large.xml")
    tracemalloc.start()
    try:
        receive_file(
            campus.tenant_id, origin, Endless(128 << 20), settings=campus.settings, actor=SYSTEM, submit=False
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert campus.arrived()[0].size == 128 << 20
    assert peak < 4 << 20
