"""Invented fees, small layouts for charges, and short ways to render them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from webapp.domain.layouts import SetContext, compile_set, load_layout_set, render_set

PACIFIC = ZoneInfo("America/Los_Angeles")
CONTEXT = SetContext(
    run_at=datetime(2023, 3, 1, 18, 0, 0, tzinfo=PACIFIC),
    campus="csusm",
    campus_name="Cal State Example",
    sequence=7,
    profile_code="BURSAR",
    export_number="4711",
)


def fee(**changes):
    """One fee with invented values."""
    row = {
        "emplid": "012345678",
        "payer": "campus",
        "patron_name": "Doe, Jane",
        "patron_group": "UNDERGRAD",
        "fee_type": "OVERDUEFINE",
        "kind": "charge",
        "debit_credit": "D",
        "currency": "USD",
        "fee_ref": "17251880460004601",
        "reference": "17251880460004601",
        "library": "MAIN",
        "item_title": "Calculus",
        "item_barcode": "31205000112233",
        "amount_cents": 1_250,
        "transaction_on": date(2023, 2, 23),
        "due_on": date(2023, 2, 1),
        "transaction_at": datetime(2023, 2, 23, 19, 44, 33, tzinfo=ZoneInfo("UTC")),
    }
    return {**row, **changes}


def credit(**changes):
    """One credit with what the ledger knows of its charge."""
    row = fee(
        kind="credit",
        debit_credit="C",
        amount_cents=-500,
        reference="17251880460004602",
        original_reference="17251880460004601",
        original_item_type="300000006919",
        original_term="2232",
        original_billing_on=date(2023, 1, 15),
        original_amount_cents=1_250,
    )
    return {**row, **changes}


def column(value, name=None, **shaping):
    """A column; a plain word is a field name."""
    return {
        "name": name or str(value).translate(dict.fromkeys(map(ord, "{}[]'\",:")))[:60],
        "value": {"field": value} if isinstance(value, str) else value,
        **shaping,
    }


def charges(*detail, **changes):
    """A small layout document for charges, comma-separated, of these columns."""
    records = {"detail": [*detail], **changes.pop("records", {})}
    document = {
        "format": "feebridge/layout/1",
        "name": "Test",
        "subject": "charges",
        "mode": "delimited",
        "delimiter": ",",
        "file_name": "{kind}.txt",
        "records": records,
        **changes,
    }
    if document["mode"] == "positional":
        del document["delimiter"]
    return document


class Sink(bytearray):
    """Keeps what is written, and whether it was finished."""

    is_closed = False

    def write(self, octets):
        assert not self.is_closed
        self.extend(octets)

    def close(self):
        assert not self.is_closed
        self.is_closed = True


class Rendered:
    """What became of rows: ``files`` as told, ``bytes`` by (kind, part), ``refused`` as (row, error), ``lines``."""

    def __init__(self, document, rows, *, context=CONTEXT, presorted=False):
        self.sinks = {}
        self.refused = []
        self.lines = []
        compiled = compile_set(load_layout_set(document), context)
        self.files = render_set(
            compiled,
            iter(rows),
            self._open,
            on_refused=lambda row, error: self.refused.append((row, error)),
            on_line=lambda row, file, part, line: self.lines.append((row["reference"], file, part, line)),
            presorted=presorted,
        )
        assert all(sink.is_closed for sink in self.sinks.values())

    def _open(self, kind, part):
        assert (kind, part) not in self.sinks
        return self.sinks.setdefault((kind, part), Sink())

    def text(self, kind="charges", part=1, encoding="ascii"):
        """What stands in one file; "" when it was not opened."""
        return bytes(self.sinks.get((kind, part), b"")).decode(encoding)

    @property
    def reasons(self):
        """Why rows were refused."""
        return [error.reason for _, error in self.refused]


def value_of(column_document, row=None, *, context=CONTEXT, **changes):
    """The text one column gives for one row."""
    rendered = Rendered(
        charges(column_document, final_newline=False, **changes), [row or fee()], context=context
    )
    assert not rendered.refused, rendered.reasons
    return rendered.text(encoding=changes.get("encoding", "ascii"))
