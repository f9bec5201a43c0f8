from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.identifiers import IdentifierError, check_slug, clean_emplid, mask_id


def test_an_emplid_keeps_its_leading_zeros():
    assert clean_emplid(" 012345678 ", digits=9, pad=False) == "012345678"


def test_leading_zeros_that_a_spreadsheet_dropped_are_put_back_when_the_campus_asks():
    assert clean_emplid("12345678", digits=9, pad=True) == "012345678"


def test_a_short_emplid_is_refused_when_the_campus_does_not_pad():
    with pytest.raises(IdentifierError, match=r"…5678 has 8 digits; this campus's EMPLIDs have 9"):
        clean_emplid("12345678", digits=9, pad=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "\t\n",
        "0123456789",
        "12345678A",
        "1234-5678",
        "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
        "\u00b212345678",
        "1.23457E+08",
        "12345678.0",
        "000000000",
        "0",
    ],
)
def test_what_cannot_be_a_nine_digit_emplid_is_refused(text):
    with pytest.raises(IdentifierError):
        clean_emplid(text, digits=9, pad=True)


def test_without_a_width_letters_are_allowed():
    assert clean_emplid("AB-12.c_3", digits=None, pad=False) == "AB-12.c_3"


@pytest.mark.parametrize(
    "text", ["12345678901234", "a b", "a,b", "=1+1", "-5", "é1", "a\x00", "000", "1.2E+8"]
)
def test_without_a_width_an_id_still_has_to_fit_peoplesoft(text):
    with pytest.raises(IdentifierError):
        clean_emplid(text, digits=None, pad=False)


def test_a_refusal_masks_the_id():
    with pytest.raises(IdentifierError) as caught:
        clean_emplid("9876543210", digits=9, pad=True)
    assert "987654" not in str(caught.value)
    assert "…3210" in str(caught.value)


def test_a_masked_id_shows_its_last_four():
    assert mask_id("000456789") == "…6789"


@given(st.text(max_size=30))
def test_a_masked_id_never_shows_more_than_half(text):
    shown = mask_id(text).removeprefix("…")
    assert len(shown) <= min(4, len(text) // 2)
    assert shown.isprintable()


@pytest.mark.parametrize("slug", ["csusm", "humboldt", "san-marcos", "cal-poly-2", "ab"])
def test_a_campus_name_fit_for_addresses_passes(slug):
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "CSUSM",
        "-ab",
        "ab-",
        "a--b",
        "1ab",
        "a_b",
        "a/b",
        "..",
        "ab\n",
        "é-ab",
        "x" * 31,
        "static",
        "api",
    ],
)
def test_a_campus_name_unfit_for_addresses_is_refused(slug):
    with pytest.raises(IdentifierError):
        check_slug(slug)
