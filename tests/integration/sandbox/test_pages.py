import re
from datetime import UTC, datetime
from email.message import EmailMessage
from types import SimpleNamespace

import pytest

from webapp.sandbox.app import create_sandbox_app
from webapp.sandbox.settings import SandboxSettings, build_world


@pytest.fixture
def world(tmp_path):
    built = build_world(SandboxSettings())
    built.drop_root = tmp_path / "drop"
    (built.drop_root / "csusm").mkdir(parents=True)
    built.mailbox = SimpleNamespace(messages=[])
    return built


@pytest.fixture
def browser(world):
    client = create_sandbox_app(world).test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def a_mail():
    mail = EmailMessage()
    mail["From"], mail["To"] = "feebridge@example.edu", "bursar@example.edu"
    mail["Subject"] = "Holds for <San Marcos> — café"
    mail["Message-ID"] = "<run-1@feebridge.example>"
    mail.set_content("2 added, 1 released\n")
    mail.add_attachment(b"001\t12.50\r\n", maintype="text", subtype="plain", filename="added.txt")
    return SimpleNamespace(
        sender="feebridge@example.edu",
        recipients=["bursar@example.edu"],
        raw=mail.as_bytes(),
        received_at=datetime(2026, 11, 20, 18, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "path", ["/", "/patrons", "/patrons?owing=1", "/mailbox", "/drop", "/bursar", "/payments", "/faults"]
)
def test_every_page_opens_and_has_one_heading_and_a_language(browser, path):
    page = browser.get(path).get_data(as_text=True)
    assert page.count("<h1>") == 1
    assert '<html lang="en">' in page


def test_a_person_pays_a_fee_by_button_and_the_book_has_it(browser, world):
    page = browser.get("/patrons?owing=1").get_data(as_text=True)
    form = re.search(r'<form class="inline".*?</form>', page, re.DOTALL).group()
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    answer = browser.post("/patrons/fees", data=fields, follow_redirects=True)
    assert f"Fee {fields['fee_id']} is now closed." in answer.get_data(as_text=True)
    assert [(event["event"], event["fee_id"]) for event in world.book.events()] == [("pay", fields["fee_id"])]


def test_a_person_adds_a_fee_and_is_told_why_an_amount_is_refused(browser, world):
    institution = next(iter(world.institutions.values()))
    patron = institution.population.patron(0)
    fields = {
        "institution": institution.spec.code,
        "primary_id": patron.primary_id,
        "op": "create",
        "type": "OTHER",
    }
    added = browser.post(
        "/patrons/fees", data=fields | {"amount": "4.20", "title": "Lost & <found>"}, follow_redirects=True
    )
    assert "Lost &amp; &lt;found&gt;" in added.get_data(as_text=True)
    assert institution.owed_cents(patron) == 420
    refused = browser.post("/patrons/fees", data=fields | {"amount": "much"}, follow_redirects=True)
    assert "Refused: Parameter original_amount is not valid" in refused.get_data(as_text=True)
    assert institution.owed_cents(patron) == 420


def test_everybody_can_be_paged_through(browser):
    second = browser.get("/patrons?start=25").get_data(as_text=True)
    assert second.count("<section") == 25
    assert "start=50" in second
    assert "Next patrons" not in browser.get("/patrons?start=175").get_data(as_text=True)


def test_an_unknown_institution_or_patron_is_not_found(browser):
    assert browser.get("/patrons?institution=01NOPE").status_code == 404
    assert browser.post("/patrons/fees", data={"primary_id": "nobody"}).status_code == 404


def test_a_mail_is_readable_and_its_attachment_comes_byte_for_byte(browser, world):
    world.mailbox.messages.append(a_mail())
    assert "Holds for &lt;San Marcos&gt; — café" in browser.get("/mailbox").get_data(as_text=True)
    assert "2 added, 1 released" in browser.get("/mailbox/1").get_data(as_text=True)
    file = browser.get("/mailbox/1/1")
    assert file.data == b"001\t12.50\r\n"
    assert "added.txt" in file.headers["Content-Disposition"]
    summary = browser.get("/mailbox.json").get_json()["messages"][0]
    assert (summary["message_id"], summary["attachments"][0]["size"]) == ("<run-1@feebridge.example>", 11)
    assert browser.get("/mailbox/2").status_code == browser.get("/mailbox/1/2").status_code == 404


def test_a_delivered_file_shows_its_invisible_characters_and_downloads_unchanged(browser, world):
    (world.drop_root / "csusm" / "added é.txt").write_bytes(b"001\t12.50\r\n")
    (world.drop_root / "csusm" / ".added.part").write_bytes(b"half")
    listed = browser.get("/drop.json").get_json()["files"]
    assert [(entry["folder"], entry["name"], entry["size"]) for entry in listed] == [
        ("csusm", "added é.txt", 11)
    ]
    link = re.search(r'href="(/drop/csusm[^"]*)"', browser.get("/drop").get_data(as_text=True)).group(1)
    assert "001→\t12.50␍" in browser.get(link).get_data(as_text=True)
    assert browser.get(f"{link}?download=1").data == b"001\t12.50\r\n"


@pytest.mark.parametrize("path", ["../secret.txt", "csusm/../../secret.txt", "/etc/hostname"])
def test_nothing_outside_the_drop_can_be_read(browser, world, path):
    (world.drop_root.parent / "secret.txt").write_text("no")
    assert browser.get(f"/drop/{path}", follow_redirects=True).status_code == 404


def test_faults_are_switched_on_and_off_by_form(browser, world):
    page = browser.post("/faults/add", data={"what": "sftp disk_full", "times": "2"}, follow_redirects=True)
    assert "Switched on: disk_full at sftp." in page.get_data(as_text=True)
    assert [(fault.where, fault.times) for fault in world.board.list()] == [("sftp", 2)]
    refused = browser.post(
        "/faults/add", data={"what": "sftp disk_full", "times": "often"}, follow_redirects=True
    )
    assert "Refused: times is" in refused.get_data(as_text=True)
    browser.post("/faults/clear")
    assert world.board.list() == ()


def test_programs_get_the_board_as_json_and_reasons_for_refusals(browser):
    added = browser.post("/faults", json={"where": "alma", "kind": "daily"})
    assert added.status_code == 201
    board = browser.get("/faults", headers={"Accept": "application/json"}).get_json()
    assert board["waiting"] == [{"where": "alma", "kind": "daily", "times": 1, "after": 0, "options": {}}]
    assert "where" in browser.post("/faults", json={"kind": "x"}).get_json()["error"]
    assert browser.post("/faults", data="x").status_code == 400
    assert browser.delete("/faults").get_json() == {"cleared": 1}


def test_programs_get_patrons_with_their_fees(browser):
    patrons = browser.get("/patrons.json?institution=01CALS_HUL&owing=1").get_json()["patrons"]
    assert all(any(fee["balance_cents"] for fee in patron["fees"]) for patron in patrons)
    assert {None, "FACULTY"} <= {patron["emplid"] and patron["group"] for patron in patrons}
    assert patrons[0]["fees"][0]["balance"] * 100 == patrons[0]["fees"][0]["balance_cents"]
    assert len(browser.get("/patrons.json?limit=7").get_json()["patrons"]) == 7
    assert browser.get("/patrons.json?institution=01NOPE").status_code == 404


def test_the_bursar_export_is_run_from_its_page(browser, world):
    assert "Run the bursar export now" in browser.get("/bursar").text
    answer = browser.post("/bursar", data={"profile": "LIB", "institution": "01CALS_USM"})
    (written,) = (world.drop_root / "csusm").iterdir()
    assert written.name.startswith("LIB-")
    assert written.name in answer.text
    refused = browser.post("/bursar", data={"folder": "../.."})
    assert refused.status_code == 400
    assert "is not below the drop" in refused.text


def test_the_bursar_export_says_as_json_what_is_wrong(browser):
    assert browser.post("/bursar.json", json={"colour": "red"}).json == {
        "error": "there is no choice called colour"
    }
    assert browser.post("/bursar.json", data="x").status_code == 400


def test_students_pay_in_peoplesoft_and_the_query_drops_every_item_so_far(browser, world):
    first = browser.post("/payments.json", json={"folder": "ps", "patrons": 2}).json
    assert len({paid["emplid"] for paid in first["paid"]}) == 2
    second = browser.post("/payments.json", json={"folder": "ps", "patrons": 1}).json
    again = browser.post("/payments.json", json={"folder": "ps", "patrons": 0}).json
    assert (len(second["paid"]) > 0, again["paid"]) == (True, [])
    lines = (world.drop_root / "ps" / again["file"]).read_text().splitlines()
    assert len(lines) == 1 + len(first["paid"]) + len(second["paid"]) == 1 + again["rows"]
    cells = lines[1].split(",")
    assert cells[1] == first["paid"][0]["emplid"]
    assert cells[5] == first["paid"][0]["fee_id"]
    assert cells[8] == ".00"
    assert [event for event in world.book.events() if event["event"] == "pay"] == []


def test_payments_in_peoplesoft_are_made_from_a_page(browser, world):
    answer = browser.post("/payments", data={"institution": "01CALS_USM", "patrons": "1"})
    (written,) = (world.drop_root / "csusm").iterdir()
    assert written.name in answer.text
    for refused in ({"folder": "../.."}, {"patrons": "many"}, {"patrons": "-1"}):
        assert browser.post("/payments", data=refused).status_code == 400
    assert browser.post("/payments.json", data="x").status_code == 400
