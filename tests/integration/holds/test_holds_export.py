"""The whole job, from a violations file to files in a real SFTP drop."""

from __future__ import annotations

TWO_PATRONS = (
    "000000001,25.00,No permit,2026-09-01,T1,Student",
    "000000001,10.50,Meter,2026-10-01,T2,Student",
    "000000002,2.77,Meter,2026-10-02,T3,Staff",
)


def test_debts_become_one_line_per_patron_with_the_total_and_the_oldest_violation(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    (name,) = campus.dropped()
    assert name.startswith("csusm_holds_added_")
    assert campus.dropped()[name] == (
        "000000001\t35.50\tStudent\tNo permit\t2026-09-01\n000000002\t2.77\tStaff\tMeter\t2026-10-02\n"
    )
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    assert run.story.startswith("2 patrons added ($38.27); file delivered to 127.0.0.1 at ")
