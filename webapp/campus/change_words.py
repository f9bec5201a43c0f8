"""The trail of changes as people read it: who did what, and each field before and after."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.domain.campus_settings import SECTIONS, SettingField, form_text
from webapp.domain.schedule import ScheduleError, describe, rule_from_json
from webapp.models import AuditEvent

_LONG = 120
ACTIONS = {
    "settings.changed": "Changed",
    "settings.tested": "Tested",
    "secret.changed": "Replaced",
    "secret.removed": "Removed",
    "schedule.saved": "Schedule saved",
    "layout.saved": "Layout saved",
    "mail.tested": "Test mail sent",
    "member.added": "Member added",
    "member.removed": "Member removed",
    "member.role_changed": "Role changed",
    "member.invited": "Invitation made",
    "person.invited": "Invitation made",
    "release.granted": "Hold released for a time",
    "release.ended": "Temporary release ended",
    "register.exported": "List of holds downloaded",
    "file.downloaded": "File downloaded",
}
_SECRETS = {
    field.name: field.label for s in SECTIONS.values() for field in s.fields if field.kind == "secret"
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, in words; ``is_long`` texts are better unfolded on demand."""

    label: str
    before: str
    after: str

    @property
    def is_long(self) -> bool:
        """Whether either side is more than a line."""
        return any(len(text) > _LONG or "\n" in text for text in (self.before, self.after))


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One event of the trail."""

    n: int
    at: datetime
    actor: str
    what: str
    fields: tuple[FieldChange, ...]
    note: str = ""


def change_lines(events: Iterable[AuditEvent]) -> list[ChangeLine]:
    """Events of the audit log as lines."""
    return [_line(event) for event in events]


def _line(event: AuditEvent) -> ChangeLine:
    after = event.after or {}
    if event.action == "settings.tested":
        verdict = "well" if after.get("is_well") else "not well"
        return ChangeLine(
            event.n,
            event.at,
            event.actor,
            f"{_subject(event)} tested: {verdict}",
            (),
            str(after.get("said", "")),
        )
    what = f"{ACTIONS.get(event.action, event.action.replace('.', ' ').capitalize())}: {_subject(event)}"
    is_section = event.subject in SECTIONS
    fields = _section_fields(event) if is_section else _plain_fields(event.before or {}, after)
    note = "Saved as it was." if event.action == "settings.changed" and not fields else ""
    return ChangeLine(event.n, event.at, event.actor, what, fields, note)


def _subject(event: AuditEvent) -> str:
    if event.subject in SECTIONS:
        return SECTIONS[event.subject].title
    if event.subject in _SECRETS:
        return _SECRETS[event.subject]
    kind, _, name = event.subject.partition("/")
    if kind == "schedule":
        return name.replace("_", " ")
    return f"{kind} {name}".strip()


def _section_fields(event: AuditEvent) -> tuple[FieldChange, ...]:
    declared = {field.name: field for field in SECTIONS[event.subject].fields}
    before, after = event.before or {}, event.after or {}
    return tuple(
        FieldChange(
            declared[name].label if name in declared else name,
            shown(declared.get(name), before.get(name)),
            shown(declared.get(name), after.get(name)),
        )
        for name in after
    )


def _plain_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    names = dict.fromkeys([*before, *after])
    return tuple(
        FieldChange(name.replace("_", " ").capitalize(), _plain(name, before), _plain(name, after))
        for name in names
        if before.get(name) != after.get(name)
    )


def _plain(name: str, values: Mapping[str, Any]) -> str:
    """A value that no setting declares; a schedule's rule in words."""
    if name == "rule" and isinstance(values.get(name), dict):
        with contextlib.suppress(ScheduleError):
            return describe(rule_from_json(values[name]))
    return shown(None, values.get(name))


def shown(declared: SettingField | None, value: Any) -> str:
    """A stored value as people read it; "–" for nothing."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if declared is None:
        return ", ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
    text = form_text(declared, value)
    if declared.kind == "choice":
        return str(dict(declared.choices).get(value, text))
    if declared.kind in {"words", "emails", "json_map"}:
        return text.replace("\n", ", ")
    return f"${text}" if declared.kind == "cents" else text
