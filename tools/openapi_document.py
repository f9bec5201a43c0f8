"""Reads OpenAPI 3 documents and says whether an HTTP answer keeps to them.

Schemas an operation only points to are looked for by file name in the same folder; those that are not there are
taken from alma_shapes.json next to this file, our own hand-written shapes of the same records.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from jsonschema import Draft202012Validator
from lxml import etree
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

XSD = "{http://www.w3.org/2001/XMLSchema}"
OWN_SHAPES = Path(__file__).with_name("alma_shapes.json")
CODES_IN_PROSE = re.compile(r"^\s*(\w+) - ", re.MULTILINE)
GATEWAY_CODES = {"UNAUTHORIZED", "PER_SECOND_THRESHOLD", "DAILY_THRESHOLD", "INTERNAL_SERVER_ERROR"}
AFTER_THE_LAST_PAGE = {"420033"}  # known from public examples; the documents are silent


@dataclass(frozen=True)
class Answer:
    """What a server answered: status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0]


class OpenApiFolder:
    """All OpenAPI documents of a folder, as one catalogue of operations."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._operations: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
        for path in sorted(folder.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            for template, methods in document.get("paths", {}).items() if isinstance(document, dict) else ():
                for method, operation in methods.items():
                    self._operations[method.upper(), template] = document, operation
        self.published: set[str] = set()
        self.own: set[str] = set()
        self._registry: Registry[Any] = Registry(retrieve=self._schema_file)

    def faults(self, method: str, template: str, query: dict[str, str], answer: Answer) -> list[str]:
        """Everything in which the call or its answer leaves the documents; empty when it keeps to them."""
        if (method, template) not in self._operations:
            return [f"no document describes {method} {template}"]
        document, operation = self._operations[method, template]
        known = {parameter["name"] for parameter in operation.get("parameters", ())}
        faults = [f"the query parameter {name} is not documented" for name in query if name not in known]
        described = operation["responses"].get(str(answer.status))
        if described is None:
            return [*faults, f"status {answer.status} is not documented"]
        if answer.status >= 400:
            return faults + self._error_faults(described, answer)
        return (
            faults
            + self._header_faults(document, described, answer)
            + self._body_faults(document, described, answer)
        )

    def _error_faults(self, described: dict[str, Any], answer: Answer) -> list[str]:
        allowed = (
            set(CODES_IN_PROSE.findall(described.get("description", "")))
            | GATEWAY_CODES
            | AFTER_THE_LAST_PAGE
        )
        if answer.media_type == "application/json":
            body = json.loads(answer.body)
            faults = _schema_faults({"$ref": "own:/error.json#/error"}, body, self._registry)
            codes = [entry["errorCode"] for entry in body["errorList"]["error"]] if not faults else []
        else:
            faults = []
            codes = [element.text or "" for element in etree.fromstring(answer.body).iter("{*}errorCode")]
        return faults + [
            f"the error code {code} is not documented here" for code in codes if code not in allowed
        ]

    def _header_faults(
        self, document: dict[str, Any], described: dict[str, Any], answer: Answer
    ) -> list[str]:
        faults = []
        for name, header in described.get("headers", {}).items():
            schema = _resolved(document, header)["schema"]
            text = answer.headers.get(name.lower())
            if text is None:
                faults.append(f"the header {name} is missing")
            elif schema.get("type") == "integer" and not text.isdigit():
                faults.append(f"the header {name} is {text!r}, not a whole number")
        return faults

    def _body_faults(self, document: dict[str, Any], described: dict[str, Any], answer: Answer) -> list[str]:
        content = described.get("content", {})
        if answer.media_type not in content:
            return [f"the content type {answer.media_type} is not documented"]
        schema = content[answer.media_type]["schema"]
        if answer.media_type == "application/json":
            whole = json_schema(schema) | {"components": json_schema(document.get("components", {}))}
            return _schema_faults(whole, json.loads(answer.body), self._registry)
        return self._xml_faults(schema, etree.fromstring(answer.body))

    def _xml_faults(self, schema: dict[str, Any], root: etree._Element) -> list[str]:
        name = schema.get("$ref", "").rpartition("/")[2]
        xsd = self._folder / f"{name}.xsd"
        if not name or not xsd.exists():
            return []
        checker = etree.XMLSchema(_self_contained(xsd))
        self.published.add(xsd.name)
        return [] if checker.validate(root) else [str(entry) for entry in checker.error_log]

    def _schema_file(self, uri: str) -> Resource[Any]:
        name = urlparse(uri).path.rpartition("/")[2]
        found = next(iter(self._folder.rglob(name)), None)
        (self.own if found is None else self.published).add(name)
        text = (found or OWN_SHAPES).read_text(encoding="utf-8")
        return Resource.from_contents(json_schema(json.loads(text)), default_specification=DRAFT202012)


def json_schema(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema: ``nullable`` becomes a further type, ``example`` goes."""
    if isinstance(schema, list):
        return [json_schema(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: json_schema(value) for key, value in schema.items() if key not in {"nullable", "example", "xml"}
    }
    if schema.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def _schema_faults(schema: dict[str, Any], body: Any, registry: Registry[Any]) -> list[str]:
    checker = Draft202012Validator(schema, registry=registry)
    return [
        f"{'/'.join(str(part) for part in fault.path) or 'body'}: {fault.message}"
        for fault in checker.iter_errors(body)
    ]


def _self_contained(path: Path) -> etree._Element:
    """The XML Schema with its includes put in; what an include that is not at hand would define becomes anything."""
    root = etree.parse(path).getroot()
    _put_in_includes(root, path.parent)
    defined = {
        element.get("name") for element in root if element.tag in {f"{XSD}simpleType", f"{XSD}complexType"}
    }
    for element in root.iter(f"{XSD}element"):
        if ":" not in element.get("type", ":") and element.get("type") not in defined:
            del element.attrib["type"]
    return root


def _put_in_includes(root: etree._Element, folder: Path) -> None:
    for include in root.findall(f"{XSD}include"):
        root.remove(include)
        path = folder / include.get("schemaLocation", "")
        if path.is_file():
            included = etree.parse(path).getroot()
            _put_in_includes(included, folder)
            root.extend(included)


def _resolved(document: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in entry:
        return entry
    found: Any = document
    for part in entry["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found
