"""The invented vocabulary of the sandbox: names nobody bears, titles nobody wrote, and the codes of a campus.

Codes and descriptions of fee types and statuses follow Ex Libris' code tables HFrUserFinesFees.fineFeeType and
.fineFeeStatus; Analytics shows the descriptions, the REST API the codes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coded:
    """A code with the description people see."""

    code: str
    desc: str


FIRST_NAMES = (
    "Bramble", "Cricket", "Dewdrop", "Élodie", "Fennel", "Gossamer", "Halcyon", "Inkwell", "Jubilee", "Kestrel",
    "Larkspur", "Marigold", "Nutmeg", "Oleander", "Peregrine", "Quill", "Rosehip", "Saffron", "Tansy", "Umber",
    "Verbena", "Wisteria", "Yarrow", "Zephyrine",
)  # fmt: skip
LAST_NAMES = (
    "Applewhistle", "Bookbinder-Finch", "Candlewick", "Driftmoor", "Eiderdown", "Fogwater", "Gullfeather",
    "Hollowbrook", "Ivoryquill", "Jollybarrow", "Kettlebridge", "Lanternjaw", "Mossingham", "Nuñez-Fable",
    "O'Marrow", "Pondskipper", "Quillfeather", "Rainbarrel", "Saltmarsh", "Thistledown", "Underwillow",
    "Vellumton", "Windlestraw", "Yonderly", "Zigglesworth",
)  # fmt: skip

TITLES = (
    "The moth and the ledger : a novel of late returns / Q. Inkwell.",
    "Maps of nowhere /\nby C. Driftmoor.",
    "A column\tof figures : accounting for poets",
    '"Quoted lives" : an oral history of "the stacks"',
    "Café des Étoiles : poèmes inédits",
    "Fish & chips <revisited> : coastal cooking",
    "Introduction to imaginary numbers of overdue books. Vol. 2.",
    "O'Marrow's dictionary of small debts",
    "Tidepools for beginners; or, What the barnacle knew",
    "Über die Stille im Lesesaal",
    "Concerto for two typewriters [score]",
    "Redwood arithmetic, 3rd ed.",
    "The librarian's guide to weather | field notes",
    "Ocean chemistry laboratory kit (locker 14)",
)  # fmt: skip

FEE_TYPES = {
    entry.code: entry
    for entry in (
        Coded("OVERDUEFINE", "Overdue fine"),
        Coded("RECALLEDOVERDUEFINE", "Recalled overdue fine"),
        Coded("LOSTITEMREPLACEMENTFEE", "Lost item replacement fee"),
        Coded("LOSTITEMPROCESSFEE", "Lost item process fee"),
        Coded("DAMAGEDITEMFINE", "Damaged item fine"),
        Coded("LIBRARYCARDREPLACEMENT", "Library card replacement"),
        Coded("LOCKERKEY", "Locker key"),
        Coded("SERVICEFEE", "Service fee"),
        Coded("CUSTOMER_DEFINED_01", "Makerspace materials"),
        Coded("OTHER", "Other"),
        Coded("CREDIT", "Credit"),
    )
}
FEE_STATUSES = {
    entry.code: entry
    for entry in (
        Coded("ACTIVE", "Active"),
        Coded("INDISPUTE", "In dispute"),
        Coded("EXPORTED", "Transferred"),
        Coded("CLOSED", "Closed"),
    )
}
TRANSACTION_TYPES = {
    entry.code: entry
    for entry in (
        Coded("PAYMENT", "Payment"),
        Coded("WAIVE", "Waive"),
        Coded("BURSAREXPORT", "Exported and Paid"),
    )
}
WAIVE_REASONS = {
    entry.code: entry
    for entry in (
        Coded("OTHER", "Other"),
        Coded("ITEMRETURNED", "Item was returned"),
        Coded("GOODWILL", "Goodwill"),
        Coded("STAFFERROR", "Staff error"),
    )
}
PAYMENT_METHODS = {
    entry.code: entry
    for entry in (
        Coded("CREDIT_CARD", "Credit Card"),
        Coded("ONLINE", "Online"),
        Coded("CASH", "Cash"),
        Coded("CHECK", "Check"),
    )
}
USER_GROUPS = {
    entry.code: entry
    for entry in (
        Coded("UGRAD", "Undergraduate"),
        Coded("GRAD", "Graduate"),
        Coded("STAFF", "Staff"),
        Coded("FACULTY", "Faculty"),
        Coded("EMERITUS", "Emeritus"),
        Coded("COMMUNITY", "Community borrower"),
    )
}
LIBRARIES = {
    entry.code: entry
    for entry in (
        Coded("MAIN", "Main Library"),
        Coded("MUSIC", "Music Library"),
        Coded("MEDIA", "Media and Maps Library"),
    )
}
IDENTIFIER_TYPES = {
    entry.code: entry for entry in (Coded("UNIV_ID", "University ID"), Coded("BARCODE", "Barcode"))
}
BLOCK_DESCRIPTIONS = {entry.code: entry for entry in (Coded("OWES", "Owes more than the library allows"),)}

CODE_TABLES: dict[str, tuple[str, dict[str, Coded]]] = {
    "HFrUserFinesFees.fineFeeType": ("Fine/fee types", FEE_TYPES),
    "HFrUserFinesFees.fineFeeStatus": ("Fine/fee statuses", FEE_STATUSES),
    "FineFeeTransactionReason": ("Reasons for transactions", WAIVE_REASONS),
    "FineFeeTransactionType": ("Fine/fee transaction types", TRANSACTION_TYPES),
    "PaymentMethod": ("Payment methods", PAYMENT_METHODS),
    "UserGroups": ("User groups", USER_GROUPS),
    "UserIdentifierTypes": ("User identifier types", IDENTIFIER_TYPES),
    "UserBlockDescription": ("User block descriptions", BLOCK_DESCRIPTIONS),
}
