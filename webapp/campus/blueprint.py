"""The blueprint of a campus's pages. Every view carries ``@campus_role``; the campus in the address is taken care of here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g

blueprint = Blueprint("campus", __name__, url_prefix="/c/<slug>")


@blueprint.url_value_preprocessor
def take_slug(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Keep the campus's short name for ``campus_role``; views do not receive it."""
    g.campus_slug = (values or {}).pop("slug", "")


@blueprint.url_defaults
def add_slug(_endpoint: str, values: dict[str, Any]) -> None:
    """Addresses made on a campus's page stay with that campus."""
    if g.get("tenant"):
        values.setdefault("slug", g.tenant.slug)
