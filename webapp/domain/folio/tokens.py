"""FOLIO's tokens as pieces of a layout's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webapp.domain.folio.filters import Codes, condition_of
from webapp.domain.folio.job import objects, text_of, whole_of
from webapp.domain.folio.notes import Notes

# FOLIO's kinds of date: the pattern, its width where it has one, and whether FOLIO writes it without leading zeros
# where the pattern has them.
_DATES: Final[dict[str, tuple[str, int | None, bool]]] = {
    "YEAR_LONG": ("YYYY", 4, False),
    "YEAR_SHORT": ("YY", 2, False),
    "MONTH": ("M", None, False),
    "DATE": ("D", None, False),
    "HOUR": ("HH", 2, True),
    "MINUTE": ("mm", 2, True),
    "SECOND": ("ss", 2, True),
    "QUARTER": ("Q", 1, False),
    "WEEK_OF_YEAR_ISO": ("WW", 2, True),
    "WEEK_YEAR_ISO": ("GGGG", 4, False),
    "DAY_OF_YEAR": ("DDD", 3, True),
    "YYYYMMDD": ("YYYYMMDD", 8, False),
    "YYYY-MM-DD": ("YYYY-MM-DD", 10, False),
    "MMDDYYYY": ("MMDDYYYY", 8, False),
    "DDMMYYYY": ("DDMMYYYY", 8, False),
}
_CLOCK: Final = frozenset({"HOUR", "MINUTE", "SECOND"})
# A field of ours for FOLIO's value, and what is different about it.
_ITEM: Final[dict[str, tuple[str, str]]] = {
    "BARCODE": ("item_barcode", ""),
    "NAME": ("item_title", ""),
    "INSTITUTION_ID": ("institution", "Alma's institution code, not FOLIO's id"),
    "LIBRARY_ID": ("item_library", "Alma's library, not FOLIO's id"),
    "LOCATION_ID": ("item_location", "Alma's location, not FOLIO's id"),
}
_USER: Final[dict[str, tuple[str, str]]] = {
    "EXTERNAL_SYSTEM_ID": ("emplid", ""),
    "USERNAME": ("patron_id", "the id that Alma's profile writes, not FOLIO's user name"),
    "FOLIO_ID": ("patron_id", "the id that Alma's profile writes, not FOLIO's id"),
    "PATRON_GROUP_ID": ("patron_group", "Alma's user group, not FOLIO's id"),
    "LAST_NAME": ("patron_name", "Alma's file has the whole name in one, as it is written there"),
}
_IDS: Final = ("emplid", "patron_id")
_FEE_DATES: Final = {"CREATED": "transaction", "UPDATED": "transaction", "DUE": "due"}


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a line. ``text`` is a constant's; ``width`` is what it always takes, None where that varies."""

    name: str
    piece: dict[str, Any] = field(default_factory=dict)
    text: str | None = None
    width: int | None = None


class TokenReader:
    """Reads the tokens of one export; ``by_patron``: a line stands for a patron."""

    def __init__(self, codes: Codes, notes: Notes, *, by_patron: bool) -> None:
        self._codes = codes
        self._notes = notes
        self._by_patron = by_patron

    def read(self, token: Mapping[str, Any], place: str) -> Token:  # noqa: PLR0911 - one case per kind of token
        """One token; what has no equal becomes its placeholder, with a note."""
        kind = text_of(token, "type")
        match kind:
            case "Constant":
                return constant(text_of(token, "value"))
            case "Conditional":
                return self._conditional(token, place)
            case "CurrentDate":
                return self._dated(token, place, {"date": "run"}, "Date", has_clock=True)
            case "FeeDate" if not self._by_patron:
                return self._fee_date(token, place)
            case "Aggregate" | "FeeAmount":
                return self._amount(token, place, kind)
            case "FeeMetadata" if not self._by_patron:
                if text_of(token, "value") in {"FEE_FINE_TYPE_ID", "ID"}:
                    self._notes.changed(place, "The fee type's id becomes Alma's code of the fee type.")
                return self._field(token, place, "fee_type", "Fee type")
            case "ItemData" if not self._by_patron:
                return self._looked_up(token, place, _ITEM)
            case "UserData" | "UserDataOptional":
                return self._looked_up(token, place, _USER)
        self._notes.missing(place, f"The token {kind or '(none)'} is left out; nothing stands there.")
        return constant("")

    def _looked_up(self, token: Mapping[str, Any], place: str, known: Mapping[str, tuple[str, str]]) -> Token:
        value = text_of(token, "value")
        title = value.replace("_", " ").capitalize()
        if value not in known:
            shown = text_of(token, "placeholder")
            words = f"“{title}” is not in Alma's file; its placeholder {shown!r} is always written."
            self._notes.missing(place, words)
            return self._sized(token, place, title, {"value": {"const": shown}}, None)
        name, differs = known[value]
        if differs:
            self._notes.changed(place, f"“{title}” becomes the field {name}: {differs}.")
        return self._field(token, place, name, title)

    def _field(self, token: Mapping[str, Any], place: str, name: str, title: str) -> Token:
        piece: dict[str, Any] = {"value": {"field": name}}
        if placeholder := text_of(token, "placeholder"):
            piece["fallback"] = placeholder
        elif name in _IDS:
            piece["required"] = True
        return self._sized(token, place, title, piece, None)

    def _amount(self, token: Mapping[str, Any], place: str, kind: str) -> Token:
        in_line = place.startswith("data")
        if kind == "Aggregate" and text_of(token, "value") == "NUM_ROWS":
            value = {"field": "item_count"} if in_line else {"aggregate": "count"}
            return self._sized(token, place, "Count", {"value": value}, None, is_number=True)
        value = {"field": "amount_cents"} if in_line else {"aggregate": "total"}
        piece: dict[str, Any] = {"value": value}
        if not token.get("decimal"):
            piece["amount"] = {"decimals": "implied"}
        return self._sized(token, place, "Amount" if in_line else "Total", piece, None, is_number=True)

    def _fee_date(self, token: Mapping[str, Any], place: str) -> Token:
        which, form = text_of(token, "property"), text_of(token, "value")
        stem, wants_clock = _FEE_DATES.get(which), form in _CLOCK
        if stem is None or (stem == "due" and wants_clock):
            shown = text_of(token, "placeholder")
            words = f"The fee's date {which or '(none)'} is not in Alma's file; its placeholder {shown!r} is always written."
            self._notes.missing(place, words)
            return self._sized(token, place, "Fee date", {"value": {"const": shown}}, None)
        if which == "UPDATED":
            self._notes.changed(place, "The day a fee was changed becomes the day of its transaction.")
        value = {"date": f"{stem}_{'at' if wants_clock else 'on'}"}
        title = "Due date" if stem == "due" else "Fee date"
        return self._dated(token, place, value, title, has_clock=wants_clock)

    def _dated(
        self, token: Mapping[str, Any], place: str, value: dict[str, str], title: str, *, has_clock: bool
    ) -> Token:
        form, zone = text_of(token, "value"), text_of(token, "timezone")
        if form not in _DATES:
            self._notes.missing(
                place, f"The form of date {form or '(none)'} is not known here; it is left out."
            )
            return constant("")
        pattern, width, is_bare = _DATES[form]
        piece: dict[str, Any] = {"value": value, "date_format": pattern}
        if has_clock and zone and self._is_zone(zone, place):
            piece["date_zone"] = zone
        elif zone and not has_clock:
            self._notes.changed(place, f"A fee's day is the campus's own; the time zone {zone} is left out.")
        if placeholder := text_of(token, "placeholder"):
            piece["fallback"] = placeholder
        control = token.get("lengthControl")
        has_zeros = isinstance(control, Mapping) and (
            control.get("character"), control.get("length"), control.get("direction"),
        ) == ("0", width, "FRONT")  # fmt: skip
        if is_bare and not has_zeros:
            self._notes.changed(place, f"{form.replace('_', ' ').lower()} is written with leading zeros.")
        return self._sized(token, place, title, piece, None if placeholder else width)

    def _is_zone(self, zone: str, place: str) -> bool:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._notes.changed(place, f"There is no time zone {zone[:60]!r}; the campus's own is used.")
            return False
        return True

    def _conditional(self, token: Mapping[str, Any], place: str) -> Token:
        branches: list[dict[str, Any]] = []
        texts: list[str] = []
        otherwise = text_of(_member(token, "else"), "value")
        for branch in objects(token, "conditions"):
            condition = condition_of(_member(branch, "condition"), self._codes, self._notes, place)
            text = text_of(_member(branch, "value"), "value")
            if condition is True:
                otherwise = text
                break
            if isinstance(condition, dict):
                branches.append({"when": condition, "then": text})
                texts.append(text)
        if not branches:
            return constant(otherwise)
        sizes = {len(text) for text in (*texts, otherwise)}
        piece = {"value": {"first_of": branches, "otherwise": otherwise}}
        return Token("Code", piece, width=sizes.pop() if len(sizes) == 1 else None)

    def _sized(
        self,
        token: Mapping[str, Any],
        place: str,
        name: str,
        piece: dict[str, Any],
        width: int | None,
        *,
        is_number: bool = False,
    ) -> Token:
        """The token with its length control, which pads and cuts."""
        control = token.get("lengthControl")
        length = whole_of(control, "length") if isinstance(control, Mapping) else None
        if not isinstance(control, Mapping) or not length or not 1 <= length <= 9_999:
            return Token(name, piece, width=width)
        is_front = text_of(control, "direction") == "FRONT"
        shaping: dict[str, Any] = {"width": length, "justify": "right" if is_front else "left"}
        pad = text_of(control, "character")[:1] or " "
        if not (pad.isascii() and pad.isprintable()) or pad == '"':
            self._notes.changed(place, f"Filled with blanks: {pad!r} cannot fill a column here.")
            pad = " "
        if is_number and not is_front and pad.isdigit():
            self._notes.changed(place, "Filled in front: digits behind a number would change it.")
            shaping["justify"] = "right"
        shaping["pad"] = pad
        if is_number:
            self._notes.changed(
                place, f"A number longer than {length} is never cut; such a fee waits at the desk."
            )
        elif piece["value"].get("field") in _IDS:
            self._notes.changed(
                place,
                f"An id longer than {length} is never cut, it would be somebody else's; it waits at the desk.",
            )
        elif control.get("truncate", True):
            shaping["overflow"] = "cut_left" if is_front else "cut_right"
        else:
            self._notes.changed(
                place, f"A value longer than {length} waits at the desk; FOLIO lets it run over."
            )
        return Token(name, {**piece, **shaping}, width=length)


def constant(text: str) -> Token:
    """Text that stands as it is."""
    return Token("Text", text=text, width=len(text))


def _member(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = of.get(key)
    return found if isinstance(found, Mapping) else {}
