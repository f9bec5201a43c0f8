"""Look at a campus's SFTP server: who it is, and with a confirmed key whether we get in. Nothing is written there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from webapp.adapters.errors import OutsideError, PermanentError
from webapp.adapters.sftp import SftpProbe, SftpTarget, probe
from webapp.adapters.sftp.listing import FolderListing, list_folder
from webapp.config import Settings
from webapp.models.scope import tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.change_settings import vault_of
from webapp.services.check_alma import CheckResult, note_test
from webapp.services.delivery_targets import open_sftp_secrets, sftp_target

# Somebody looks at a page and waits.
_STALL_S, _LIMIT_S = 15.0, 40.0


@dataclass(frozen=True, slots=True)
class DeliveryLook:
    """What a look at the server found.

    ``fingerprint`` is the key the server showed ("" when it was not reached), ``confirmed`` those a person has
    confirmed. A key that is not among them is to be compared before anything else: no credentials were sent then.
    """

    result: CheckResult
    host: str
    confirmed: tuple[str, ...]
    fingerprint: str = ""
    key_type: str = ""
    banner: str = ""
    listing: FolderListing | None = None
    listing_note: str = ""

    @property
    def must_confirm(self) -> bool:
        """Whether the server showed a key that nobody has confirmed yet."""
        return bool(self.fingerprint) and self.fingerprint not in self.confirmed


def test_delivery(tenant_id: int, settings: Settings, *, actor: Actor) -> DeliveryLook:
    """A look at the campus's server as its settings stand. The test is noted in the audit log."""
    with tenant_scope(tenant_id) as session:
        campus = campus_settings.read_all(session)
        secrets = open_sftp_secrets(session, vault_of(settings))
    look = look_at_server(sftp_target(settings, campus["delivery"], campus["files"], secrets))
    if look.host:
        note_test(tenant_id, "delivery", look.result, actor)
    return look


def look_at_server(target: SftpTarget) -> DeliveryLook:
    """A look at any server that settings name; nothing is noted."""
    confirmed = target.host_keys
    if not target.host:
        missing = CheckResult(["No SFTP host is set. Type it below and save, then test."], is_well=False)
        return DeliveryLook(missing, "", confirmed)
    return _look(replace(target, timeout_s=_STALL_S, transfer_limit_s=_LIMIT_S), confirmed)


def _look(target: SftpTarget, confirmed: tuple[str, ...]) -> DeliveryLook:
    try:
        found = probe(target)
    except PermanentError as err:
        if "seen" in err.evidence:
            return _changed_key(target, confirmed, err)
        return DeliveryLook(CheckResult([str(err)], is_well=False), target.host, confirmed)
    except OutsideError as err:
        return DeliveryLook(CheckResult([str(err)], is_well=False), target.host, confirmed)
    look = _reached(target, confirmed, found)
    if not look.result.is_well:
        return look
    try:
        return replace(look, listing=list_folder(target))
    except OutsideError as err:
        return replace(look, listing_note=str(err))


def _reached(target: SftpTarget, confirmed: tuple[str, ...], found: SftpProbe) -> DeliveryLook:
    return DeliveryLook(
        CheckResult([found.detail], is_well=bool(confirmed) and found.directory_ok),
        target.host,
        confirmed,
        fingerprint=found.fingerprint,
        key_type=found.key_type,
        banner=found.banner,
    )


def _changed_key(target: SftpTarget, confirmed: tuple[str, ...], err: PermanentError) -> DeliveryLook:
    """The server is not the one that was confirmed: show both keys, and nothing was sent."""
    unpinned = replace(target, host_keys=())
    try:
        found = probe(unpinned)
    except OutsideError:
        return DeliveryLook(CheckResult([str(err)], is_well=False), target.host, confirmed)
    return replace(_reached(target, confirmed, found), result=CheckResult([str(err)], is_well=False))
