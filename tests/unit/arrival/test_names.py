"""What a file's name and first rows say of where it comes from."""

import pytest

from webapp.domain.arrivals import FileHead, foreign_words, is_wanted, read_export_name, read_head


def test_a_name_says_profile_job_and_time():
    said = read_export_name("BURSAR_EXPORT_to_Dev1-12345678-99999999.xml")
    assert (said.profile_code, said.job_id, said.stamp) == ("BURSAR_EXPORT_to_Dev1", "12345678", "99999999")


def test_with_the_campus_s_own_code_a_time_may_hold_dashes():
    said = read_export_name("LIB-DEBIT-123-2026-11-21.xml", "LIB-DEBIT")
    assert (said.profile_code, said.job_id, said.stamp) == ("LIB-DEBIT", "123", "2026-11-21")


def test_letter_case_of_code_and_ending_does_not_matter():
    assert read_export_name("bursar-1-2.XML", "BURSAR").job_id == "1"
    assert is_wanted("bursar-1-2.XML", "BURSAR")


@pytest.mark.parametrize("name", ["fees.xml", "BURSAR-x-1.xml", "BURSAR-1-2.xml.processed", "-1-2.xml", ""])
def test_other_names_say_nothing(name):
    assert read_export_name(name) is None


@pytest.mark.parametrize(
    "name", [".BURSAR-1-2.xml", "BURSAR-1-2.xml.part", "OTHER-1-2.xml", "BURSAR.xml", "BURSARX-1-2.xml"]
)
def test_what_is_not_of_the_profile_is_not_wanted(name):
    assert not is_wanted(name, "BURSAR")


def test_without_a_code_every_xml_file_is_wanted():
    assert is_wanted("anything.xml")
    assert not is_wanted("anything.csv")


def test_the_first_rows_name_export_and_institution_past_a_literal_null():
    head = (
        b"<xb:exportNumber> 17492217040006761 </xb:exportNumber><xb:InstitutionId>null</xb:InstitutionId>"
        b"<InstitutionId>6761</InstitutionId><xb:InstitutionId>1</xb:InstitutionId>"
    )
    assert read_head(head) == FileHead("17492217040006761", "6761")
    assert read_head(b"\x00\xff not a bursar file") == FileHead()


def test_a_file_of_another_profile_is_not_this_campus_s():
    words = foreign_words(
        "OTHER-1-2.xml", FileHead(), profile_code="BURSAR", institution_id="", campus="San Marcos"
    )
    assert words.startswith("OTHER-1-2.xml was written by the bursar profile OTHER; San Marcos's is BURSAR.")


@pytest.mark.parametrize(
    ("name", "head", "code", "institution"),
    [
        ("BURSAR-1-2.xml", FileHead("", "6761"), "BURSAR", "6761"),
        ("bursar-1-2.xml", FileHead("", ""), "BURSAR", "6761"),
        ("renamed by hand.xml", FileHead("", "6761"), "BURSAR", ""),
        ("OTHER-1-2.xml", FileHead("", "6761"), "", "6761"),
    ],
)
def test_nothing_is_held_against_a_file_that_says_nothing_else(name, head, code, institution):
    assert not foreign_words(name, head, profile_code=code, institution_id=institution, campus="San Marcos")
