"""How money, times, states and bytes are written on pages."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, g
from markupsafe import Markup, escape

from webapp.domain.money import format_cents

# Icon and kind of each state; the word comes from the state itself. A state is never told by colour alone.
STATE_LOOKS: dict[str, tuple[str, str]] = {
    "queued": ("clock", "quiet"),
    "pending": ("clock", "quiet"),
    "running": ("loader-2", "live"),
    "delivering": ("send", "live"),
    "awaiting_approval": ("hand-stop", "ask"),
    "succeeded": ("circle-check", "good"),
    "done": ("circle-check", "good"),
    "delivered": ("circle-check", "good"),
    "confirmed": ("circle-check", "good"),
    "active": ("circle-check", "good"),
    "nothing_to_send": ("circle-minus", "quiet"),
    "skipped": ("circle-minus", "quiet"),
    "failed": ("alert-triangle", "bad"),
    "bounced": ("alert-triangle", "bad"),
    "overdue": ("alert-triangle", "bad"),
    "unknown": ("alert-triangle", "ask"),
    "quarantined": ("alert-triangle", "ask"),
    "cancelled": ("ban", "quiet"),
    "inactive": ("ban", "quiet"),
    "invited": ("mail", "quiet"),
    "waiting": ("clock", "quiet"),
    "taken": ("loader-2", "live"),
    "refused": ("alert-triangle", "bad"),
    "duplicate": ("copy", "quiet"),
    "sending": ("send", "live"),
    "posted": ("circle-check", "good"),
    "unapplied": ("hand-stop", "ask"),
    "refund_due": ("clock", "ask"),
    "refunded": ("circle-check", "quiet"),
    "ignored": ("ban", "quiet"),
    "netted": ("circle-minus", "quiet"),
    "replaced": ("replace", "quiet"),
}
STATE_WORDS = {
    "queued": "Waiting to start",
    "awaiting_approval": "Needs approval",
    "succeeded": "Done",
    "nothing_to_send": "Nothing to send",
}
INVISIBLE = {" ": "·", "\t": "→\t", "\r": "␍", "\n": "␊\n", "\u00a0": "⍽", "\ufeff": "⟦BOM⟧", "\x00": "␀"}


def register(app: Flask) -> None:
    """Make the filters known to templates: money, when, campus_time, invisible, state_word, state_look."""
    app.jinja_env.filters.update(
        money=money,
        when=when,
        campus_time=campus_time,
        invisible=invisible,
        state_word=state_word,
        state_look=state_look,
    )


def money(cents: int | None) -> str:
    """Cents as dollars (``$1,204.50``, ``-$3.25``); a dash for no amount."""
    return "–" if cents is None else format_cents(cents)


def campus_time(at: datetime | None, zone: str | None = None, *, seconds: bool = False) -> str:
    """An aware time on the campus's wall clock with the zone: ``21 Nov 2026, 18:00 PST``; a dash for none."""
    if at is None:
        return "–"
    local = at.astimezone(_zone(zone))
    clock = "%H:%M:%S" if seconds else "%H:%M"
    return f"{local.day} {local.strftime(f'%b %Y, {clock} %Z')}"


def when(at: datetime | None, zone: str | None = None) -> Markup:
    """The same as a ``<time>`` element with the exact second and UTC on hover."""
    if at is None:
        return Markup("–")
    exact = f"{campus_time(at, zone, seconds=True)} ({at.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S')} UTC)"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), exact, campus_time(at, zone)
    )


def invisible(text: str) -> Markup:
    """A piece of a file with its blanks, tabs and line ends drawn; letters stay as they are."""
    # Escaping first adds no blank and no control character, so that one pass over the text is enough.
    return Markup(str(escape(text)).translate(_DRAWN))  # noqa: S704 - the text was escaped just now


class _Drawn(dict[int, str]):
    """How each character is drawn, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        drawn = char
        if char in INVISIBLE or not char.isprintable():
            mark = INVISIBLE.get(char, f"⟦{code:02X}⟧")
            shown = mark.rstrip("\t\n")
            drawn = f'<span class="fb-invisible">{shown}</span>{mark[len(shown) :]}'
        self[code] = drawn
        return drawn


_DRAWN = _Drawn()


def state_word(state: str) -> str:
    """A state in words: ``awaiting_approval`` is "Needs approval"."""
    return STATE_WORDS.get(state) or state.replace("_", " ").capitalize()


def state_look(state: str) -> tuple[str, str]:
    """A state's icon and kind (good, bad, ask, live or quiet)."""
    return STATE_LOOKS.get(state, ("info-circle", "quiet"))


def _zone(zone: str | None) -> ZoneInfo:
    name = zone or (g.tenant.time_zone if g.get("tenant") else "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
