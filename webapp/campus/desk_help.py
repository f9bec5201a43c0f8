"""What helps with a row of a conversion that is held back: its values, the table row it lacks, the charges it may mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flask import url_for

from webapp.campus.charge_words import field_text, field_title
from webapp.domain.charge_maps import first_match
from webapp.domain.layouts import FEE_FIELDS
from webapp.domain.money import MoneyError, parse_cents
from webapp.models import QuarantinedRow
from webapp.models.scope import ScopedSession
from webapp.services import resend_lines
from webapp.services.mend_row import MENDABLE, PIPELINE
from webapp.services.save_charge_map import ChargeMaps, read_charge_maps
from webapp.store import ledger_pages
from webapp.store.answers_desk import REJECTED
from webapp.store.ledger import ToldCharge

CREDIT_RULES = frozenset({"credit_ambiguous", "credit_above_charge", "credit_without_charge"})
# Corrected often, whether they came or not; what else came is there to be corrected too.
_FIRST = (
    "patron_id",
    "amount_cents",
    "fee_type",
    "library",
    "patron_group",
    "transaction_on",
    "item_barcode",
)
_NOT_SHOWN = frozenset({"n", "candidates"})


@dataclass(frozen=True, slots=True)
class MendField:
    """A value that may be corrected: as it came and as it was corrected, both as people write them."""

    name: str
    title: str
    came: str
    corrected: str
    kind: str

    @property
    def now(self) -> str:
        """What the next run takes."""
        return self.corrected or self.came


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A table that has no row for this fee, and the address of a new row with its keys filled in."""

    table: str
    keys: tuple[tuple[str, str], ...]
    url: str


@dataclass(frozen=True, slots=True)
class DeskHelp:
    """Everything the page of such a row offers. ``is_rejected``: PeopleSoft refused the line; it is sent again."""

    came: Sequence[tuple[str, str]]
    fields: Sequence[MendField]
    missing: Sequence[MissingRow]
    charges: Sequence[ToldCharge]
    chosen_charge: str
    is_rejected: bool
    is_credit: bool
    fee_ref: str


def is_charge(row: QuarantinedRow) -> bool:
    """Whether the row is a fee of a conversion, or a line of one that PeopleSoft rejected."""
    return row.pipeline == PIPELINE or row.rule == REJECTED


def read_help(session: ScopedSession, row: QuarantinedRow, on: date) -> DeskHelp:
    """What helps with the row, from the layout's tables and the ledger."""
    is_rejected = row.rule == REJECTED
    is_credit = (row.amount_cents or 0) < 0
    is_open = row.resolved_at is None
    values = {**row.raw, **row.patch}
    looks_up = is_open and not is_rejected and not is_credit
    patron_id = str(values.get("patron_id") or "")
    return DeskHelp(
        came=[
            (field_title(name), field_text(name, value))
            for name, value in row.raw.items()
            if value not in (None, "") and name not in _NOT_SHOWN and not name.startswith("sent_")
        ],
        fields=mend_fields(row, resend_lines.MENDABLE if is_rejected else MENDABLE),
        missing=missing_rows(read_charge_maps(session, on), values) if looks_up else [],
        charges=ledger_pages.charges_of_patron(session, patron_id)
        if is_open and is_credit and not is_rejected
        else [],
        chosen_charge=str(row.patch.get("original_reference") or ""),
        is_rejected=is_rejected,
        is_credit=is_credit,
        fee_ref=str(row.raw.get("fee_ref") or ""),
    )


def mend_fields(row: QuarantinedRow, mendable: Sequence[str]) -> list[MendField]:
    """The values that may be corrected: the usual ones first, then whatever else came or was corrected."""
    names = [
        *(name for name in _FIRST if name in mendable),
        *(
            name
            for name in mendable
            if name not in _FIRST and (row.raw.get(name) not in (None, "") or name in row.patch)
        ),
    ]
    return [
        MendField(
            name, field_title(name), _written(name, row.raw.get(name)), _written(name, row.patch.get(name)),
            FEE_FIELDS.get(name, "text"),
        )
        for name in names
    ]  # fmt: skip


def read_patch(fields: Sequence[MendField], typed: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """What a form changes, as ``mend_row`` takes it (an empty text takes a correction back), and what is wrong."""
    patch: dict[str, str] = {}
    for field in fields:
        if field.name not in typed:
            continue
        given = " ".join(typed[field.name].split())
        if given in {field.came, ""}:
            if field.corrected:
                patch[field.name] = ""
        elif given != field.corrected:
            try:
                patch[field.name] = str(parse_cents(given)) if field.kind == "cents" else given
            except MoneyError as err:
                return {}, f"{field.title}: {err}. Nothing was changed."
    return patch, ""


def missing_rows(maps: ChargeMaps, values: Mapping[str, object]) -> list[MissingRow]:
    """The tables looked up by fields of the row, of which no row fits."""
    found = []
    for known in maps.maps:
        if known.part != "tables" or not all(key in FEE_FIELDS for key in known.key_fields):
            continue
        wanted = [str(values.get(key) or "") for key in known.key_fields]
        if first_match([row[: len(wanted)] for row in known.rows], wanted) is None:
            found.append(
                MissingRow(
                    known.name,
                    tuple(
                        (field_title(key), text) for key, text in zip(known.key_fields, wanted, strict=True)
                    ),
                    url_for("campus.charge_map", part="tables", name=known.name, key=wanted),
                )
            )
    return found


def _written(name: str, value: object) -> str:
    if value in (None, ""):
        return ""
    if name.endswith("_cents") and isinstance(value, int):
        return f"{'-' if value < 0 else ''}{abs(value) // 100}.{abs(value) % 100:02}"
    return str(value)
