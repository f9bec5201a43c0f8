"""What the shell around every page needs: places, theme, and short ways to write addresses."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, g, request

from webapp.domain.identifiers import mask_id
from webapp.web.places import CONSORTIUM_PLACES, campus_places

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "feebridge_theme"
SPRITE = "vendor/tabler-icons-3.51.0/sprite.svg"


def register(app: Flask) -> None:
    """Hand the shell its values with every template."""

    @app.context_processor
    def shell_values() -> dict[str, Any]:
        return {
            "tenant": g.get("tenant"),
            "role": g.get("role", ""),
            "campus_places": campus_places,
            "consortium_places": CONSORTIUM_PLACES,
            "theme": theme(),
            "sprite": SPRITE,
            "place": "",
            "crumbs": (),
        }

    app.jinja_env.filters["mask_id"] = mask_id


def theme() -> str:
    """The reader's choice: light, dark, or auto (what the device prefers)."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def safe_next(target: str | None) -> str | None:
    """A path of this site to go to after signing in, or None for anything that could lead elsewhere."""
    if not target or not target.startswith("/") or len(target) > 2000:
        return None
    if target.startswith("//") or "\\" in target or any(ord(char) < 33 for char in target):
        return None
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else None
