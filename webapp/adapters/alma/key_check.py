"""What a key opens and whose it is, by Alma's own test calls, which change nothing.

GET /conf/test and GET /analytics/test name the institution (Ex Libris OpenAPI "conf" and "analytics").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.alma.answers import read_institution
from webapp.adapters.alma.records import KeyTest
from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError

if TYPE_CHECKING:
    from webapp.adapters.alma.calls import AlmaCalls

_AREAS = {"conf": "/conf/test", "analytics": "/analytics/test", "users": "/users/operation/test"}


def test_key(calls: AlmaCalls) -> KeyTest:
    """What the key opens.

    Raises:
        PermanentError: the key opens nothing at all.
        RetryableError: Alma could not be asked.
    """
    code, refusals = "", []
    opens = dict.fromkeys(_AREAS, False)
    for area, path in _AREAS.items():
        try:
            told = calls.get(f"/almaws/v1{path}", read_institution, what=f"testing the key's {area} area")
        except PermanentError as err:
            refusals.append(err)
        else:
            opens[area] = True
            code = code or told
    if not any(opens.values()):
        raise refusals[0]
    return _key_test(calls.config.institution_code, code, opens, can_write=_may_write(calls))


def check_institution(calls: AlmaCalls) -> str:
    """Passes unless Alma says that the key is another institution's; asks a second time where it lacks an area.

    Returns the institution that Alma named, "" when it named none.

    Raises:
        PermanentError: it is another institution's, or opens neither area. RetryableError: Alma could not be asked.
    """
    refusals = []
    for area in ("analytics", "conf"):
        try:
            told = calls.get(f"/almaws/v1{_AREAS[area]}", read_institution, what="asking whose key this is")
        except PermanentError as err:
            refusals.append(err)
            continue
        expected = calls.config.institution_code
        if told and told != expected:
            raise PermanentError(
                f"The Alma key in the settings belongs to {told}, not to {expected}. No fee was read and nothing was "
                "changed. Type the campus's own key into the settings, page Alma.",
                evidence={"expected": expected, "found": told},
            )
        return told
    raise refusals[0]


def _may_write(calls: AlmaCalls) -> bool:
    try:
        calls.post(f"/almaws/v1{_AREAS['users']}", lambda _answer: None, what="testing the key for writing")
    except PermanentError:
        return False
    except UnknownOutcomeError as err:  # the test call changes nothing, so not knowing is harmless
        raise RetryableError(
            "Alma did not answer the test for writing; try again later.", evidence=err.evidence
        ) from err
    return True


def _key_test(expected: str, found: str, opens: dict[str, bool], *, can_write: bool) -> KeyTest:
    problems = []
    belongs = found == expected
    if not found:
        problems.append("Alma did not tell whose key this is, so it could not be checked.")
    elif not belongs:
        problems.append(f"The key belongs to {found}, not to {expected}.")
    if not opens["users"]:
        problems.append("The key may not read users and their fees.")
    elif not can_write:
        problems.append("The key may only read: fees can be exported, but payments cannot be posted.")
    if not opens["analytics"]:
        problems.append("The key may not read Analytics reports.")
    return KeyTest(found, opens["users"], can_write, opens["analytics"], belongs, tuple(problems))
