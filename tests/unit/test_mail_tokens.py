from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.mail_tokens import (
    MAIL_FIELDS,
    TemplateError,
    check_template,
    fill,
    fill_subject,
    single_line,
    unknown_fields,
)


def test_fields_are_replaced_with_or_without_blanks_in_the_braces():
    filled = fill(
        "{{campus}}: {{ added_count }} added, {{campus}}", {"campus": "San Marcos", "added_count": "37"}
    )
    assert filled == "San Marcos: 37 added, San Marcos"


def test_a_text_without_fields_stays_as_it_is():
    text = "Nothing } } { { here }} but 100 % plain text.\r\n"
    assert fill(text, {}) == text


@given(st.text())
def test_a_value_is_inserted_verbatim_and_never_read_again(value):
    assert fill("<{{story}}>", {"story": value}) == f"<{value}>"


def test_a_field_inside_a_value_is_not_replaced():
    assert (
        fill("{{story}} {{campus}}", {"story": "{{campus}}", "campus": "Humboldt"}) == "{{campus}} Humboldt"
    )


def test_unknown_fields_are_listed_once_each_in_order():
    assert unknown_fields("{{total}} {{campus}} {{nobody}} {{total}} {{}}") == ["total", "nobody", ""]


def test_a_template_with_an_unknown_field_is_refused_with_the_list_of_fields():
    with pytest.raises(TemplateError) as caught:
        check_template("Dear {{bursar}}")
    assert caught.value.unknown == ("bursar",)
    assert "{{bursar}}" in caught.value.message
    assert all(f"{{{{{name}}}}}" in caught.value.message for name in MAIL_FIELDS)
    assert caught.value.known == tuple(MAIL_FIELDS)


@pytest.mark.parametrize(
    "template",
    [
        "{{campus|upper}}",
        "{{ campus.name }}",
        "{{1+1}}",
        "{{#if}}",
        "{{Campus}}",
        "{{campus()}}",
        "{{{campus}}}",
    ],
)
def test_there_is_no_logic_in_braces(template):
    with pytest.raises(TemplateError):
        fill(template, dict.fromkeys(MAIL_FIELDS, "x"))


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{campus", "line 1, column 1"),
        ("Hello\nDear {{campus}\n", "line 2, column 6"),
        ("{{campus}} {{run_date {{link}}", "line 1, column 12"),
        ("a\n\n  {{campus\n}}", "line 3, column 3"),
        ("{{" * 100_000, "line 1, column 1"),
    ],
)
def test_braces_that_are_not_closed_are_refused_with_their_place(template, place):
    with pytest.raises(TemplateError, match=place):
        check_template(template)


def test_a_field_without_a_value_stops_the_mail():
    with pytest.raises(TemplateError, match=r"no value for \{\{link\}\}"):
        fill("{{campus}} {{link}}", {"campus": "Humboldt"})


def test_every_field_can_be_filled_and_is_explained():
    template = " ".join(f"{{{{{name}}}}}" for name in MAIL_FIELDS)
    assert (
        fill(template, {name: name.upper() for name in MAIL_FIELDS})
        == template.replace("{", "").replace("}", "").upper()
    )
    assert all(explanation[0].isupper() for explanation in MAIL_FIELDS.values())


def test_a_subject_stays_one_line_whatever_a_value_holds():
    subject = fill_subject("Holds of {{campus}}", {"campus": "Humboldt\r\nBcc: everyone@example.edu"})
    assert subject == "Holds of Humboldt Bcc: everyone@example.edu"


@given(st.text())
def test_a_single_line_has_no_control_characters_and_no_blanks_at_its_ends(text):
    line = single_line(text)
    assert line == line.strip()
    assert line.isprintable()
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\u2029", "\0", "\t"])
def test_every_kind_of_line_end_becomes_a_space(end):
    assert single_line(f" a{end}b{end}{end}c ") == "a b c"
