"""Reads the body of "create user fine/fee", in JSON or XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import etree

from webapp.sandbox.alma_errors import AlmaRefusalError
from webapp.sandbox.fee_operations import NewFee

if TYPE_CHECKING:
    from flask import Request


def new_fee_from_request(request: Request) -> NewFee:
    """The fee a caller describes (rest_fee, the fields tagged for POST).

    Raises:
        AlmaRefusalError: 402119 when the body is neither a JSON object nor XML.
    """
    body = request.get_json(silent=True) if request.is_json else _xml_fields(request.get_data())
    if not isinstance(body, dict):
        raise AlmaRefusalError("402119", "General error: the body is no fee.")
    return NewFee(
        type_code=_text(body.get("type")),
        original_amount=_text(body.get("original_amount")),
        owner=_text(body.get("owner")),
        comment=_text(body.get("comment")),
        barcode=_text(body.get("barcode")),
        title=_text(body.get("title")),
    )


def _xml_fields(body: bytes) -> dict[str, Any] | None:
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    return {str(child.tag): child.text for child in root}


def _text(value: Any) -> str:
    inner = value.get("value") if isinstance(value, dict) else value
    return "" if inner is None else str(inner)
