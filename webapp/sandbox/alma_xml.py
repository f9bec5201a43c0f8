"""Alma's XML form of the same records its JSON form shows.

Alma writes one record model two ways: a coded value is ``{"value": …, "desc": …}`` in JSON and text with a ``desc``
attribute in XML; lists stand directly under their record in JSON and inside a plural element in XML; null is an
absent element. Checked against Ex Libris' rest_user.xsd and rest_users.xsd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Mapping

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
ATTRIBUTES = {
    "link",
    "total_record_count",
    "total_sum",
    "currency",
    "preferred",
    "preferred_sms",
    "segment_type",
}
WRAPPERS = {
    "address": "addresses",
    "email": "emails",
    "email_type": "email_types",
    "phone": "phones",
    "row": "rows",
    "rs_library": "rs_libraries",
    "transaction": "transactions",
    "user_block": "user_blocks",
    "user_identifier": "user_identifiers",
    "user_note": "user_notes",
    "user_role": "user_roles",
    "user_statistic": "user_statistics",
    "proxy_for_user": "proxy_for_users",
}
CODED_KEYS = {"value", "desc", "link"}
ERROR_NAMESPACE = "http://com/exlibris/urm/general/xmlbeans"


def to_xml(name: str, record: Mapping[str, Any]) -> str:
    """A whole XML document with ``record`` as its root element ``name``."""
    return DECLARATION + _element(name, record)


def error_xml(code: str, message: str, tracking_id: str | None) -> str:
    """Alma's error body as XML; the tracking id is left out when the gateway itself refused."""
    tracking = f"<trackingId>{escape(tracking_id)}</trackingId>" if tracking_id else ""
    return (
        f'{DECLARATION}<web_service_result xmlns="{ERROR_NAMESPACE}"><errorsExist>true</errorsExist><errorList>'
        f"<error><errorCode>{escape(code)}</errorCode><errorMessage>{escape(message)}</errorMessage>{tracking}</error>"
        "</errorList></web_service_result>"
    )


def _element(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        items = "".join(_element(name, item) for item in value)
        wrapper = WRAPPERS.get(name)
        return f"<{wrapper}>{items}</{wrapper}>" if wrapper else items
    if not isinstance(value, dict):
        return f"<{name}>{escape(_text(value))}</{name}>"
    if "value" in value and value.keys() <= CODED_KEYS:
        rest = {key: text for key, text in value.items() if key != "value" and text is not None}
        return f"<{name}{_attributes(rest)}>{escape(_text(value['value']))}</{name}>"
    attributes = {key: text for key, text in value.items() if key in ATTRIBUTES and text is not None}
    inside = "".join(_element(key, item) for key, item in value.items() if key not in ATTRIBUTES)
    return f"<{name}{_attributes(attributes)}>{inside}</{name}>"


def _attributes(pairs: Mapping[str, Any]) -> str:
    return "".join(f" {key}={quoteattr(_text(text))}" for key, text in pairs.items())


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
