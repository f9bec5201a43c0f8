"""Trying what is set: the Alma key, the source, and the SFTP server with its host key."""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp.adapters.errors import OutsideError
from webapp.adapters.files import FileStore
from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.settings import feebridge_settings, section_page
from webapp.services import test_delivery as delivery_service
from webapp.services import test_source as source_service
from webapp.services.campus_tokens import make_api_token, make_hook_token
from webapp.services.check_alma import check_alma
from webapp.services.confirm_host_key import HostKeyRefusedError, confirm_host_key, forget_host_key
from webapp.services.test_arrival import test_arrival
from webapp.services.violation_uploads import UploadTooLargeError, hand_in, upload_words

SERVERS = "any(delivery, arrival)"


@blueprint.post("/settings/alma/test")
@campus_role("editor")
def test_alma() -> ResponseReturnValue:
    """Whether the key works and belongs to the campus; nothing is changed in Alma."""
    look = check_alma(g.tenant.tenant_id, feebridge_settings(), actor=g.actor)
    return section_page("alma", look=look)


@blueprint.post("/settings/source/test")
@campus_role("editor")
def test_source() -> ResponseReturnValue:
    """The first page of the source: columns, age, cost."""
    look = source_service.test_source(
        g.tenant.tenant_id, feebridge_settings(), time_zone=g.tenant.time_zone, actor=g.actor
    )
    return section_page("source", look=look)


@blueprint.post("/settings/source/violations")
@campus_role("editor")
def upload_violations() -> ResponseReturnValue:
    """Take in the parking system's file; the next run reads it."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        return section_page("source", upload_fault="Choose the parking system's file first."), 422
    try:
        kept = hand_in(
            FileStore(feebridge_settings().files_url),
            g.tenant.tenant_id,
            upload.filename,
            cast("BinaryIO", upload.stream),
            g.actor,
        )
    except (UploadTooLargeError, OutsideError) as err:
        return section_page("source", upload_fault=str(err)), 422
    words = upload_words(kept, g.tenant.time_zone)
    flash(f"{words}: it is here, {kept['size']:,} bytes. Test the source to see how it reads.", "good")
    return redirect(url_for("campus.settings_section", section="source"), 303)


@blueprint.post(f"/settings/<{SERVERS}:section>/test")
@campus_role("editor")
def test_server(section: str) -> ResponseReturnValue:
    """The server's key and, once it is confirmed, whether we get in. Nothing is written there."""
    test = test_arrival if section == "arrival" else delivery_service.test_delivery
    return section_page(section, look=test(g.tenant.tenant_id, feebridge_settings(), actor=g.actor))


@blueprint.post(f"/settings/<{SERVERS}:section>/host-keys")
@campus_role("admin")
def add_host_key(section: str) -> ResponseReturnValue:
    """Trust a key that somebody compared: the one the server showed, or one announced early."""
    form = request.form
    if form.get("compared") != "yes":
        fault = "Nothing was confirmed: tick that you compared the fingerprint first."
        return section_page(section, key_fault=fault), 422
    try:
        keys = confirm_host_key(
            g.tenant.tenant_id,
            form.get("fingerprint", ""),
            host=form.get("host", ""),
            actor=g.actor,
            replaces_others=form.get("mode") == "replace",
            section=section,
        )
    except HostKeyRefusedError as err:
        return section_page(section, key_fault=str(err)), 422
    flash(
        f"Confirmed. {len(keys)} host key{' is' if len(keys) == 1 else 's are'} trusted now; test again.",
        "good",
    )
    return redirect(_server_page(section), 303)


@blueprint.post(f"/settings/<{SERVERS}:section>/host-keys/forget")
@campus_role("admin")
def remove_host_key(section: str) -> ResponseReturnValue:
    """Trust a key no longer."""
    try:
        keys = forget_host_key(
            g.tenant.tenant_id,
            request.form.get("fingerprint", ""),
            host=request.form.get("host", ""),
            actor=g.actor,
            section=section,
        )
    except HostKeyRefusedError as err:
        return section_page(section, key_fault=str(err)), 422
    what = "read" if section == "arrival" else "sent"
    more = "" if keys else f" None is left: nothing is {what} until one is confirmed."
    flash(f"The key is no longer trusted.{more}", "good")
    return redirect(_server_page(section), 303)


@blueprint.post("/settings/arrival/webhook-address")
@campus_role("admin")
def new_webhook_address() -> ResponseReturnValue:
    """Make the address that Alma is given; an older one stops being answered."""
    make_hook_token(g.tenant.tenant_id, g.actor)
    return redirect(url_for("campus.settings_section", section="arrival", _anchor="programs"), 303)


@blueprint.post("/settings/arrival/api-token")
@campus_role("admin")
def new_api_token() -> ResponseReturnValue:
    """Make the API's token and show it this once; an older one is no longer let in."""
    token = make_api_token(g.tenant.tenant_id, feebridge_settings(), g.actor)
    return section_page("arrival", new_token=token)


def _server_page(section: str) -> str:
    return url_for("campus.settings_section", section=section, _anchor="connection")
