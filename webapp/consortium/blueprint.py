"""The blueprint of the consortium's pages."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("consortium", __name__, url_prefix="/consortium")
