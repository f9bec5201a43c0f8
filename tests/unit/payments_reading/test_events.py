from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.unit.payments_reading.making import changed, good, read, refused
from webapp.domain.layouts.inbound import InboundFileError, InboundRow, load_inbound, read_rows

EVENTS = "ps-payments-event"
HEADING = "Unit,ID,Item Nbr,Line Seq,Item Type,Item Term,Reference Nbr,Line Amount,Line Action,Payment ID,Posted Date\n"


def line(amount="12.50", action="PAY", payment_id="000000778812", line_seq="2", item_nbr="000000000000731"):
    return (
        f'"LKCMP","004417203","{item_nbr}",{line_seq},"300000006919","2264","22200144000006421",{amount},'
        f'"{action}","{payment_id}",09/21/2026\n'
    )


def test_a_payment_is_told_with_its_money_its_day_and_a_number_that_tells_it_apart():
    (row,) = good(EVENTS, HEADING + line())
    assert (row.says, row.kind, row.cents, row.applied_cents) == ("event", "payment", 1250, None)
    assert (row.paid_on, row.updated_at) == (date(2026, 9, 21), None)
    assert row.event_id == "778812|LKCMP|004417203|000000000000731|2"


@pytest.mark.parametrize("action", ["PAY", "CCP", "CSH", "SSP", "TPA", "pay "])
def test_every_way_of_paying_is_a_payment_and_below_zero_it_is_taken_back(action):
    paid, taken_back = good(EVENTS, HEADING + line(action=action) + line(amount="(12.50)", action=action))
    assert (paid.kind, paid.cents) == ("payment", 1250)
    assert (taken_back.kind, taken_back.cents) == ("reversal", -1250)


@pytest.mark.parametrize(
    ("action", "kind"), [("WRO", "write_off"), ("CRV", "charge_reversal"), ("REF", "refund")]
)
def test_a_write_off_a_charge_reversal_and_a_refund_are_no_payments(action, kind):
    (row,) = good(EVENTS, HEADING + line(action=action))
    assert (row.kind, row.cents) == (kind, 1250)


@pytest.mark.parametrize(
    ("action", "said"), [("XYZ", "the action 'XYZ' is not known"), ("", "'Line Action' is missing")]
)
def test_a_line_with_an_action_that_nobody_knows_is_set_aside_and_the_others_are_read(action, said):
    fault, row = read(EVENTS, HEADING + line(action=action) + line())
    assert said in getattr(fault, "reason", "")
    assert getattr(row, "kind", "") == "payment"


def test_one_payment_of_two_items_and_two_lines_of_one_item_are_all_different_events():
    lines = line() + line(item_nbr="000000000000732") + line(line_seq="3")
    assert len({row.event_id for row in good(EVENTS, HEADING + lines)}) == 3


def test_a_payment_number_that_lost_its_zeros_is_the_same_payment():
    first, again = good(EVENTS, HEADING + line() + line(payment_id="778812", item_nbr="731"))
    assert first.event_id == again.event_id


def test_lines_without_any_number_have_no_event_id():
    assert good(EVENTS, HEADING + line(payment_id="", line_seq=""))[0].event_id == ""


def test_from_the_accounts_side_a_payment_stands_below_zero():
    words = {"says": "event", "positive_is": "charge", "actions": {"PAY": "payment", "WRO": "write_off"}}
    rows = good(
        changed(EVENTS, payments=words),
        HEADING + line(amount="12.50-") + line() + line(amount="-3.00", action="WRO"),
    )
    assert [(row.kind, row.cents) for row in rows] == [
        ("payment", 1250),
        ("reversal", -1250),
        ("write_off", 300),
    ]


def test_a_payment_of_nothing_says_so():
    (row,) = good(EVENTS, HEADING + line(amount=".00"))
    assert (row.kind, row.cents) == ("payment", 0)


def test_a_campus_with_tabs_titles_and_a_last_line_of_junk_is_read_by_position():
    """The shape that UCLA's library reads from its billing system (UCLALibrary/voyager-local-circ, bar_qdb_data.ctl)."""
    document = {
        "format": "feebridge/layout/1",
        "direction": "in",
        "name": "tabs",
        "mode": "delimited",
        "delimiter": "\t",
        "quote": "none",
        "skip_first": 5,
        "skip_last": 1,
        "columns": [
            {"name": "Subcode", "field": "item_type"},
            {"name": "Student", "field": "emplid"},
            {"name": "Term", "field": "term"},
            {"name": "Sequence", "field": "reference"},
            {"name": "Paid", "field": "paid_at"},
            {"name": "Applied", "field": "applied_cents"},
        ],
        "payments": {"says": "event"},
    }
    content = (
        "Paid items\n\n\tfor the library\nsubcode\tid\n-------\n"
        "LB07\t904417203\t26F\t0012\tSep 21 2026  2:10PM\t35.00\n"
        "LB07\t904417203\t26F\t0012\tSep 22 2026 12:00AM\t-35.00\n"
        "2 rows affected\n"
    )
    paid, taken_back = good(document, content)
    assert (paid.kind, paid.cents, paid.updated_at) == (
        "payment",
        3500,
        datetime(2026, 9, 21, 21, 10, tzinfo=UTC),
    )
    assert paid.item_key == "|904417203|LB07|26F|0012"
    assert (taken_back.kind, taken_back.cents, taken_back.paid_on) == ("reversal", -3500, date(2026, 9, 22))


def sierra(amount="00004000", kind="2"):
    return "26092140658 desk2       p2000417  b34029000118273     " + amount + kind


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_sierra_lines_are_cut_by_position_with_cents_and_any_line_end(end):
    first, second = good("sierra-63", sierra() + end + sierra("00000250", "") + end)
    assert (first.patron_id, first.reference, first.cents) == ("p2000417", "34029000118273", 4000)
    assert (first.paid_on, first.emplid, first.event_id) == (date(2026, 9, 21), "", "")
    assert (second.line, second.cents, second.raw) == (2, 250, sierra("00000250", ""))


def test_a_sierra_line_cut_inside_its_amount_is_set_aside():
    assert "cut off" in refused("sierra-63", sierra()[:59] + "\r").reason


def test_an_id_and_an_amount_are_enough():
    content = 'Student ID,Amount Paid\n4417203,"1,012.50"\n004417203,-5\nTotal,1007.50\n'
    first, second = good("emplid-amount", content)
    assert (first.emplid, first.cents, first.kind, first.paid_on) == ("004417203", 101250, "payment", None)
    assert (second.cents, second.kind) == (-500, "reversal")


def test_a_cashiers_extract_is_read_by_its_own_headings_a_void_takes_the_payment_back():
    content = (
        "Batch,Transaction Number,Line,Transaction Date,Cust Code,Customer Name,Item Code,Ref 1,Amount,Tx Type\n"
        '771,5550123,1,9/21/2026 2:10:05 PM,004417203,"Okafor, Ada",LIB-LOST,22200144000006421,25.00,Sale\n'
        '771,5550124,1,9/21/2026 2:15:00 PM,004417203,"Okafor, Ada",LIB-LOST,22200144000006421,25.00,VOID\n'
        '771,5550125,1,9/21/2026 2:20:00 PM,004417203,"Okafor, Ada",LIB-LOST,22200144000006421,25.00,Refund\n'
        ",Grand Total,,,,,,,75.00,\n"
    )
    rows = good("cashnet-extract", content)
    assert [(row.kind, row.cents) for row in rows] == [
        ("payment", 2500),
        ("reversal", -2500),
        ("refund", 2500),
    ]
    assert rows[0].event_id == "5550123||004417203|LIB-LOST||22200144000006421|1"
    assert (rows[0].item_type, rows[0].paid_on) == ("LIB-LOST", date(2026, 9, 21))


def test_a_list_of_holds_is_no_file_of_payments():
    with pytest.raises(InboundFileError, match="choose a layout of payments"):
        read("ps-hold-list", "ID,Service Ind Cd\n004417203,LIB\n")


def test_the_holds_that_peoplesoft_has_are_read_with_code_reason_amount_and_dates():
    from webapp.domain.layouts.inbound import READY_MADE_INBOUND

    content = (
        "EMPLID,INSTITUTION,SRVC_IND_CD,SRVC_IND_REASON,SRVC_IND_ACT_TERM,SRVC_IND_ACTIVE_DT,SCC_SI_END_DT,AMOUNT,"
        "SRVC_IND_DTTM\n"
        '"004417203","LKCMP","LIB","LOST","2264",09/21/2026,,85.00,09/21/2026  2:10:05PM\n'
    )
    (row,) = read_rows([content.encode()], load_inbound(READY_MADE_INBOUND["ps-hold-list"]))
    assert isinstance(row, InboundRow)
    assert row.values == {
        "emplid": "004417203",
        "hold_code": "LIB",
        "hold_reason": "LOST",
        "amount_cents": 8500,
        "term": "2264",
        "hold_from_on": date(2026, 9, 21),
        "updated_at": datetime(2026, 9, 21, 14, 10, 5),  # noqa: DTZ001 - the clock on the campus's wall
    }
