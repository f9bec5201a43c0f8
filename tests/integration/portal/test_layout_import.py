"""Bringing a FOLIO bursar export along, on the page and with the command."""

from __future__ import annotations

import io
import json
import re

import pytest
from click.testing import CliRunner

from tests.integration.portal.settings_help import SETTINGS, words
from tests.unit.folio.exports import CODES, OVERDUE, export, fixed, negated, positional, saved, user
from webapp.cli.layouts import layouts
from webapp.domain.layouts import check_layout

IMPORT = f"{SETTINGS}/layout-import"
CONFIGURATION = json.dumps(saved(positional()))


def document_on(page):
    text = re.search(r'<textarea[^>]*id="text"[^>]*>(.*?)</textarea>', page, re.DOTALL).group(1)
    return json.loads(text.replace("&#34;", '"').replace("&amp;", "&").replace("&#39;", "'"))


def test_an_uploaded_configuration_becomes_a_layout_to_save(people, browser_of):
    form = {"title": "Our FOLIO file", "file": (io.BytesIO(CONFIGURATION.encode()), "export.json")}
    page = browser_of("editor").post(IMPORT, form, content_type="multipart/form-data")
    document = document_on(page.text)
    assert document["name"] == "Our FOLIO file"
    assert check_layout(document) == []
    assert "FOLIO moves exported fees to accounts" in words(page)


def test_the_layout_is_saved_like_any_other(people, browser_of):
    editor = browser_of("editor")
    read = editor.post(IMPORT, {"configuration": CONFIGURATION})
    form = {"text": json.dumps(document_on(read.text)), "save_as": "csusm-from-folio", "version": "0"}
    answer = editor.post(f"{SETTINGS}/layouts/ps-external-file", form, follow_redirects=True)
    assert "csusm-from-folio is saved as version 1." in words(answer)


def test_pasted_text_is_read_again_with_codes(people, browser_of):
    editor = browser_of("editor")
    first = editor.post(IMPORT, {"configuration": CONFIGURATION})
    assert OVERDUE in words(first)
    codes = "\n".join(f"{key} = {code}" for key, code in CODES.items())
    again = editor.post(IMPORT, {"configuration": CONFIGURATION, "codes": codes})
    assert OVERDUE not in json.dumps(document_on(again.text))
    assert "OVERDUEFINE" in json.dumps(document_on(again.text))


def test_filters_are_shown_as_settings(people, browser_of):
    criteria = negated({"type": "FeeType", "feeFineTypeId": OVERDUE})
    job = export([user(), fixed("\n")], filter=criteria)
    page = words(browser_of("editor").post(IMPORT, {"configuration": json.dumps(job)}))
    assert f"Never these fee types {OVERDUE}" in page


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"configuration": "{"}, "The file is not JSON"),
        ({"configuration": "{}"}, "no list “data”"),
        ({}, "The file is not JSON"),
        ({"configuration": CONFIGURATION, "codes": "nonsense"}, "Line 1 of the codes"),
    ],
)
def test_what_cannot_be_read_is_refused_and_stays_typed(people, browser_of, form, says):
    answer = browser_of("editor").post(IMPORT, form)
    assert answer.status_code == 422
    assert says in words(answer)
    assert form.get("codes", "") in answer.text


def test_who_may_not_change_layouts_may_not_import_one(people, browser_of):
    assert browser_of("viewer").get(IMPORT).status_code == 403
    assert browser_of("viewer").post(IMPORT, {"configuration": CONFIGURATION}).status_code == 403


def test_the_command_prints_the_layout_and_writes_the_filters(tmp_path):
    source, codes, filters = (tmp_path / name for name in ("export.json", "codes.txt", "settings.json"))
    source.write_text(
        json.dumps(
            saved({**positional(), "filter": {"type": "Age", "numDays": 7, "condition": "GREATER_THAN"}})
        )
    )
    codes.write_text("\n".join(f"{key} = {code}" for key, code in CODES.items()))
    runner = CliRunner()
    done = runner.invoke(
        layouts, ["import-folio", str(source), "--codes", str(codes), "--settings", str(filters)]
    )
    assert done.exit_code == 0
    assert check_layout(json.loads(done.stdout)) == []
    assert "missing: transfer:" in done.stderr
    assert json.loads(filters.read_text()) == {"bursar": {"age_min_days": 8}}


def test_the_command_refuses_what_is_no_export(tmp_path):
    source = tmp_path / "export.json"
    source.write_text("[]")
    refused = CliRunner().invoke(layouts, ["import-folio", str(source)])
    assert refused.exit_code == 1
    assert "0 configurations" in refused.output
