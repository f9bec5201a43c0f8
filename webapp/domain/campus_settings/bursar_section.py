"""The sections of settings for charges: what is billed, where Alma's files arrive, and what PeopleSoft answers."""

from __future__ import annotations

from webapp.domain.campus_settings.declare import Section, SettingField
from webapp.domain.campus_settings.delivery_section import FINGERPRINT

_ID_PATTERN = r"[#?A-Za-z0-9_.@*-]+"
_ID_PATTERN_SAYS = (
    "an id pattern; # is a digit, ? any character, * any text, for instance 0######## or 9########"
)

BURSAR = Section(
    "bursar",
    "Charges to PeopleSoft",
    "Which fees of Alma's bursar file become lines for Student Financials, and when a run must stop and ask.",
    (
        SettingField("layout", "Layout", "text", "ps-external-file", required=True, longest=60),
        SettingField(
            "file_name",
            "File name",
            "text",
            "",
            "Empty: as the layout says. Parts in braces are filled in, such as {campus} {kind} {YYYY}{MM}{DD} {sequence:4}.",
        ),
        SettingField(
            "collision",
            "When the name is taken by a file not picked up yet",
            "choice",
            "refuse",
            choices=(("refuse", "Stop and say so"), ("suffix", "Use a new name with a number")),
        ),
        SettingField("directory", "Folder on the server", "text", "", "Empty: the folder of Delivery."),
        SettingField(
            "campus_ids",
            "Ids PeopleSoft knows",
            "words",
            [],
            "One pattern a line: # is a digit, ? any character, * any text; for instance 0######## and 9########. "
            "Empty: every id of digits only.",
            pattern=_ID_PATTERN,
            pattern_says=_ID_PATTERN_SAYS,
        ),
        SettingField(
            "emplid_digits", "Digits of an EMPLID", "number", 9, "0 when ids are not of one length.", most=11
        ),
        SettingField("emplid_pad", "Restore lost leading zeros", "flag", True),
        SettingField(
            "community",
            "Fees of people without an EMPLID",
            "choice",
            "quarantine",
            choices=(
                ("file", "Go to the layout's community file"),
                ("quarantine", "Wait at the desk"),
                ("exclude", "Are left out, and counted"),
            ),
        ),
        SettingField("fee_types_only", "Only these fee types", "words", [], "Empty: every type."),
        SettingField("fee_types_never", "Never these fee types", "words", []),
        SettingField(
            "known_types",
            "Fee types you know",
            "words",
            [],
            "When filled, a type outside this list waits at the desk instead of going out.",
        ),
        SettingField("libraries_only", "Only these libraries", "words", [], "Codes; empty: every library."),
        SettingField(
            "groups_never", "Never these patron groups", "words", [], "Where the source names groups."
        ),
        SettingField("minimum_cents", "Smallest amount", "cents", 0, "$0.00: any amount.", most=10_000_00),
        SettingField(
            "age_min_days",
            "Youngest fee (days)",
            "number",
            0,
            "A younger one waits at the desk until it is old enough. 0: any.",
            most=3650,
        ),
        SettingField("age_max_days", "Oldest fee (days)", "number", 0, "0: any.", most=36500),
        SettingField(
            "credit_match",
            "How a credit finds its charge",
            "choice",
            "item",
            "Never by its amount. Where several charges could be meant, the credit waits for a person.",
            choices=(
                ("reference", "Only when the credit names the charge's reference"),
                ("item", "By that reference, else by patron and item barcode"),
            ),
        ),
        SettingField(
            "credit_item_type",
            "One item type for credits without a charge",
            "text",
            "",
            "Empty: such credits wait at the desk.",
            longest=12,
        ),
        SettingField(
            "partial_reversals",
            "PeopleSoft takes partial reversals",
            "flag",
            True,
            "Off: the whole charge is reversed and the rest charged again.",
        ),
        SettingField(
            "reversal_max_age_days",
            "Oldest charge PeopleSoft reverses (days)",
            "number",
            0,
            "0: any age. An older one waits at the desk.",
            most=3650,
        ),
        SettingField(
            "cutoff_minutes",
            "Wait before the file leaves (minutes)",
            "number",
            0,
            "In this time a fee can still be recalled. 0: none.",
            most=1440,
        ),
        SettingField(
            "four_eyes_cents",
            "Two people must agree above a total of",
            "cents",
            0,
            "The second must not be the one who asked for the run. $0.00 turns it off.",
            most=10**9,
        ),
        SettingField(
            "stop_factor",
            "Ask when lines exceed the norm by (times)",
            "number",
            5,
            "Compared with the median of the last eight runs; 0 turns it off.",
            most=1000,
        ),
        SettingField(
            "stop_patron_cents",
            "Ask when one patron is charged more than",
            "cents",
            5_000_00,
            "$0.00 turns it off.",
        ),
        SettingField("stop_if_empty", "Ask when the file is suddenly empty", "flag", True),
    ),
)

CHARGE_MAPS = Section(
    "charge_maps",
    "Item types and terms",
    "Your own rows for the tables and calendars of the layout; they replace the layout's rows of the same name.",
    (
        SettingField("tables", "Tables", "rows", {}),
        SettingField("calendars", "Calendars", "rows", {}),
    ),
)

ARRIVAL = Section(
    "arrival",
    "Where Alma's files arrive",
    "The place Alma's bursar profile writes to. Upload, API and webhook work beside it.",
    (
        SettingField(
            "place",
            "Look for files",
            "choice",
            "none",
            choices=(
                ("none", "Nowhere; files are uploaded or sent"),
                ("sftp", "On an SFTP server"),
                ("folder", "In this campus's watched folder on the Feebridge machine"),
            ),
        ),
        SettingField("sftp_host", "Host", "text", ""),
        SettingField("sftp_port", "Port", "number", 22, least=1, most=65535),
        SettingField("sftp_username", "User name", "text", ""),
        SettingField(
            "sftp_auth",
            "Sign in with",
            "choice",
            "password",
            choices=(("password", "a password"), ("key", "a private key")),
        ),
        SettingField("arrival_sftp_password", "Password", "secret"),
        SettingField("arrival_sftp_private_key", "Private key", "secret", help="OpenSSH or PEM text."),
        SettingField("arrival_sftp_passphrase", "Passphrase of the key", "secret"),
        SettingField("sftp_directory", "Folder", "text", "", "Empty for the log-in folder."),
        SettingField(
            "sftp_host_keys",
            "Confirmed host keys",
            "words",
            [],
            "SHA256 fingerprints, confirmed with the people who run the server.",
            pattern=FINGERPRINT,
            pattern_says="a SHA256: fingerprint",
        ),
        SettingField(
            "profile_code",
            "Bursar profile code",
            "text",
            "",
            "The files are called CODE-job-time.xml. Empty: every .xml file.",
            longest=60,
            pattern=r"[A-Za-z0-9_-]+",
            pattern_says="a profile code of letters, digits, - and _",
        ),
        SettingField(
            "institution_id",
            "Number of your institution in Alma's files",
            "text",
            "",
            "A file that names another one is refused. Empty: the number in the first file counts.",
            longest=20,
            pattern=r"[0-9]+",
            pattern_says="a number, as in InstitutionId",
        ),
        SettingField(
            "settle_s",
            "A file is complete when unchanged for (seconds)",
            "number",
            10,
            "Looked at twice that far apart.",
            least=1,
            most=600,
        ),
        SettingField(
            "afterwards",
            "A file that was read is",
            "choice",
            "rename",
            choices=(
                ("rename", "renamed with a suffix"),
                ("archive", "moved to a folder"),
                ("leave", "left where it is"),
            ),
        ),
        SettingField(
            "rename_suffix",
            "Suffix",
            "text",
            ".processed",
            longest=20,
            pattern=r"\.[A-Za-z0-9_-]+",
            pattern_says="a suffix such as .processed",
        ),
        SettingField(
            "archive_folder",
            "Folder for files that were read",
            "text",
            "old_xml",
            longest=60,
            pattern=r"[A-Za-z0-9_-]+",
            pattern_says="a folder name of letters, digits, - and _",
        ),
        SettingField(
            "webhook_token",
            "Webhook address token",
            "text",
            "",
            "The last part of the address you give Alma; made by Feebridge.",
            longest=64,
            pattern=r"[A-Za-z0-9_-]{20,64}",
            pattern_says="a token of 20 to 64 letters, digits, - and _",
        ),
        SettingField(
            "alma_webhook_secret", "Webhook secret", "secret", help="The same as in Alma's webhook profile."
        ),
        SettingField(
            "api_token",
            "API token",
            "secret",
            help="For POST /api/v1/inbound/bursar; send it as a bearer token.",
        ),
        SettingField(
            "acknowledged_by",
            "PeopleSoft shows that it took a file by",
            "words",
            [".staged", ".processed"],
            "Suffixes behind the file's name on the delivery server. Empty: not looked for.",
            pattern=r"\.[A-Za-z0-9_-]+",
            pattern_says="a suffix such as .processed",
        ),
        SettingField(
            "acknowledged_within_h",
            "Say so when a file was not taken within (hours)",
            "number",
            48,
            "0 turns it off.",
            most=1000,
        ),
        SettingField(
            "load_result_layout",
            "Layout of PeopleSoft's load result",
            "text",
            "",
            "None: load results are not read.",
            longest=60,
        ),
        SettingField(
            "load_result_files",
            "Load results on the delivery server are called",
            "words",
            [],
            "Patterns such as *.rej or results_*.csv; # is a digit, ? any character, * any text. Empty: they are uploaded.",
            pattern=r"[#?A-Za-z0-9_.*-]+",
            pattern_says="a file name pattern such as *.rej",
        ),
        SettingField(
            "load_result_directory",
            "Their folder",
            "text",
            "",
            "Empty: the folder the files are delivered to.",
        ),
    ),
    needs_admin=True,
)
