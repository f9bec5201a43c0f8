"""``feebridge inbound``: hand a file in, look where files arrive, see what became of each."""

from __future__ import annotations

import pytest

from tests.integration.arrival.conftest import bursar_xml


@pytest.fixture
def environ(environ: dict[str, str], tmp_path) -> dict[str, str]:
    (tmp_path / "watched" / "csusm").mkdir(parents=True)
    return {**environ, "FEEBRIDGE_INBOUND_ROOT": str(tmp_path / "watched"), "FEEBRIDGE_INBOUND_LIMIT_MB": "1"}


@pytest.fixture
def at_csusm(shop, feebridge):
    """A command of San Marcos."""
    shop.sets("arrival", place="folder", profile_code="BURSAR", settle_s=1)

    def run(*arguments: str, code: int = 0):
        return feebridge("inbound", *arguments, "--tenant", "csusm", code=code)

    return run


def write(folder, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def test_a_file_handed_in_has_a_run_and_is_listed(at_csusm, tmp_path, superuser):
    assert at_csusm("list").stdout == "No file has arrived yet.\n"
    said = at_csusm("add", write(tmp_path, "BURSAR-1-2.xml", bursar_xml("1"))).stdout
    (run_id,) = superuser.execute("SELECT id FROM run").fetchone()
    assert "BURSAR-1-2.xml: waiting, file 1" in said
    assert f"Run {run_id} reads it." in said
    line = at_csusm("list").stdout
    assert "waiting   BURSAR-1-2.xml" in line
    assert "by upload  no run yet  sha256 " in line


def test_the_same_content_again_is_only_noted(at_csusm, tmp_path, superuser):
    at_csusm("add", write(tmp_path, "BURSAR-1-2.xml", bursar_xml("1")))
    said = at_csusm("add", write(tmp_path, "copy.xml", bursar_xml("1"))).stdout
    assert "copy.xml: duplicate" in said
    assert "The same content as BURSAR-1-2.xml" in said
    assert superuser.execute("SELECT count(*) FROM run").fetchone() == (1,)


def test_a_file_of_another_profile_is_refused(at_csusm, tmp_path):
    said = at_csusm("add", write(tmp_path, "OTHER-1-2.xml", bursar_xml("1")), code=1).output
    assert "written by the bursar profile OTHER" in said


def test_a_file_above_the_limit_is_refused(at_csusm, tmp_path):
    said = at_csusm("add", write(tmp_path, "big.xml", b"x" * (1 << 20) + b"y"), code=1).output
    assert "is larger than 1 MB. Nothing of it was kept." in said


def test_a_look_takes_in_what_lies_there(at_csusm, tmp_path, superuser):
    assert at_csusm("fetch").stdout == "Nothing new lies there.\n"
    for n in (1, 2):
        write(tmp_path / "watched" / "csusm", f"BURSAR-{n}-2.xml", bursar_xml(str(n)))
    said = at_csusm("fetch").stdout
    assert "BURSAR-1-2.xml: waiting" in said
    assert "BURSAR-2-2.xml: waiting" in said
    assert superuser.execute("SELECT count(*) FROM run").fetchone() == (2,)
    assert at_csusm("fetch").stdout == "Nothing new lies there.\n"
    # They are put aside by the run that has read them, not by the look.
    assert len(list((tmp_path / "watched" / "csusm").iterdir())) == 2


def test_a_place_that_is_not_there_is_said_in_words(shop, feebridge):
    shop.sets("arrival", place="sftp")
    said = feebridge("inbound", "fetch", "--tenant", "csusm", code=4).output
    assert "No SFTP server is named" in said
