"""Is this process alive, and is it ready to answer people?"""

from __future__ import annotations

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from webapp.adapters.errors import PermanentError
from webapp.adapters.vault import Vault
from webapp.config import Settings
from webapp.migrate import current_revision, head_revision
from webapp.models import db
from webapp.web.open_pages import open_to_all

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
@open_to_all
def livez() -> ResponseReturnValue:
    """200 while the process lives."""
    return {"alive": True}


@blueprint.get("/readyz")
@open_to_all
def readyz() -> ResponseReturnValue:
    """200 when the database answers at the newest schema and the vault's keys work, else 503 with the part.

    Redis and the outside systems do not count: pages work without them.
    """
    parts = {"database": _database_fault(), "vault": _vault_fault(current_app.config["FEEBRIDGE"])}
    faults = {part: fault for part, fault in parts.items() if fault}
    return {"ready": not faults, "faults": faults}, 503 if faults else 200


def _database_fault() -> str:
    try:
        with db.engine.connect() as connection:
            found = current_revision(connection)
    except SQLAlchemyError:
        return "no answer"
    return "" if found == head_revision() else "the schema is not the newest; run “feebridge migrate”"


def _vault_fault(settings: Settings) -> str:
    try:
        vault = Vault(settings.vault_keys, settings.vault_active_key)
        sealed = vault.seal("ready", tenant_id=0, table="readyz", row=0, field="probe")
        vault.open(sealed, tenant_id=0, table="readyz", row=0, field="probe")
    except PermanentError:
        return "the active key cannot be used"
    return ""
