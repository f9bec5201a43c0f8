"""The five places of a campus, in the order of the rail."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the rail. ``key`` is what a page sets as ``place``; ``endpoint`` is the page it opens."""

    key: str
    label: str
    icon: str
    endpoint: str


CAMPUS_PLACES = (
    Place("home", "Home", "home", "campus.home"),
    Place("runs", "Runs", "player-play", "campus.runs"),
    Place("desk", "Desk", "inbox", "campus.desk"),
    Place("patrons", "People & payments", "users", "campus.patrons"),
    Place("settings", "Settings", "settings", "campus.settings"),
)
CONSORTIUM_PLACES = (
    Place("consortium", "Campuses", "building-community", "consortium.home"),
    Place("people", "People", "users", "consortium.people"),
)


def campus_places() -> list[Place]:
    """The campus's places that this version of the portal has a page for."""
    return [place for place in CAMPUS_PLACES if place.endpoint in current_app.view_functions]
