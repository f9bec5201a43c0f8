"""The sections of settings for money that comes back: payment files, posting to Alma, comparing books, journals."""

from __future__ import annotations

from webapp.domain.campus_settings.declare import Section, SettingField

_FILE_PATTERN = r"[#?A-Za-z0-9_.*-]+"
_FILE_PATTERN_SAYS = "a file name pattern such as payments_*.csv"
_LAYOUT_HELP = "A layout of incoming files, ready-made or your own. Empty: such files are not read."

PAYMENTS = Section(
    "payments",
    "Payments from PeopleSoft",
    "Where the files of payments come from, how they are read, and how their money finds its fee.",
    (
        SettingField("layout", "Layout", "text", "ps-query-payments", _LAYOUT_HELP, longest=60),
        SettingField(
            "place",
            "Look for files",
            "choice",
            "none",
            choices=(
                ("none", "Nowhere; files are uploaded or sent"),
                ("delivery", "On the server of Delivery"),
                ("arrival", "On the server where Alma's files arrive"),
                ("folder", "In this campus's watched folder on the Feebridge machine"),
            ),
        ),
        SettingField(
            "source",
            "The money was taken by",
            "choice",
            "peoplesoft",
            "It decides whether a GL journal is made of it.",
            choices=(
                ("peoplesoft", "PeopleSoft Student Financials"),
                ("cashier", "a cashier or an eMarket of its own"),
            ),
        ),
        SettingField("directory", "Folder on the server", "text", "", "Empty: the server's usual folder."),
        SettingField(
            "files",
            "The files are called",
            "words",
            [],
            "Patterns such as payments_*.csv; # is a digit, ? any character, * any text.",
            pattern=_FILE_PATTERN,
            pattern_says=_FILE_PATTERN_SAYS,
        ),
        SettingField(
            "business_units",
            "Only these business units",
            "words",
            [],
            "A file that names another one is refused. Empty: any.",
            pattern=r"[A-Za-z0-9]{1,5}",
            pattern_says="a business unit of up to 5 letters and digits",
        ),
        SettingField(
            "repeat_rule",
            "Rows without a number of their own",
            "choice",
            "overlap",
            "Two equal rows of one day in one file are two payments in any case.",
            choices=(
                ("overlap", "Files repeat earlier rows: equal rows of one day count once"),
                ("news", "Every file brings only new rows: each counts"),
                ("ask", "An equal row of another file waits for a person"),
            ),
        ),
        SettingField(
            "repeat_days",
            "Days within which an equal row may be a repeat",
            "number",
            3,
            "For “waits for a person”.",
            least=1,
            most=90,
        ),
        SettingField(
            "match_by_item",
            "Match by id, item type, term and amount",
            "flag",
            True,
            "Where no reference is given and exactly one open charge has all four.",
        ),
        SettingField(
            "allocation",
            "Money that names no fee pays",
            "choice",
            "oldest",
            choices=(
                ("oldest", "the oldest fee first"),
                ("lost_first", "lost items first, then the oldest"),
                ("types", "by the fee types below, then the oldest"),
                ("none", "nothing by itself; a person decides"),
            ),
        ),
        SettingField("allocation_types", "Fee types in their order", "words", []),
        SettingField(
            "lost_types",
            "Fee types of lost items",
            "words",
            ["LOSTITEMREPLACEMENTFEE", "LOSTITEMPROCESSFEE"],
        ),
        SettingField(
            "write_offs",
            "What PeopleSoft wrote off",
            "choice",
            "desk",
            "A write-off is no payment.",
            choices=(
                ("desk", "waits for a person"),
                ("waive", "is waived in Alma"),
                ("ignore", "is only noted"),
            ),
        ),
        SettingField("waive_reason", "Alma's reason code for waivers", "text", "OTHER", longest=60),
        SettingField(
            "four_eyes_cents",
            "A person must agree above a total of",
            "cents",
            0,
            "Not the one who brought the file. $0.00 turns it off.",
            most=10**9,
        ),
        SettingField(
            "stop_factor",
            "Ask when a file's new money exceeds the norm by (times)",
            "number",
            10,
            "Compared with the median of the last eight files; 0 turns it off.",
            most=1000,
        ),
        SettingField(
            "rejects",
            "Rows that could not be read",
            "choice",
            "keep",
            choices=(
                ("keep", "wait in the portal as a file for the sender"),
                ("send", "are also put on the server of Delivery"),
            ),
        ),
    ),
)

POSTING = Section(
    "posting",
    "Posting to Alma",
    "How a payment is written to its fee in Alma, and what follows from it.",
    (
        SettingField(
            "way",
            "Payments reach Alma",
            "choice",
            "api",
            choices=(
                ("api", "fee by fee through Alma's API"),
                ("import_file", "as a file for Alma's bursar import"),
                ("none", "not at all; only our books are kept"),
            ),
        ),
        SettingField("method", "Payment method in Alma", "text", "ONLINE", required=True, longest=40),
        SettingField("comment", "Comment on the payment", "text", "Paid in PeopleSoft", longest=200),
        SettingField(
            "pay_exported",
            "Also pay fees that Alma has handed to the bursar",
            "flag",
            False,
            "Off: money for such a fee waits for a person.",
        ),
        SettingField(
            "release",
            "After the last cent of a debt",
            "choice",
            "next",
            choices=(
                ("next", "the hold leaves with the next file"),
                ("at_once", "a Released file leaves at once"),
            ),
        ),
        SettingField(
            "import_directory", "Folder for Alma's import file", "text", "", "On the server of Delivery."
        ),
        SettingField(
            "import_file_name",
            "Name of Alma's import file",
            "text",
            "feebridge-payments-{YYYY}{MM}{DD}-{run}.xml",
            longest=120,
        ),
        SettingField(
            "import_confirm_hours",
            "Hours until Alma must show an imported payment",
            "number",
            24,
            least=1,
            most=240,
        ),
    ),
    needs_admin=True,
)

RECONCILIATION = Section(
    "reconciliation",
    "Comparing the books",
    "How far back Alma, our ledger and PeopleSoft are compared, and when a difference counts.",
    (
        SettingField("window_days", "Days looked back in Alma's report", "number", 7, least=1, most=60),
        SettingField(
            "timing_hours",
            "A difference younger than (hours) may still be on its way",
            "number",
            48,
            most=240,
        ),
        SettingField(
            "clearing_hours",
            "Say so when money waits longer than (hours)",
            "number",
            24,
            "Received, and neither posted nor set aside.",
            least=1,
            most=240,
        ),
        SettingField(
            "max_fee_reads",
            "Fees asked for again at most",
            "number",
            500,
            "One Alma call each, for fees that disagree.",
            most=100_000,
        ),
        SettingField(
            "expected_every_hours",
            "A payment file is expected every (hours)",
            "number",
            0,
            "0: not expected.",
            most=1000,
        ),
        SettingField(
            "hold_list_layout", "Layout of PeopleSoft's hold list", "text", "", _LAYOUT_HELP, longest=60
        ),
        SettingField(
            "hold_list_files",
            "Hold lists on the server of Delivery are called",
            "words",
            [],
            "Patterns such as holds_*.csv. Empty: they are uploaded.",
            pattern=_FILE_PATTERN,
            pattern_says=_FILE_PATTERN_SAYS,
        ),
        SettingField("hold_list_directory", "Their folder", "text", "", "Empty: the folder of Delivery."),
    ),
)

GL = Section(
    "gl",
    "GL journal",
    "Payments as a balanced journal for PeopleSoft Financials; only for money taken outside Student Financials.",
    (
        SettingField("layout", "Layout", "text", "cfs-journal-csv", required=True, longest=60),
        SettingField(
            "business_unit",
            "Business unit",
            "text",
            "",
            longest=5,
            pattern=r"[A-Za-z0-9]{1,5}",
            pattern_says="a business unit of up to 5 letters and digits",
        ),
        SettingField("ledger", "Ledger", "text", "ACTUALS", longest=10),
        SettingField("source", "Journal source", "text", "LIB", longest=3),
        SettingField("currency", "Currency", "text", "USD", longest=3),
        SettingField(
            "sources",
            "Payments taken",
            "words",
            ["cashier", "gateway"],
            "cashier, gateway, peoplesoft. What Student Financials took is in its own journals already.",
            pattern=r"cashier|gateway|peoplesoft",
            pattern_says="cashier, gateway or peoplesoft",
        ),
        SettingField(
            "chartfields",
            "Chartfields",
            "json_map",
            {},
            "One fee type a line, * for any other: OVERDUEFINE = account / fund / dept / program / class / project. "
            "What is not used stays empty between the strokes.",
        ),
        SettingField(
            "clearing",
            "Clearing account",
            "text",
            "",
            "The other side of every journal: account / fund / dept / program / class / project.",
        ),
        SettingField(
            "file_name",
            "File name",
            "text",
            "",
            "Empty: as the layout says.",
        ),
        SettingField("directory", "Folder on the server", "text", "", "Empty: the folder of Delivery."),
    ),
)
