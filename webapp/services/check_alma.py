"""Ask Alma whether the campus's key works, what it opens, and whether it is the campus's own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from webapp.adapters.alma.records import KeyTest
from webapp.adapters.errors import OutsideError
from webapp.config import Settings
from webapp.models.scope import tenant_scope
from webapp.services import audit, campus_settings
from webapp.services.audit import SYSTEM, Actor
from webapp.services.change_settings import vault_of
from webapp.services.open_alma import open_alma


@dataclass(frozen=True, slots=True)
class CheckResult:
    """``lines`` are sentences for a person, the verdict first; ``is_well``: runs can use what was checked."""

    lines: list[str]
    is_well: bool


def check_alma(tenant_id: int, settings: Settings, *, actor: Actor = SYSTEM) -> CheckResult:
    """The verdict of Alma's own test calls, which change nothing there. The test is noted in the audit log."""
    with tenant_scope(tenant_id) as session:
        campus = campus_settings.read_all(session)
        api_key = campus_settings.open_secret(session, vault_of(settings), "alma_api_key")
    needs_analytics = campus["source"]["kind"] == "analytics"
    try:
        with contextlib.closing(open_alma(settings, campus, api_key, person_waits=True)) as client:
            result = _judge(client.test_key(), needs_analytics=needs_analytics)
    except OutsideError as err:
        result = CheckResult([str(err)], is_well=False)
    note_test(tenant_id, "alma", result, actor)
    return result


def note_test(tenant_id: int, section: str, result: CheckResult, actor: Actor) -> None:
    """Write down that a section was tested, and how it went; the set-up list on the settings page reads it."""
    with tenant_scope(tenant_id) as session:
        audit.record(
            session,
            actor=actor,
            action="settings.tested",
            subject=section,
            after={"is_well": result.is_well, "said": result.lines[0] if result.lines else ""},
        )
        session.commit()


def _judge(test: KeyTest, *, needs_analytics: bool) -> CheckResult:
    is_well = test.belongs and test.can_read and (test.can_read_analytics or not needs_analytics)
    opens = {
        "Users and their fees": test.can_read,
        "Analytics reports": test.can_read_analytics,
        "Posting payments": test.can_write,
    }
    verdict = (
        f"The key works and belongs to {test.institution_code}."
        if is_well
        else "The key cannot be used as it is."
    )
    return CheckResult(
        [verdict, *test.problems, *(f"{what}: {'yes' if may else 'no'}." for what, may in opens.items())],
        is_well=is_well,
    )
