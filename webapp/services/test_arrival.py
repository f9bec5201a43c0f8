"""Look at the place where a campus's files arrive: whether we get in, and what would be read. Nothing is changed there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from webapp.adapters.errors import OutsideError
from webapp.adapters.sftp.listing import FolderEntry, FolderListing
from webapp.config import Settings
from webapp.domain.arrivals import is_wanted
from webapp.models import Tenant
from webapp.models.scope import tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.change_settings import vault_of
from webapp.services.check_alma import CheckResult, note_test
from webapp.services.delivery_targets import arrival_target, open_arrival_secrets
from webapp.services.test_delivery import DeliveryLook, look_at_server
from webapp.services.watched_folder import WatchedFolder

FILES_SHOWN = 10


def test_arrival(tenant_id: int, settings: Settings, *, actor: Actor) -> DeliveryLook:
    """A look at the place as the settings stand, with the files that are the campus's. Noted in the audit log."""
    with tenant_scope(tenant_id) as session:
        arrival = campus_settings.read_all(session)["arrival"]
        secrets = open_arrival_secrets(session, vault_of(settings))
        slug = session.get_one(Tenant, tenant_id).slug
    if arrival["place"] == "none":
        words = "No place is set to look at: files are uploaded, or sent to the API."
        return DeliveryLook(CheckResult([words], is_well=True), "", ())
    if arrival["place"] == "folder":
        look = _look_at_folder(WatchedFolder(settings.inbound_root, slug), arrival["profile_code"])
    else:
        look = look_at_server(arrival_target(settings, arrival, secrets))
        look = _only_wanted(look, arrival["profile_code"])
    note_test(tenant_id, "arrival", look.result, actor)
    return look


def _look_at_folder(folder: WatchedFolder, profile_code: str) -> DeliveryLook:
    try:
        found = folder.look(partial(is_wanted, profile_code=profile_code))
    except OutsideError as err:
        return DeliveryLook(CheckResult([str(err)], is_well=False), "", ())
    entries = [FolderEntry(one.name, one.size, one.modified_at) for one in reversed(found)]
    listing = FolderListing(len(entries), tuple(entries[:FILES_SHOWN]))
    words = f"The {folder.place} is there and can be read. Nothing was changed."
    return DeliveryLook(CheckResult([words], is_well=True), "", (), listing=listing)


def _only_wanted(look: DeliveryLook, profile_code: str) -> DeliveryLook:
    """Other people's files in the folder are no business of this page."""
    if look.listing is None:
        return look
    wanted = tuple(entry for entry in look.listing.newest if is_wanted(entry.name, profile_code))
    others = len(look.listing.newest) - len(wanted)
    note = f" {others} other {'file' if others == 1 else 'files'} there would not be read." if others else ""
    lines = [look.result.lines[0] + note, *look.result.lines[1:]]
    return replace(
        look,
        listing=FolderListing(len(wanted), wanted),
        result=CheckResult(lines, is_well=look.result.is_well),
    )
