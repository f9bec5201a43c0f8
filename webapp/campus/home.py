"""The campus's first page."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint


@blueprint.get("/")
@campus_role("viewer")
def home() -> ResponseReturnValue:
    """Is all well, what needs me, what happened."""
    return render_template("campus/home.html")
