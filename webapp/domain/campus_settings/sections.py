"""Every section of a campus's settings, declared field by field."""

from __future__ import annotations

from collections.abc import Mapping

from webapp.domain.campus_settings.bursar_section import ARRIVAL, BURSAR, CHARGE_MAPS
from webapp.domain.campus_settings.declare import Section, SettingField
from webapp.domain.campus_settings.delivery_section import DELIVERY
from webapp.domain.campus_settings.payments_section import GL, PAYMENTS, POSTING, RECONCILIATION


def _code(name: str, label: str, default: str, *, longest: int, required: bool = False) -> SettingField:
    pattern, says = r"[A-Za-z0-9_]+", "a code of letters A to Z, digits and underscores"
    return SettingField(
        name, label, "text", default, "", (), required, longest, pattern=pattern, pattern_says=says
    )


ALMA = Section(
    "alma",
    "Alma",
    "The campus's Alma institution and the key Feebridge reads it with.",
    (
        SettingField(
            "base_url",
            "API address",
            "text",
            "https://api-na.hosted.exlibrisgroup.com",
            "The region host of your institution; for CSU campuses North America.",
            required=True,
        ),
        SettingField(
            "institution_code",
            "Institution code",
            "text",
            help="As in Alma, for instance 01CALS_USM. The key is tested against it.",
            required=True,
            longest=40,
        ),
        SettingField(
            "alma_api_key", "API key", "secret", help="Users (read), Analytics (read), Configuration (read)."
        ),
        SettingField(
            "calls_per_second",
            "Calls per second at most",
            "number",
            8,
            "Alma allows 25 a second to all programs of the institution together.",
            least=1,
            most=25,
        ),
        SettingField(
            "reserve_calls",
            "Daily calls kept back for payments",
            "number",
            5000,
            "Exports stop when Alma reports fewer calls left today than this.",
            most=1_000_000,
        ),
    ),
    needs_admin=True,
)

SOURCE = Section(
    "source",
    "Where fees come from",
    "How outstanding fees are read, and how a patron's EMPLID is found.",
    (
        SettingField(
            "kind",
            "Source",
            "choice",
            "analytics",
            "The Analytics report costs the fewest Alma calls; it is last night's picture.",
            choices=(
                ("analytics", "Alma Analytics report"),
                ("sis_export", "Alma users changed lately, then their fees"),
                ("user_blocks", "Alma users with blocks or a balance"),
                ("users_scan", "Every Alma user (many calls)"),
                ("violations_file", "Violations file of a parking system"),
            ),
        ),
        SettingField(
            "report_path",
            "Analytics report",
            "text",
            "/shared/CSU/Reports/Feebridge/Outstanding fees",
            "Full path in the shared folder.",
        ),
        SettingField(
            "stale_after_h",
            "Refuse a report older than (hours)",
            "number",
            36,
            "Read from the report's “data updated as of” column; a violations file's age counts from its upload.",
            least=1,
            most=1000,
        ),
        SettingField(
            "hours_back",
            "Look back (hours)",
            "number",
            24,
            "For the source “users changed lately”.",
            least=1,
            most=2400,
        ),
        SettingField(
            "blocks_query",
            "Query for users who owe",
            "text",
            "fines_fees_sum~0",
            "For the source “users with blocks or a balance”, in Alma's q= form.",
        ),
        SettingField(
            "emplid_from",
            "EMPLID is in",
            "text",
            "primary_id",
            "primary_id, or the code of an identifier type such as UNIV_ID.",
            required=True,
            longest=60,
        ),
        SettingField(
            "emplid_digits",
            "Digits of an EMPLID",
            "number",
            9,
            "0 when ids are not of one length.",
            most=11,
        ),
        SettingField(
            "emplid_pad",
            "Restore lost leading zeros",
            "flag",
            True,
            "A spreadsheet turns 012345678 into 12345678; this puts the zero back.",
        ),
        SettingField(
            "heading_aliases",
            "Other headings",
            "json_map",
            {},
            "One per line: field = heading in your report or file, for instance emplid = Student Number.",
        ),
        SettingField(
            "date_order",
            "Dates like 03/04/2026 are",
            "choice",
            "MDY",
            choices=(("MDY", "month first"), ("DMY", "day first")),
        ),
    ),
)

POLICY = Section(
    "policy",
    "Hold policy",
    "Who gets a hold, who does not, and when a run must stop and ask.",
    (
        SettingField(
            "trigger_types",
            "Fee types that place a hold",
            "words",
            [],
            "Leave empty for every type: any unpaid fee, whatever the amount.",
        ),
        SettingField(
            "ignored_types", "Fee types never counted", "words", [], "They are left out of the total."
        ),
        SettingField(
            "known_types",
            "Fee types you know",
            "words",
            [],
            "When filled, a type outside this list goes to quarantine instead of out.",
        ),
        SettingField(
            "minimum_total_cents",
            "Smallest total that places a hold",
            "cents",
            0,
            "$0.00: any amount.",
            most=10_000_00,
        ),
        SettingField(
            "grace_days",
            "Days of grace",
            "number",
            0,
            "A fee younger than this does not count yet.",
            most=365,
        ),
        SettingField(
            "exempt_groups", "Exempt patron groups", "words", [], "Codes of user groups never put on hold."
        ),
        SettingField(
            "keep_disputed_out",
            "Keep disputed fees out",
            "flag",
            True,
            "A fee in dispute neither places a hold nor counts in the total.",
        ),
        SettingField(
            "style",
            "What PeopleSoft gets",
            "choice",
            "delta",
            choices=(
                ("delta", "Changes: holds added and holds released"),
                ("snapshot", "Everyone with a hold, every time"),
                ("ids", "Lists of EMPLIDs only, for Mass Assign and Mass Release"),
            ),
        ),
        SettingField(
            "stop_if_empty",
            "Ask when the source is suddenly empty",
            "flag",
            True,
            "Releasing everyone at once is more often a broken report than good news.",
        ),
        SettingField(
            "stop_factor",
            "Ask when changes exceed the norm by (times)",
            "number",
            5,
            "Compared with the median of the last eight runs; 0 turns it off.",
            most=1000,
        ),
        SettingField(
            "stop_patron_cents",
            "Ask when one patron owes more than",
            "cents",
            5_000_00,
            "$0.00 turns it off.",
            most=10**9,
        ),
        SettingField(
            "stop_release_percent",
            "Ask when more than this share of holds is released at once (percent)",
            "number",
            50,
            "0 turns it off.",
            most=100,
        ),
        SettingField(
            "stop_first_rows",
            "Ask when the very first run would tell more lines than",
            "number",
            2000,
            "There is no norm yet to compare it with. 0 turns it off.",
            most=10**7,
        ),
    ),
)

MAPPING = Section(
    "mapping",
    "PeopleSoft codes",
    "The service indicator your PeopleSoft expects, and the words it is told.",
    (
        _code("hold_code", "Service indicator code", "LIB", longest=3, required=True),
        _code("hold_reason", "Reason code", "LFINE", longest=5),
        SettingField(
            "codes_by_type",
            "Other codes by fee type",
            "json_map",
            {},
            "One per line: FEE TYPE = CODE or CODE/REASON, for instance LOSTITEMREPLACEMENTFEE = LBL/LOST.",
        ),
        SettingField(
            "file_per_code",
            "One file per code",
            "flag",
            False,
            "PeopleSoft's Mass Assign takes one code per run.",
        ),
        SettingField("institution", "Institution (SetID)", "text", "", longest=5),
        SettingField("department", "Department", "text", "", longest=10),
        SettingField("contact", "Contact", "text", "", longest=30),
        SettingField("start_term", "Start term", "text", "", "0000 means every term.", longest=4),
        SettingField(
            "user_type_names",
            "Names of patron groups",
            "json_map",
            {},
            "One per line: GROUP CODE = word in the file, for instance UG = Student.",
        ),
        SettingField(
            "violation_type_names",
            "Names of fee types",
            "json_map",
            {},
            "One per line: FEE TYPE = word in the file, for instance OVERDUEFINE = Overdue fine.",
        ),
    ),
)

FILES = Section(
    "files",
    "Files",
    "What the files look like and what they are called.",
    (
        SettingField("layout", "Layout", "text", "opscom-holds", required=True, longest=60),
        SettingField(
            "file_name",
            "File name",
            "text",
            "{campus}_holds_{kind}_{YYYY}{MM}{DD}_{sequence:4}.txt",
            "Parts in braces are filled in: {campus} {kind} {YYYY} {MM} {DD} {HH} {mm} {sequence} {hold_code}.",
            required=True,
        ),
        SettingField("empty_file", "Send a file even when it is empty", "flag", False),
        SettingField(
            "collision",
            "When the name is taken by a file not picked up yet",
            "choice",
            "refuse",
            choices=(("refuse", "Stop and say so"), ("suffix", "Use a new name with a number")),
        ),
    ),
)

NOTIFICATION = Section(
    "notification",
    "Notification",
    "Who is told, and what the mail may carry.",
    (
        SettingField("recipients", "Holds notification mail to", "emails", []),
        SettingField("reply_to", "Replies go to", "emails", [], most=1),
        SettingField("mail_when_nothing", "Mail also when there is nothing to send", "flag", True),
        SettingField("mail_on_failure", "Mail when a run fails or needs approval", "flag", True),
        SettingField(
            "attach_files",
            "Attach the files",
            "flag",
            False,
            "The files name patrons. Off, the mail carries a link that needs a log-in and expires.",
        ),
        SettingField("link_hours", "Links expire after (hours)", "number", 72, least=1, most=720),
    ),
    # Whoever names the recipients decides who is handed the names of patrons.
    needs_admin=True,
)

MAIL_TEMPLATE = Section(
    "mail_template",
    "PeopleSoft Holds Report",
    "The words of the mail after a run.",
    (
        SettingField(
            "subject",
            "Subject",
            "text",
            "PeopleSoft Holds Report – {{campus}} – {{run_date}}",
            required=True,
        ),
        SettingField(
            "body",
            "Text",
            "long_text",
            "PeopleSoft holds for {{campus}}, {{run_date}}\n\n"
            "{{story}}\n\n"
            "Holds added or changed: {{added_count}}, {{added_total}} in all\n"
            "Holds released: {{released_count}}\n"
            "Rows held back: {{quarantined_count}}\n\n"
            "Files: {{added_file}} {{released_file}}\n"
            "{{link}}",
            required=True,
            longest=20_000,
        ),
    ),
)

SECTIONS: Mapping[str, Section] = {
    section.name: section
    for section in (
        NOTIFICATION,
        SOURCE,
        POLICY,
        MAPPING,
        FILES,
        BURSAR,
        CHARGE_MAPS,
        ARRIVAL,
        PAYMENTS,
        POSTING,
        RECONCILIATION,
        GL,
        DELIVERY,
        ALMA,
        MAIL_TEMPLATE,
    )
}
