from lxml import etree

from webapp.sandbox.alma_xml import error_xml, to_xml


def test_a_coded_value_becomes_text_with_its_description_as_attribute():
    assert to_xml("fee", {"type": {"value": "OTHER", "desc": 'A "b" & c'}}).endswith(
        "<fee><type desc='A \"b\" &amp; c'>OTHER</type></fee>"
    )


def test_a_list_gets_its_plural_element_and_null_is_left_out():
    assert to_xml("fee", {"title": None, "transaction": [{"amount": 1.5}, {"amount": 2}]}).endswith(
        "<fee><transactions><transaction><amount>1.5</amount></transaction>"
        "<transaction><amount>2</amount></transaction></transactions></fee>"
    )


def test_totals_and_links_become_attributes():
    record = {"fee": [{"id": "1", "link": "http://x/?a&b"}], "total_record_count": 1, "currency": None}
    assert to_xml("fees", record).endswith(
        '<fees total_record_count="1"><fee link="http://x/?a&amp;b"><id>1</id></fee></fees>'
    )


def test_a_record_with_a_value_of_its_own_is_no_coded_value():
    identifier = {
        "id_type": {"value": "BARCODE", "desc": "Barcode"},
        "value": "2",
        "segment_type": "External",
    }
    assert "<id_type" in to_xml("user", {"user_identifier": [identifier]})


def test_text_survives_the_way_through_xml():
    title = "Tab\there, <angle> & é\nnext line"
    root = etree.fromstring(to_xml("fee", {"title": title}).encode())
    assert root.findtext("title") == title


def test_an_error_without_tracking_id_has_no_element_for_it():
    assert "trackingId" in error_xml("402119", "General error", "E01-1")
    assert "trackingId" not in error_xml("UNAUTHORIZED", "no", None)
