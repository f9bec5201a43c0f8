"""The consortium's pages."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webapp.auth.access import consortium_admin

blueprint = Blueprint("consortium", __name__, url_prefix="/consortium")


@blueprint.get("/")
@consortium_admin
def home() -> ResponseReturnValue:
    """Each campus's health as counts and states."""
    return render_template("consortium/home.html")


@blueprint.get("/people")
@consortium_admin
def people() -> ResponseReturnValue:
    """Everyone who can sign in."""
    return render_template("consortium/home.html")
