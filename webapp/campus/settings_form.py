"""A section of settings as a form: its fields in groups, with what is stored or what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.campus.change_words import shown
from webapp.domain.campus_settings import Section, SettingField, form_text
from webapp.services.change_settings import MADE_SECRETS, MANAGED_FIELDS
from webapp.store.settings_pages import SetBy

# Fields under one heading, in order; what a section does not name here comes first, without a heading.
GROUPS: Mapping[str, Sequence[tuple[str, Sequence[str]]]] = {
    "source": (
        ("Finding the EMPLID", ("emplid_from", "emplid_digits", "emplid_pad")),
        ("Reading columns", ("heading_aliases", "date_order")),
    ),
    "policy": (
        ("Who gets a hold", ("trigger_types", "ignored_types", "known_types", "minimum_total_cents", "grace_days")),
        ("Who does not", ("exempt_groups", "keep_disputed_out")),
        ("When a run stops and asks", ("stop_if_empty", "stop_factor", "stop_patron_cents", "stop_release_percent")),
    ),
    "mapping": (
        ("Words in the file", ("institution", "department", "contact", "start_term", "user_type_names", "violation_type_names")),
    ),
    "delivery": (
        ("SFTP server", ("sftp_enabled", "sftp_host", "sftp_port", "sftp_username", "sftp_auth", "sftp_password", "sftp_private_key", "sftp_passphrase", "sftp_directory")),
        ("How files arrive", ("sftp_temporary_name", "sftp_check_size", "sftp_read_back", "sftp_trigger_suffix")),
        ("Mail", ("mail_enabled",)),
    ),
    "bursar": (
        ("The file", ("layout", "file_name", "collision", "directory")),
        ("Who is billed", ("campus_ids", "emplid_digits", "emplid_pad", "community", "groups_never", "statuses_only", "statuses_never", "student_list_days")),
        ("Which fees", ("fee_types_only", "fee_types_never", "known_types", "libraries_only", "minimum_cents", "age_min_days", "age_max_days")),
        ("Credits and reversals", ("credit_match", "credit_item_type", "partial_reversals", "reversal_max_age_days")),
        ("Before it leaves", ("cutoff_minutes", "four_eyes_cents", "stop_factor", "stop_patron_cents", "stop_if_empty")),
    ),
    "arrival": (
        ("SFTP server", ("sftp_host", "sftp_port", "sftp_username", "sftp_auth", "arrival_sftp_password", "arrival_sftp_private_key", "arrival_sftp_passphrase", "sftp_directory")),
        ("Which files, and when", ("profile_code", "institution_id", "settle_s", "afterwards", "rename_suffix", "archive_folder")),
        ("Alma's webhook", ("alma_webhook_secret",)),
        ("What comes back from PeopleSoft", ("acknowledged_by", "acknowledged_within_h", "load_result_layout", "load_result_files", "load_result_directory")),
        ("The registrar's list of students", ("student_list_files", "student_list_directory")),
    ),
    "payments": (
        ("Where files come from", ("layout", "source", "place", "directory", "files", "business_units")),
        ("Which rows are new", ("repeat_rule", "repeat_days")),
        ("Which fee is paid", ("match_by_item", "allocation", "allocation_types", "lost_types")),
        ("What is no payment, and what cannot be read", ("write_offs", "waive_reason", "rejects")),
        ("When a run stops and asks", ("four_eyes_cents", "stop_factor")),
    ),
    "posting": (
        ("On the fee", ("way", "method", "comment", "pay_exported")),
        ("Afterwards", ("release",)),
        ("Alma's import file", ("import_directory", "import_file_name", "import_confirm_hours")),
    ),
    "reconciliation": (
        ("When a difference counts", ("window_days", "timing_hours", "clearing_hours", "max_fee_reads")),
        ("What is expected", ("expected_every_hours",)),
        ("PeopleSoft's hold list", ("hold_list_layout", "hold_list_files", "hold_list_directory")),
    ),
    "gl": (
        ("The journal", ("layout", "business_unit", "ledger", "source", "currency", "sources")),
        ("Accounts", ("chartfields", "clearing")),
        ("The file", ("file_name", "directory")),
    ),
}  # fmt: skip
# Fields that matter for some choices of another field only: shown when it has one of these values.
SHOWN_WHEN: Mapping[str, Mapping[str, tuple[str, Sequence[str]]]] = {
    "source": {
        "report_path": ("kind", ("analytics",)),
        "stale_after_h": ("kind", ("analytics",)),
        "hours_back": ("kind", ("sis_export",)),
        "blocks_query": ("kind", ("user_blocks",)),
        "emplid_from": ("kind", ("sis_export", "user_blocks", "users_scan")),
        "heading_aliases": ("kind", ("analytics", "violations_file")),
        "date_order": ("kind", ("violations_file",)),
    },
    "delivery": {
        "sftp_password": ("sftp_auth", ("password",)),
        "sftp_private_key": ("sftp_auth", ("key",)),
        "sftp_passphrase": ("sftp_auth", ("key",)),
    },
    "arrival": {
        "sftp_host": ("place", ("sftp",)),
        "sftp_port": ("place", ("sftp",)),
        "sftp_username": ("place", ("sftp",)),
        "sftp_auth": ("place", ("sftp",)),
        "arrival_sftp_password": ("sftp_auth", ("password",)),
        "arrival_sftp_private_key": ("sftp_auth", ("key",)),
        "arrival_sftp_passphrase": ("sftp_auth", ("key",)),
        "sftp_directory": ("place", ("sftp",)),
        "afterwards": ("place", ("sftp", "folder")),
        "rename_suffix": ("afterwards", ("rename",)),
        "archive_folder": ("afterwards", ("archive",)),
    },
    "payments": {
        "directory": ("place", ("delivery", "arrival")),
        "files": ("place", ("delivery", "arrival", "folder")),
        "repeat_days": ("repeat_rule", ("ask",)),
        "allocation_types": ("allocation", ("types",)),
        "lost_types": ("allocation", ("lost_first",)),
        "waive_reason": ("write_offs", ("waive",)),
    },
    "posting": {
        "method": ("way", ("api",)),
        "comment": ("way", ("api",)),
        "pay_exported": ("way", ("api",)),
        "import_directory": ("way", ("import_file",)),
        "import_file_name": ("way", ("import_file",)),
        "import_confirm_hours": ("way", ("import_file",)),
    },
}
_LONG_SECRETS = frozenset({"sftp_private_key", "arrival_sftp_private_key"})
_ROWS = {"long_text": 14, "words": 3, "emails": 3, "json_map": 4}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as the page shows it. ``text`` is what the control holds, ``shown`` the stored value in words.

    ``when``: the other field and its values for which this one matters. ``set_by`` is for secrets; None: not set.
    """

    declared: SettingField
    text: str
    shown: str
    fault: str
    choices: Sequence[tuple[str, str]]
    when: tuple[str, Sequence[str]] | None
    set_by: SetBy | None

    @property
    def name(self) -> str:
        """The control's name and id."""
        return self.declared.name

    @property
    def control(self) -> str:
        """Which control: flag, choice, secret, secret_text, area, money or line."""
        if self.choices:
            return "choice"
        if self.declared.kind == "secret":
            return "secret_text" if self.name in _LONG_SECRETS else "secret"
        if self.declared.kind in _ROWS:
            return "area"
        return {"flag": "flag", "cents": "money"}.get(self.declared.kind, "line")

    @property
    def rows(self) -> int:
        """How tall an area is."""
        return max(_ROWS.get(self.declared.kind, 3), min(self.text.count("\n") + 1, 20))

    @property
    def is_short(self) -> bool:
        """Whether what is typed is a few characters long."""
        return self.declared.kind in {"number", "cents"} or self.declared.longest <= 12


def form_groups(
    section: Section,
    stored: Mapping[str, Any],
    *,
    typed: Mapping[str, str] | None,
    faults: Mapping[str, str],
    secrets: Mapping[str, SetBy],
    choices: Mapping[str, Sequence[tuple[str, str]]],
) -> list[tuple[str, list[FormField]]]:
    """The section's fields under their headings; ``typed`` is what came back from a form that was not stored."""
    fields = {
        declared.name: _field(section, declared, stored, typed, faults, secrets, choices)
        for declared in section.fields
        if declared.name not in MANAGED_FIELDS | MADE_SECRETS
    }
    groups = GROUPS.get(section.name, ())
    named = {name for _, names in groups for name in names}
    first = [field for name, field in fields.items() if name not in named]
    found = [("", first)] if first else []
    return found + [(title, [fields[name] for name in names]) for title, names in groups]


def _field(
    section: Section,
    declared: SettingField,
    stored: Mapping[str, Any],
    typed: Mapping[str, str] | None,
    faults: Mapping[str, str],
    secrets: Mapping[str, SetBy],
    choices: Mapping[str, Sequence[tuple[str, str]]],
) -> FormField:
    value = stored.get(declared.name, declared.default)
    text = "" if declared.kind == "secret" else form_text(declared, value)
    if typed is not None and declared.kind != "secret":
        text = typed.get(declared.name, "" if declared.kind == "flag" else text)
    options = choices.get(declared.name, declared.choices)
    if options and text not in {option for option, _ in options}:
        options = [*options, (text, f"{text} (not available)" if text else "–")]
    return FormField(
        declared,
        text,
        "" if declared.kind == "secret" else shown(declared, value),
        faults.get(declared.name, ""),
        options,
        SHOWN_WHEN.get(section.name, {}).get(declared.name),
        secrets.get(declared.name),
    )
