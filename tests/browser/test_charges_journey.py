"""The whole way of charges, as the people of a made-up campus walk it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import PASSWORD
from tests.unit.bursar.files import bursar_file, fee, patron
from webapp.adapters.vault import Vault
from webapp.models import Membership, Person
from webapp.models.scope import person_scope, tenant_scope
from webapp.sandbox.sftp_drop import SftpDrop
from webapp.services import passwords
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.onboard_tenant import register_tenant
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from playwright.sync_api import Page

    from webapp.config import Settings

TERMS = "1, 12, 2627"
ITEM_TYPES = "OVERDUEFINE, 610000000010\nLOSTITEMREPLACEMENTFEE, 610000000020"
COLUMNS = (
    # Name, what stands there, width, and more of the form.
    ("Item type", "Field item_type", "12", {}),
    ("Amount", "Field amount_cents", "10", {"pad": "0", "amount": "implied"}),
    ("Term", "Field term", "4", {}),
    ("Reference", "Field reference", "20", {}),
)
ALMA_FILE = bursar_file(
    patron(fee("15216075630006761", "80.00"), emplid="000000011", name="Muir, John"),
    patron(fee("15216075640006761", "12.50"), emplid="000000024", name="Carson, Rachel"),
    patron(
        fee("15216075650006761", "95.00", fineFeeType="LOSTITEMREPLACEMENTFEE"),
        emplid="000000033",
        name="Leopold, Aldo",
    ),
)
FIRST_FILE = (
    b"%s\n"
    b"000000011  61000000001000000080002627"
    b"15216075630006761   \n"
    b"000000024  61000000001000000012502627"
    b"15216075640006761   \n"
    b"000000033  61000000002000000095002627"
    b"15216075650006761   \n"
    b"0000000003\n"
)
SECOND_FILE = b"%s\n000000042  6100000000100000001250262715216075640006761   \n0000000001\n"
LOAD_RESULT = (
    "EMPLID,Reference,Item Type,Amount,Status,Message\n"
    "000000011,15216075630006761,610000000010,80.00,Posted,\n"
    "000000024,15216075640006761,610000000010,12.50,Error,No such student\n"
    "000000033,15216075650006761,610000000020,95.00,Posted,\n"
)
ANA, BEN = "ana@redwood.example", "ben@redwood.example"


@dataclass
class Redwood:
    """A campus that never was, its SFTP folder, and a worker in this process."""

    portal: Flask
    settings: Settings
    drop: SftpDrop

    @property
    def folder(self) -> Path:
        return self.drop.root / "inbox"

    def work(self) -> None:
        """Carry out what is due, whoever asked for it."""
        with self.portal.app_context():
            for queue in ("interactive", "batch"):
                carry_out_due(self.settings, queue, Interrupts("test worker"))

    def files(self) -> list[Path]:
        """What lies there as Feebridge named it, oldest first."""
        return sorted(path for path in self.folder.iterdir() if path.suffix == ".dat")


@pytest.fixture
def drop(tmp_path: Path) -> Iterator[SftpDrop]:
    """The folder that PeopleSoft's people look into."""
    server = SftpDrop(tmp_path / "drop", "redwood", "open sesame").start()
    server.add_folder("inbox")
    yield server
    server.stop()


@pytest.fixture
def redwood(portal, people, settings: Settings, drop: SftpDrop) -> Redwood:
    """Redwood State: an admin, an approver, and a server to deliver to; nothing of charges yet."""
    with portal.app_context():
        tenant = register_tenant(
            slug="redwood",
            name="Redwood State",
            alma_institution="01CALS_RWD",
            time_zone="America/Los_Angeles",
            actor=SYSTEM,
        )
        with person_scope(None) as session:
            persons = [
                Person(email=email, full_name=name, password_hash=passwords.hash_password(PASSWORD))
                for email, name in ((ANA, "Ana Admin"), (BEN, "Ben Bursar"))
            ]
            session.add_all(persons)
            session.commit()
            ana_id, ben_id = (person.id for person in persons)
        with tenant_scope(tenant.id) as session:
            session.add_all(
                [Membership(person_id=ana_id, role="admin"), Membership(person_id=ben_id, role="approver")]
            )
            delivery = {
                "sftp_enabled": True,
                "sftp_host": "127.0.0.1",
                "sftp_port": drop.port,
                "sftp_username": "redwood",
                "sftp_auth": "password",
                "sftp_directory": "inbox",
                "sftp_host_keys": [drop.fingerprint],
            }
            store_values(session, "delivery", delivery, actor=SYSTEM)
            vault = Vault(settings.vault_keys, settings.vault_active_key)
            put_secret(session, vault, "sftp_password", "open sesame", actor=SYSTEM)
            session.commit()
    return Redwood(portal, settings, drop)


def test_a_layout_made_from_nothing_bills_is_answered_and_its_rejected_line_goes_out_again(
    redwood, signed_in_page
):
    ana = signed_in_page(ANA, "/c/redwood/settings/layouts")
    ben = signed_in_page(BEN, "/c/redwood/")
    makes_a_layout(ana)
    chooses_it_for_charges(ana)
    says_what_peoplesoft_answers(ana)
    hands_in_alma_file(ana)
    redwood.work()
    is_told_that_another_person_must_approve(ana)
    approves(ben)
    redwood.work()
    (sent,) = redwood.files()
    assert sent.read_bytes() == FIRST_FILE % sent.name[4:12].encode(), "the very bytes the layout says"

    sent.rename(sent.with_name(f"{sent.name}.processed"))
    (redwood.folder / "august.rej").write_text(LOAD_RESULT)
    looks_for_answers(ana, redwood)
    corrects_the_rejected_line(ana)
    redwood.work()
    (again,) = redwood.files()
    assert again.read_bytes() == SECOND_FILE % again.name[4:12].encode(), "only the line that was rejected"
    sees_what_became_of_it(ana)


def makes_a_layout(page: Page) -> None:
    page.get_by_role("link", name="New layout").click()
    page.get_by_label("It has a header line").check()
    page.get_by_label("It has a trailer line").check()
    page.get_by_label("Item types").fill(ITEM_TYPES)
    page.get_by_label("Terms").fill(TERMS)
    page.get_by_role("button", name="Begin, and add its columns").click()
    page.get_by_text("redwood-charges has begun.").wait_for()
    for name, source, width, more in COLUMNS:
        page.get_by_role("button", name="Add a column to Detail").click()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("What stands there").select_option(source)
        page.get_by_label("Width").fill(width)
        if form := more.get("amount"):
            page.get_by_label("Amount", exact=True).select_option(form)
        page.get_by_label("Filled with").fill(more.get("pad", ""))
        page.get_by_role("button", name="Take it into the text").click()
        page.get_by_role("button", name=f"Change {name}").wait_for()
    sample = page.get_by_label("Sample of redwood_charges_")
    assert "012345678··610000000010" in sample.inner_text()
    # The sample follows the typing by itself, and says what is wrong where it is.
    text = page.get_by_label("Layout as JSON")
    as_made = text.input_value()
    text.fill(as_made.replace('"field": "reference"', '"field": "refrence"'))
    page.get_by_role("heading", name="What is wrong").wait_for()
    text.fill(as_made.replace("{campus}_{kind}", "RWD"))
    page.get_by_label("Sample of RWD_").wait_for()
    page.get_by_text("Why each value is what it is").click()
    page.get_by_role("row", name="Item type 12–23 610000000010").first.wait_for()
    page.get_by_label("What changed").fill("The columns of the fall loader")
    page.get_by_role("button", name="Save a new version").click()
    page.get_by_text("redwood-charges is saved as version 2.").wait_for()


def chooses_it_for_charges(page: Page) -> None:
    page.get_by_role("main").get_by_role("link", name="Charges to PeopleSoft").click()
    page.get_by_label("Layout", exact=True).select_option("redwood-charges")
    page.get_by_label("Two people must agree above a total of").fill("100.00")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Charges to PeopleSoft: saved.").wait_for()


def says_what_peoplesoft_answers(page: Page) -> None:
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Where Alma's files arrive").click()
    page.get_by_label("Layout of PeopleSoft's load result").select_option("load-result-csv")
    page.get_by_label("Load results on the delivery server are called").fill("*.rej")
    page.get_by_label("A file is complete when unchanged for").fill("1")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Where Alma's files arrive: saved.").wait_for()


def hands_in_alma_file(page: Page) -> None:
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Runs").click()
    page.get_by_role("link", name="Files from Alma").click()
    page.get_by_text("Hand in a file").click()
    page.get_by_label("The file").set_input_files(
        {"name": "BURSAR-77-1.xml", "mimeType": "text/xml", "buffer": ALMA_FILE}
    )
    page.get_by_role("button", name="Hand it in").click()
    page.get_by_text("BURSAR-77-1.xml is here").wait_for()


def is_told_that_another_person_must_approve(page: Page) -> None:
    page.get_by_text("Another person is needed.").wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0


def approves(page: Page) -> None:
    page.get_by_role("link", name="Home").click()
    page.get_by_role("main").get_by_role("link", name="Charges from Alma 1").first.click()
    page.get_by_text("3 lines, $187.50, as RWD_").wait_for()
    page.get_by_role("button", name="Approve and send").click()
    page.get_by_text("Approved. The run goes on.").wait_for()


def looks_for_answers(page: Page, redwood: Redwood) -> None:
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Runs").click()
    page.get_by_role("link", name="Files from Alma").click()
    page.get_by_text("Look for answers").click()
    page.get_by_role("button", name="Look now").click()
    page.get_by_role("heading", name="PeopleSoft's answers").wait_for()
    redwood.work()
    page.get_by_text("3 lines, 2 accepted, 1 rejected").first.wait_for()


def corrects_the_rejected_line(page: Page) -> None:
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Desk").click()
    page.get_by_role("link", name="line 2 of RWD").click()
    page.get_by_text("No such student").first.wait_for()
    page.get_by_label("EMPLID").fill("000000042")
    page.get_by_label("What was wrong").fill("two digits swapped")
    page.get_by_label("Send it at once").check()
    page.get_by_role("button", name="Send this line again").click()
    page.get_by_text("being sent again now").wait_for()


def sees_what_became_of_it(page: Page) -> None:
    page.get_by_text("1 charge ($12.50); file delivered").first.wait_for()
    sent_again = page.get_by_role("region", name="Sent again")
    assert "two digits swapped" in sent_again.inner_text()
    sent_again.get_by_role("link", name="RWD_").click()
    page.get_by_text("lies there as").wait_for()
    page.get_by_text("2 lines accepted, 1 rejected.").wait_for()
    page.get_by_role("row", name="No such student").get_by_role("link", name="run").click()
    page.get_by_role("heading", name="Sent again").wait_for()
    page.get_by_role("main").get_by_role("row").get_by_role("link", name="RWD_").click()
    page.get_by_text("1 line", exact=True).wait_for()
    page.get_by_text("000000042").wait_for()
