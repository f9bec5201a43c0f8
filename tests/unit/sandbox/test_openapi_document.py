"""The checker of OpenAPI documents, tried on a small document of our own."""

import json

import pytest

from tools.openapi_document import Answer, OpenApiFolder, json_schema

DOCUMENT = {
    "openapi": "3.0.1",
    "components": {"headers": {"left": {"schema": {"type": "integer"}}}},
    "paths": {
        "/things": {
            "get": {
                "parameters": [{"name": "limit", "in": "query"}],
                "responses": {
                    "200": {
                        "headers": {"X-Left": {"$ref": "#/components/headers/left"}},
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "https://example.org/schemas/thing.json#/thing"}
                            },
                            "application/xml": {
                                "schema": {"$ref": "https://example.org/schemas/thing.json#/thing"}
                            },
                        },
                    },
                    "400": {"description": "Bad Request\n\n4711 - 'No such thing.'"},
                },
            }
        }
    },
}
THING = {
    "thing": {
        "type": "object",
        "properties": {"name": {"type": "string", "nullable": True}},
        "required": ["name"],
    }
}
THING_XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="missing.xsd"/>
<xs:element name="thing"><xs:complexType><xs:all><xs:element name="name" type="xs:int"/>
<xs:element name="rest" type="defined_elsewhere" minOccurs="0"/></xs:all></xs:complexType></xs:element></xs:schema>"""
JSON_HEADERS = {"content-type": "application/json;charset=UTF-8", "x-left": "5"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "openapi_things.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "thing.json").write_text(json.dumps(THING))
    (tmp_path / "thing.xsd").write_text(THING_XSD)
    return OpenApiFolder(tmp_path)


def faults(folder, body=b'{"name": "a"}', status=200, headers=None, query=None):
    return folder.faults("GET", "/things", query or {}, Answer(status, headers or JSON_HEADERS, body))


@pytest.mark.parametrize("body", [b'{"name": "a"}', b'{"name": null}'])
def test_an_answer_that_keeps_to_the_document_has_no_faults(folder, body):
    assert faults(folder, body, query={"limit": "5"}) == []
    assert folder.published == {"thing.json"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"body": b'{"name": 5}'}, "name: 5 is not valid"),
        ({"body": b"{}"}, "'name' is a required property"),
        ({"query": {"offset": "1"}}, "query parameter offset is not documented"),
        ({"status": 404}, "status 404 is not documented"),
        ({"headers": {"content-type": "application/json"}}, "header X-Left is missing"),
        ({"headers": JSON_HEADERS | {"x-left": "many"}}, "not a whole number"),
        (
            {"headers": JSON_HEADERS | {"content-type": "text/html"}},
            "content type text/html is not documented",
        ),
    ],
)
def test_whatever_leaves_the_document_is_named(folder, wrong, words):
    found = faults(folder, **wrong)
    assert len(found) == 1
    assert words in found[0]


def test_an_undescribed_operation_is_a_fault(folder):
    assert folder.faults("POST", "/things", {}, Answer(200, {}, b"")) == [
        "no document describes POST /things"
    ]


@pytest.mark.parametrize(("code", "allowed"), [("4711", True), ("UNAUTHORIZED", True), ("4712", False)])
def test_error_codes_must_stand_in_the_description(folder, code, allowed):
    body = {
        "errorsExist": True,
        "errorList": {"error": [{"errorCode": code, "errorMessage": "no"}]},
        "result": None,
    }
    assert (faults(folder, json.dumps(body).encode(), status=400) == []) is allowed
    xml = f"<r xmlns='x'><error><errorCode>{code}</errorCode></error></r>".encode()
    assert (faults(folder, xml, status=400, headers={"content-type": "application/xml"}) == []) is allowed


@pytest.mark.parametrize(("name", "is_right"), [("5", True), ("five", False)])
def test_xml_is_checked_by_the_schema_next_to_the_document_though_an_include_is_missing(
    folder, name, is_right
):
    headers = {"content-type": "application/xml", "x-left": "5"}
    body = f"<thing><name>{name}</name><rest>anything</rest></thing>".encode()
    assert (faults(folder, body, headers=headers) == []) is is_right
    assert "thing.xsd" in folder.published


def test_a_schema_that_is_not_in_the_folder_is_replaced_by_our_own_shape(tmp_path):
    document = json.dumps(DOCUMENT).replace("thing.json#/thing", "rest_fee.json#/rest_fee")
    (tmp_path / "openapi.json").write_text(document)
    folder = OpenApiFolder(tmp_path)
    assert any("'id' is a required property" in fault for fault in faults(folder))
    assert folder.own == {"rest_fee.json"}


def test_nullable_becomes_a_further_type_and_examples_go():
    assert json_schema({"type": "string", "nullable": True, "example": "x"}) == {
        "anyOf": [{"type": "string"}, {"type": "null"}]
    }
