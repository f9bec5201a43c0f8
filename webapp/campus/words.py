"""What pages about runs say in words: pipelines, triggers, steps, and what a run is going to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from webapp.domain.campus_settings import SECTIONS, CampusSettings
from webapp.domain.money import format_cents
from webapp.models import File

HOLDS_EXPORT = "holds_export"
BURSAR_CONVERSION = "bursar_conversion"
BALANCE_EXPORT = "balance_export"
BURSAR_ACKNOWLEDGEMENTS = "bursar_acknowledgements"
PAYMENT_IMPORT = "payment_import"
PAYMENT_POSTING = "payment_posting"
GL_JOURNAL = "gl_journal"
RECONCILIATION = "reconciliation"
# Their files charge people; a run's page has other words for them than for holds.
CHARGE_PIPELINES = frozenset({BURSAR_CONVERSION, BALANCE_EXPORT})
PIPELINES: Mapping[str, str] = {
    HOLDS_EXPORT: "Holds export",
    BURSAR_CONVERSION: "Charges from Alma",
    BALANCE_EXPORT: "Balance export",
    BURSAR_ACKNOWLEDGEMENTS: "PeopleSoft's answers",
    PAYMENT_IMPORT: "Payment import",
    PAYMENT_POSTING: "Payment posting",
    GL_JOURNAL: "GL journal",
    RECONCILIATION: "Reconciliation",
    "resend_file": "Send a file again",
}
TRIGGERS: Mapping[str, str] = {
    "schedule": "Schedule",
    "person": "A person",
    "webhook": "Webhook",
    "file_arrival": "File arrival",
    "catch_up": "Catch-up",
}
STEPS: Mapping[str, str] = {
    "settle": "Look for files that may have arrived",
    "receive": "Take in Alma's files",
    "read": "Read the file",
    "wait": "Wait for the cut-off",
    "collect": "Read outstanding fees",
    "decide": "Compare with what PeopleSoft was told",
    "check": "Look for anything unusual",
    "build": "Build the files",
    "deliver": "Deliver the files",
    "report": "Tell people",
    "look": "Look which files were taken",
    "answers": "Read load results",
}
# What the steps of the pipelines about money do, where the words above say something else or nothing.
_MONEY_STEPS: Mapping[tuple[str, str], str] = {
    (PAYMENT_IMPORT, "receive"): "Take in the file of payments",
    (PAYMENT_IMPORT, "read"): "Read it and find what is new",
    (PAYMENT_IMPORT, "ask"): "Ask Alma for fees nobody has told of",
    (PAYMENT_IMPORT, "book"): "Match the money to fees and book it",
    (PAYMENT_IMPORT, "look_again"): "Look again for fees of money that waits",
    (PAYMENT_IMPORT, "report"): "Tell people, and have it posted",
    (PAYMENT_POSTING, "plan"): "Take up the payments that wait",
    (PAYMENT_POSTING, "post"): "Post each payment to its fee",
    (RECONCILIATION, "collect"): "Read what was paid and waived in Alma",
    (RECONCILIATION, "hold_list"): "Compare PeopleSoft's list of holds",
    (RECONCILIATION, "compare"): "Lay the books side by side",
    (GL_JOURNAL, "gather"): "Take the payments that are in no journal",
    (GL_JOURNAL, "build"): "Build the journal",
}
FILE_KINDS: Mapping[str, str] = {
    "added": "Holds added",
    "released": "Holds released",
    "snapshot": "All holds",
    "collected": "Collected rows",
    "charges": "Charges",
    "debits": "Charges",
    "credits": "Credits",
    "reversals": "Reversals",
    "community": "People without an EMPLID",
    "rejects": "Rows that could not be read",
    "reject_reasons": "Why each could not be read",
    "journal": "GL journal",
}
TARGETS: Mapping[str, str] = {
    "sftp": "SFTP",
    "mail": "Mail",
    "mail_nothing": "Mail that there was nothing to send",
    "mail_approval": "Mail that it waits for a person",
    "mail_failure": "Mail that it failed",
    "download": "Download from the portal",
}


def pipeline_title(name: str) -> str:
    """A pipeline as people call it."""
    return PIPELINES.get(name) or _plain(name)


def step_title(name: str, pipeline: str = "") -> str:
    """A step as people call it; the same name is something else in another pipeline."""
    return _MONEY_STEPS.get((pipeline, name)) or STEPS.get(name) or _plain(name)


def file_kind_title(kind: str) -> str:
    """What a file says; the files of charges are called what their layout calls them."""
    return FILE_KINDS.get(kind) or _plain(kind)


def target_title(name: str) -> str:
    """A delivery's way."""
    return TARGETS.get(name) or _plain(name)


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 row", "1,204 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(start: datetime | None, end: datetime | None) -> str:
    """How long something took, as people say it: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min"; a dash while unknown."""
    if start is None or end is None:
        return "–"
    seconds = max((end - start).total_seconds(), 0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def age(since: datetime, now: datetime) -> str:
    """How long ago something was: "just now", "5 minutes", "3 hours", "12 days"."""
    gone = now - since
    if gone < timedelta(minutes=1):
        return "just now"
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1))):
        if gone >= length:
            return counted(gone // length, unit)
    return counted(gone // timedelta(minutes=1), "minute")


def lasting(since: datetime, now: datetime) -> str:
    """How long something has gone on: "less than a minute", "5 minutes", "12 days"."""
    return "less than a minute" if now - since < timedelta(minutes=1) else age(since, now)


def step_figures(result: Mapping[str, Any]) -> list[str]:
    """Counts and cents that a step left, a line for each: "rows: 1,204", "total: $12,345.00"."""
    lines = []
    for name, value in result.items():
        if isinstance(value, bool) or not isinstance(value, int) or name.endswith("_id"):
            continue
        if name == "cents":
            lines.append(f"Amount: {format_cents(value)}")
        elif name.endswith("_cents"):
            lines.append(f"{_plain(name.removesuffix('_cents'))}: {format_cents(value)}")
        else:
            lines.append(f"{_plain(name)}: {value:,}")
    return lines


def size(in_bytes: int) -> str:
    """A file's size: "812 bytes", "4.2 kB", "1.3 MB"."""
    if in_bytes < 1000:
        return counted(in_bytes, "byte")
    amount = float(in_bytes)
    for unit in ("kB", "MB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} GB"


def folder_of(pipeline: str, settings: CampusSettings) -> str:
    """The folder on the delivery server that a pipeline's files go to."""
    own = settings["bursar"]["directory"] if pipeline in CHARGE_PIPELINES else ""
    return str(own or settings["delivery"]["sftp_directory"])


def destinations(settings: CampusSettings, directory: str | None = None) -> list[str]:
    """Where a run's files go, as the ends of "… to": "sftp.example.edu, folder /in" and "mail to 2 people"."""
    delivery, recipients = settings["delivery"], settings["notification"]["recipients"]
    folder = delivery["sftp_directory"] if directory is None else directory
    found = []
    if delivery["sftp_enabled"] and delivery["sftp_host"]:
        found.append(f"{delivery['sftp_host']}{f', folder {folder}' if folder else ''}")
    if delivery["mail_enabled"] and recipients:
        if not found and not settings["notification"]["attach_files"]:
            found.append("the portal, where somebody fetches them")
        found.append(
            f"mail to {recipients[0]}" if len(recipients) == 1 else f"mail to {len(recipients)} people"
        )
    return found


def what_a_run_reads(settings: CampusSettings) -> str:
    """The campus's source in words: "Alma Analytics report /shared/…"."""
    source = settings["source"]
    kind = str(dict(SECTIONS["source"].field("kind").choices)[source["kind"]])
    return f"{kind} {source['report_path']}" if source["kind"] == "analytics" else kind


def what_is_sent(files: Sequence[File], counts: Mapping[str, Any]) -> list[str]:
    """What approving sends, a line for each file: "37 lines, $1,204.50, as NAME"; from the counts before they are built."""
    if files:
        return [_file_line(file) for file in files]
    if "rows_sent" in counts:
        return _charges_sent(counts)
    added, updated, released = (int(counts.get(name, 0)) for name in ("added", "updated", "released"))
    lines = []
    if added or updated:
        cents = int(counts.get("added_cents", 0)) + int(counts.get("updated_cents", 0))
        told = counted(added + updated, "line")
        lines.append(
            f"Holds added: {told}, {format_cents(cents)} ({added:,} new, {updated:,} with a changed total)"
        )
    if released:
        lines.append(f"Holds released: {counted(released, 'line')}")
    return lines


def _charges_sent(counts: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, title in (("charges", "Charges"), ("credits", "Credits"), ("reversals", "Reversals")):
        if count := int(counts.get(name, 0)):
            cents = int(counts.get(f"{name}_cents", 0))
            lines.append(f"{title}: {counted(count, 'line')}, {format_cents(cents)}")
    if not lines and (rows := int(counts["rows_sent"])):
        lines.append(f"{counted(rows, 'row')}, {format_cents(int(counts.get('cents_sent', 0)))}")
    return lines


def _file_line(file: File) -> str:
    amount = "" if file.kind == "released" else f", {format_cents(file.total_cents)}"
    return f"{counted(file.row_count, 'line')}{amount}, as {file.name}"


def _plain(name: str) -> str:
    return name.replace("_", " ").capitalize()
