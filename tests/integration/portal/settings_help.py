"""What the tests of settings pages share: forms as the pages send them, pages as people read them, queries counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import event

from webapp.domain.campus_settings import SECTIONS, form_text
from webapp.models import db
from webapp.models.scope import tenant_scope
from webapp.services import campus_settings
from webapp.services.change_settings import vault_of

SETTINGS = "/c/csusm/settings"


def form_of(section: str, **typed: str) -> dict[str, str]:
    """What the page of a section sends when nothing but ``typed`` was changed on a campus that is new."""
    fields = [f for f in SECTIONS[section].fields if f.kind != "secret" and f.name != "sftp_host_keys"]
    form = {f.name: form_text(f, f.default) for f in fields if f.kind != "flag" or f.default}
    return {"version": "0", **form, **typed}


def words(answer: Any) -> str:
    """The text that a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def stored(app: Flask, tenant_id: int, section: str) -> dict[str, Any]:
    """A section as it is stored, defaults filled in."""
    with app.app_context(), tenant_scope(tenant_id) as session:
        return campus_settings.read_section(session, section)[0]


def secret(app: Flask, tenant_id: int, name: str) -> str | None:
    """The plain text of a secret."""
    with app.app_context(), tenant_scope(tenant_id) as session:
        return campus_settings.open_secret(session, vault_of(app.config["FEEBRIDGE"]), name)


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements sent to PostgreSQL while the block lasts."""
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "set_config" not in statement:
            statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", count)
