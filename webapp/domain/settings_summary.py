"""Each section of a campus's settings in one line, and what it still lacks before a run can use it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webapp.domain.campus_settings import SECTIONS, CampusSettings
from webapp.domain.money import format_cents

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class SectionSummary:
    """``line`` says what is set; ``missing`` what stands in the way, a sentence each."""

    name: str
    title: str
    line: str
    missing: tuple[str, ...] = ()


def summarise(settings: CampusSettings, secrets: Collection[str]) -> dict[str, SectionSummary]:
    """Every section by name. ``secrets`` are the names of those that are set."""
    found = {}
    for name, declared in SECTIONS.items():
        values = settings[name]
        missing = [
            f"{field.label} is empty."
            for field in declared.fields
            if field.required and field.kind != "secret" and not values[field.name]
        ]
        found[name] = SectionSummary(
            name,
            declared.title,
            _LINES[name](values),
            (*missing, *_MISSING.get(name, _nothing)(settings, secrets)),
        )
    return found


def _alma(values: Mapping[str, Any]) -> str:
    host = urlsplit(values["base_url"]).netloc or values["base_url"]
    code = values["institution_code"] or "No institution"
    return f"{code} at {host}, at most {values['calls_per_second']} calls a second."


def _source(values: Mapping[str, Any]) -> str:
    kind = str(dict(SECTIONS["source"].field("kind").choices)[values["kind"]])
    if values["kind"] == "analytics":
        kind += f" {values['report_path']}, refused when older than {values['stale_after_h']} hours"
    elif values["kind"] == "sis_export":
        kind += f", looking back {values['hours_back']} hours"
    if values["kind"] in {"analytics", "violations_file"}:
        return f"{kind}."
    return f"{kind}. EMPLID is in {values['emplid_from']}."


def _policy(values: Mapping[str, Any]) -> str:
    triggers = values["trigger_types"]
    what = (
        "Any unpaid fee places a hold"
        if not triggers
        else f"{_named(triggers, 'fee types')} {'places' if len(triggers) == 1 else 'place'} a hold"
    )
    if values["minimum_total_cents"]:
        what += f" from {format_cents(values['minimum_total_cents'])}"
    if values["grace_days"]:
        what += f" after {values['grace_days']} days of grace"
    if values["exempt_groups"]:
        what += f"; exempt: {_named(values['exempt_groups'], 'groups')}"
    return f"{what}. {dict(SECTIONS['policy'].field('style').choices)[values['style']]}."


def _mapping(values: Mapping[str, Any]) -> str:
    code = values["hold_code"] + (f" / {values['hold_reason']}" if values["hold_reason"] else "")
    others = len(values["codes_by_type"])
    if not others:
        return f"Service indicator {code} for every fee type."
    return f"Service indicator {code}; other codes for {others} fee type{'' if others == 1 else 's'}."


def _files(values: Mapping[str, Any]) -> str:
    return f"Layout {values['layout']}, named {values['file_name']}."


def _delivery(values: Mapping[str, Any]) -> str:
    ways = []
    if values["sftp_enabled"]:
        folder = f", folder {values['sftp_directory']}" if values["sftp_directory"] else ""
        ways.append(f"SFTP to {values['sftp_host'] or 'a host not named yet'}{folder}")
    if values["mail_enabled"]:
        ways.append("mail to the people under Notification")
    if not ways:
        return "Files stay here for download; nothing is sent."
    sentence = " and ".join(ways)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _notification(values: Mapping[str, Any]) -> str:
    if not values["recipients"]:
        return "Nobody is told."
    carries = "files attached" if values["attach_files"] else "a link that needs a log-in"
    return f"{_named(values['recipients'], 'people')}; {carries}."


def _mail_template(values: Mapping[str, Any]) -> str:
    return f"Subject: {values['subject']}"


def _bursar(values: Mapping[str, Any]) -> str:
    parts = [f"Layout {values['layout']}"]
    if values["cutoff_minutes"]:
        parts.append(f"leaves after {values['cutoff_minutes']} minutes in which a fee can be recalled")
    if values["four_eyes_cents"]:
        parts.append(f"two people agree above {format_cents(values['four_eyes_cents'])}")
    return f"{'; '.join(parts)}."


def _charge_maps(values: Mapping[str, Any]) -> str:
    named = [*values["tables"], *values["calendars"]]
    return (
        f"Your own rows for {_named(named, 'tables and calendars')}." if named else "As the layout has them."
    )


def _arrival(values: Mapping[str, Any]) -> str:
    places = {
        "none": "Files are uploaded or sent",
        "sftp": f"SFTP at {values['sftp_host'] or 'a host not named yet'}",
        "folder": "The watched folder of this campus",
    }
    return f"{places[values['place']]}."


def _payments(values: Mapping[str, Any]) -> str:
    places = {
        "none": "Files are uploaded or sent",
        "delivery": "Fetched from the server of Delivery",
        "arrival": "Fetched from the server where Alma's files arrive",
        "folder": "Fetched from this campus's watched folder",
    }
    rule = str(dict(SECTIONS["payments"].field("allocation").choices)[values["allocation"]])
    layout = f"read by {values['layout']}" if values["layout"] else "not read"
    return f"{places[values['place']]}, {layout}; money that names no fee pays {rule}."


def _posting(values: Mapping[str, Any]) -> str:
    ways = {
        "api": f"Fee by fee through Alma's API, as {values['method']}",
        "import_file": "As a file for Alma's bursar import",
        "none": "Payments are not written to Alma",
    }
    release = "at once" if values["release"] == "at_once" else "with the next file"
    return f"{ways[values['way']]}; holds leave {release}."


def _reconciliation(values: Mapping[str, Any]) -> str:
    parts = [
        f"Alma's last {values['window_days']} days; a difference counts after {values['timing_hours']} hours"
    ]
    if values["hold_list_layout"]:
        parts.append("PeopleSoft's hold list is compared")
    return f"{'; '.join(parts)}."


def _gl(values: Mapping[str, Any]) -> str:
    if not values["business_unit"]:
        return "No journal: the business unit is empty."
    return (
        f"Layout {values['layout']} for {values['business_unit']}, of {_named(values['sources'], 'sources')}."
    )


def _named(words: Collection[str], noun: str) -> str:
    """A few by name, many by number."""
    return ", ".join(words) if len(words) <= _MOST_NAMED else f"{len(words)} {noun}"


_LINES = {
    "alma": _alma,
    "source": _source,
    "policy": _policy,
    "mapping": _mapping,
    "files": _files,
    "bursar": _bursar,
    "charge_maps": _charge_maps,
    "arrival": _arrival,
    "payments": _payments,
    "posting": _posting,
    "reconciliation": _reconciliation,
    "gl": _gl,
    "delivery": _delivery,
    "notification": _notification,
    "mail_template": _mail_template,
}


def _nothing(_settings: CampusSettings, _secrets: Collection[str]) -> list[str]:
    return []


def _alma_missing(settings: CampusSettings, secrets: Collection[str]) -> list[str]:
    if "alma_api_key" in secrets or settings["source"]["kind"] == "violations_file":
        return []
    return ["The API key is not set."]


def _source_missing(settings: CampusSettings, _secrets: Collection[str]) -> list[str]:
    values = settings["source"]
    if values["kind"] == "analytics" and not values["report_path"]:
        return ["The path of the Analytics report is empty."]
    if values["kind"] == "user_blocks" and not values["blocks_query"]:
        return ["The query for users who owe is empty."]
    return []


def _delivery_missing(settings: CampusSettings, secrets: Collection[str]) -> list[str]:
    values = settings["delivery"]
    if not values["sftp_enabled"]:
        return []
    missing = [
        f"The SFTP {SECTIONS['delivery'].field(name).label.lower()} is empty."
        for name in ("sftp_host", "sftp_username")
        if not values[name]
    ]
    secret = "sftp_password" if values["sftp_auth"] == "password" else "sftp_private_key"
    if secret not in secrets:
        missing.append(f"The SFTP {SECTIONS['delivery'].field(secret).label.lower()} is not set.")
    if not values["sftp_host_keys"]:
        missing.append("The SFTP host key is not confirmed, so nothing is sent.")
    return missing


def _arrival_missing(settings: CampusSettings, secrets: Collection[str]) -> list[str]:
    values = settings["arrival"]
    if values["place"] != "sftp":
        return []
    missing = [
        f"The SFTP {SECTIONS['arrival'].field(name).label.lower()} is empty."
        for name in ("sftp_host", "sftp_username")
        if not values[name]
    ]
    secret = "arrival_sftp_password" if values["sftp_auth"] == "password" else "arrival_sftp_private_key"
    if secret not in secrets:
        missing.append(f"The SFTP {SECTIONS['arrival'].field(secret).label.lower()} is not set.")
    if not values["sftp_host_keys"]:
        missing.append("The SFTP host key is not confirmed, so nothing is fetched.")
    return missing


def _notification_missing(settings: CampusSettings, _secrets: Collection[str]) -> list[str]:
    return [] if settings["notification"]["recipients"] else ["No address: a failed run would tell nobody."]


def _payments_missing(settings: CampusSettings, _secrets: Collection[str]) -> list[str]:
    values = settings["payments"]
    if values["place"] in {"delivery", "arrival"} and not values["files"]:
        return ["The names of payment files are empty, so none is fetched."]
    return []


def _gl_missing(settings: CampusSettings, _secrets: Collection[str]) -> list[str]:
    values = settings["gl"]
    if not values["business_unit"]:
        return []
    return [
        f"{SECTIONS['gl'].field(name).label}: nothing is filled in, so no journal can balance."
        for name in ("chartfields", "clearing")
        if not values[name]
    ]


_MISSING = {
    "payments": _payments_missing,
    "gl": _gl_missing,
    "alma": _alma_missing,
    "source": _source_missing,
    "delivery": _delivery_missing,
    "arrival": _arrival_missing,
    "notification": _notification_missing,
}
