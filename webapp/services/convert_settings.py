"""The settings file of an offline conversion: the same settings that a campus has in the portal, as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from webapp.domain.bursar import BursarPolicy
from webapp.domain.campus_settings import SECTIONS, SettingField, form_text, parse_section
from webapp.domain.identifiers import IdentifierError, check_slug

USUAL_ZONE: Final = "America/Los_Angeles"
_KEYS: Final = ("bursar", "tables", "calendars", "campus", "campus_name", "time_zone", "sequence")


class SettingsFileError(ValueError):
    """The settings file cannot be used; the message lists what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ConvertSettings:
    """What a conversion needs to know of a campus. ``tables`` and ``calendars`` replace the layout's of that name."""

    policy: BursarPolicy = field(
        default_factory=lambda: BursarPolicy.from_settings(SECTIONS["bursar"].defaults())
    )
    tables: Mapping[str, Any] = field(default_factory=dict)
    calendars: Mapping[str, Any] = field(default_factory=dict)
    campus: str = "campus"
    campus_name: str = ""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(USUAL_ZONE))
    sequence: int = 1


def read_settings_file(text: str) -> ConvertSettings:
    """The settings a JSON text holds; what it does not say is as in the portal before anybody changed it.

    Raises: SettingsFileError.
    """
    try:
        said = json.loads(text)
    except ValueError as err:
        raise SettingsFileError(f"it is not JSON: {err}") from err
    if not isinstance(said, dict):
        raise SettingsFileError(f"it must be one JSON object with {', '.join(_KEYS)}")
    faults = [f"{key}: is not known; there are {', '.join(_KEYS)}" for key in said if key not in _KEYS]
    bursar = _bursar(_object(said, "bursar", faults), faults)
    settings = ConvertSettings(
        policy=_policy(bursar, faults),
        tables=_object(said, "tables", faults),
        calendars=_object(said, "calendars", faults),
        campus=_campus(said.get("campus", "campus"), faults),
        campus_name=str(said.get("campus_name", "")),
        zone=_zone(said.get("time_zone", USUAL_ZONE), faults),
        sequence=_sequence(said.get("sequence", 1), faults),
    )
    if faults:
        raise SettingsFileError("; ".join(faults))
    return settings


def _object(said: Mapping[str, Any], key: str, faults: list[str]) -> Mapping[str, Any]:
    value = said.get(key, {})
    if isinstance(value, dict):
        return value
    faults.append(f"{key}: must be an object")
    return {}


def _bursar(given: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The section with defaults, checked by the declarations that the portal's pages are made of."""
    section = SECTIONS["bursar"]
    known = {declared.name: declared for declared in section.fields}
    faults += [f"bursar.{name}: is not known" for name in given if name not in known]
    raw = {}
    for name, declared in known.items():
        value = given.get(name, declared.default)
        if not _is_kind(declared, value):
            faults.append(f"bursar.{name}: must be a {type(declared.default).__name__}")
            value = declared.default
        raw[name] = form_text(declared, value)
    values, found = parse_section(section, raw)
    faults += [f"bursar.{name}: {words}" for name, words in found.items()]
    return section.defaults() | values


def _is_kind(declared: SettingField, value: Any) -> bool:
    if isinstance(declared.default, list):
        return isinstance(value, list) and all(isinstance(word, str) for word in value)
    return type(value) is type(declared.default)


def _policy(bursar: Mapping[str, Any], faults: list[str]) -> BursarPolicy:
    try:
        return BursarPolicy.from_settings(bursar)
    except ValueError as err:
        faults.append(f"bursar.campus_ids: {err}")
        return BursarPolicy()


def _campus(value: Any, faults: list[str]) -> str:
    if value == "campus":
        return "campus"
    try:
        return check_slug(str(value))
    except IdentifierError as err:
        faults.append(f"campus: {err}")
        return "campus"


def _zone(value: Any, faults: list[str]) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        faults.append(f"time_zone: {str(value)[:60]!r} is not a time zone such as {USUAL_ZONE}")
        return ZoneInfo(USUAL_ZONE)


def _sequence(value: Any, faults: list[str]) -> int:
    if type(value) is int and 1 <= value <= 10**9:
        return value
    faults.append("sequence: must be a whole number from 1")
    return 1
