"""Bring a FOLIO bursar export along: its configuration as a layout to look at, change and save."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.layouts import layout_text
from webapp.domain.campus_settings import SECTIONS, form_text
from webapp.domain.folio import FolioError
from webapp.services.import_folio import LONGEST_FILE, import_folio, read_codes

USUAL_NAME = "From FOLIO"
# The editor opens a document under a name that exists; the default for charges does.
OPENS_UNDER = "ps-external-file"


@blueprint.get("/settings/layout-import")
@campus_role("editor")
def layout_import() -> ResponseReturnValue:
    """Where a configuration is handed in."""
    return _page()


@blueprint.post("/settings/layout-import")
@campus_role("editor")
def import_layout() -> ResponseReturnValue:
    """The layout that a configuration describes, and what had no equal. Nothing is stored."""
    upload = request.files.get("file")
    content: bytes | str = upload.stream.read(LONGEST_FILE + 1) if upload and upload.filename else b""
    content = content or request.form.get("configuration", "")
    name = request.form.get("title", "").strip() or USUAL_NAME
    try:
        report = import_folio(content, name=name, codes=read_codes(request.form.get("codes", "")))
    except FolioError as err:
        return _page(fault=str(err)), 422
    fields = {field.name: field for field in SECTIONS["bursar"].fields}
    settings = [
        (fields[key].label, form_text(fields[key], value)) for key, value in report.imported.settings.items()
    ]
    return render_template(
        "campus/layout_imported.html",
        report=report,
        text=layout_text(report.imported.document),
        settings=settings,
        opens_under=OPENS_UNDER,
        form=request.form,
        # For trying again with more codes, without the file.
        configuration=content if isinstance(content, str) else content.decode("utf-8-sig"),
    )


def _page(*, fault: str = "") -> str:
    return render_template("campus/layout_import.html", fault=fault, form=request.form, usual_name=USUAL_NAME)
