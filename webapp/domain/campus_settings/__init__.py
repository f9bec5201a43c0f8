"""What a campus can set: every field with its form, default, help and limits, declared once.

Pages build their forms from these declarations, the settings service checks and stores by them, and pipelines read
them with the defaults filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.domain.campus_settings.declare import Kind, Section, SettingField
from webapp.domain.campus_settings.parse import form_text, parse_dates, parse_section
from webapp.domain.campus_settings.sections import SECTIONS

__all__ = [
    "SECTIONS",
    "CampusSettings",
    "Kind",
    "Section",
    "SettingField",
    "form_text",
    "parse_dates",
    "parse_section",
]


@dataclass(frozen=True, slots=True)
class CampusSettings:
    """A campus's settings, every field present.

    ``alma_institution`` is the institution the consortium registered the campus with, "" where it registered none.
    """

    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    alma_institution: str = ""

    def __getitem__(self, section: str) -> Mapping[str, Any]:
        """One section with the defaults filled in. Raises: KeyError for a section that does not exist."""
        return {**SECTIONS[section].defaults(), **self.sections.get(section, {})}
