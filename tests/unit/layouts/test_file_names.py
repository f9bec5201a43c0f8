"""File names come out the same for the same run, and are safe wherever they land."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from webapp.domain.layouts.file_names import (
    FileNameContext,
    FileNameError,
    check_pattern,
    file_name,
    with_suffix_on_collision,
)

RUN = FileNameContext(
    campus="csusm",
    kind="added",
    run_on=date(2025, 9, 4),
    run_at=datetime(2025, 9, 4, 18, 5, tzinfo=ZoneInfo("America/Los_Angeles")),
    sequence=12,
    hold_code="L01",
)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{campus}_holds_{kind}_{YYYY}{MM}{DD}.txt", "csusm_holds_added_20250904.txt"),
        ("bursar-converted-DEBITS-{DD}{MM}{YYYY}.dat", "bursar-converted-DEBITS-04092025.dat"),
        ("lib_{YY}{MM}{DD}a.dat", "lib_250904a.dat"),
        ("{HH}{mm}_{sequence}_{sequence:4}", "1805_12_0012"),
        ("holds_{hold_code}_{odd_even:o,e}.csv", "holds_L01_e.csv"),
        ("FIXED", "FIXED"),
    ],
)
def test_a_name_is_made_from_its_pattern(pattern, name):
    assert check_pattern(pattern) == []
    assert file_name(pattern, RUN) == name


def test_odd_sequence_numbers_take_the_first_word():
    assert file_name("{odd_even:odd,even}", replace(RUN, sequence=13)) == "odd"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "has 0 characters"),
        ("x" * 201, "has 201 characters"),
        ("../{kind}.txt", "holds /"),
        ("a\\b", "holds \\"),
        ("a:b", "holds :"),
        ("a\nb", "outside printable ASCII"),
        ("caf\u00e9", "outside printable ASCII"),
        (".hidden", "begins with '.'"),
        ("ends.", "ends with '.'"),
        ("-rf", "begins with '-'"),
        ("{year}.txt", "unknown token {year}"),
        ("{sequence:0}", "unknown token {sequence:0}"),
        ("{odd_even:/,e}", "unknown token"),
        ("{kind", "a single '{'"),
        ("kind}", "a single '}'"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern, words):
    (fault,) = check_pattern(pattern)

    assert words in fault
    with pytest.raises(FileNameError):
        file_name(pattern, RUN)


def test_every_unknown_token_is_named():
    assert len(check_pattern("{a}_{b}")) == 2


@pytest.mark.parametrize("campus", ["../../etc", "a\0b", "x" * 300])
def test_a_value_cannot_make_a_name_unsafe(campus):
    with pytest.raises(FileNameError, match=r"made from '\{campus\}'"):
        file_name("{campus}", replace(RUN, campus=campus))


def test_a_token_without_a_value_is_an_error_and_not_a_gap():
    with pytest.raises(FileNameError, match=r"asks for \{hold_code\}, and this file has none"):
        file_name("holds_{hold_code}.txt", replace(RUN, hold_code=None))


@pytest.mark.parametrize(
    ("name", "suffixed"),
    [("holds_added.txt", "holds_added_2.txt"), ("FIXED", "FIXED_2"), ("a.b.dat", "a.b_2.dat")],
)
def test_a_taken_name_gets_a_number_before_its_extension(name, suffixed):
    assert with_suffix_on_collision(name, 2) == suffixed


def test_a_number_never_makes_a_name_too_long():
    with pytest.raises(FileNameError, match="longer than 200"):
        with_suffix_on_collision("x" * 199, 10)
