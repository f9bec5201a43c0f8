"""A campus that sends charges: invented files from Alma, conversions, ledger lines and rows held back, put there one by one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask

from webapp.models import (
    Approval,
    BursarRow,
    BursarTask,
    Delivery,
    File,
    InboundFile,
    LayoutVersion,
    LedgerEntry,
    QuarantinedRow,
    Run,
    RunEvent,
    RunStep,
    TenantSetting,
)
from webapp.models.scope import ScopedSession, tenant_scope

NOW = datetime.now(UTC).replace(microsecond=0)
SENT_FEE, CREDITED_FEE, REJECTED_FEE = "81060001230006381", "81060001240006381", "81060001250006381"
WAITING_FEE, HELD_FEE, CREDIT_FEE = "81060001990006381", "81060001300006381", "81060001400006381"
UNMAPPED = "column 'item_type': table 'item_types' has no row for 'PRINTFEE', 'KELLOGG', 'D'"
AMBIGUOUS = "several charges could be meant: 81060001230006381, 81060001240006381"
LAYOUT = {
    "format": "feebridge/layout/1",
    "subject": "charges",
    "name": "San Marcos charges",
    "mode": "delimited",
    "delimiter": ",",
    "line_end": "LF",
    "file_name": "csusm_{kind}_{YYYY}{MM}{DD}_{sequence:4}.txt",
    "tables": {
        "item_types": {
            "keys": ["fee_type", "library", "debit_credit"],
            "columns": ["item_type", "text"],
            "rows": [
                ["LOSTITEMREPLACEMENTFEE", "*", "D", "600100000123", "Lost item"],
                ["OVERDUEFINE", "*", "D", "600100000124", "Overdue"],
                ["OVERDUEFINE", "*", "C", "600100000125", "Overdue, credited"],
            ],
        }
    },
    "calendars": {
        "terms": {
            "terms": [
                ["2264", "2026-01-20", "2026-05-22"],
                ["2265", "2026-05-26", "2026-08-14"],
                ["2267", "2026-08-10", "2026-12-31"],
                ["2272", "2027-01-10", "2027-05-21"],
            ],
            "missing": "refuse",
        }
    },
    "fields": {
        "item_type": {"lookup": {"table": "item_types", "column": "item_type"}},
        "term": {"term": "terms", "on": "transaction_on"},
    },
    "records": {
        "detail": [
            {"name": "emplid", "value": {"field": "emplid"}},
            {"name": "item_type", "value": {"field": "item_type"}},
            {"name": "term", "value": {"field": "term"}},
            {"name": "amount", "value": {"field": "amount_cents"}, "amount": {"decimals": "point"}},
        ]
    },
}
TITLES = ("Organic chemistry", "A history of the world in 100 objects", "Laptop charger", "")


@dataclass(frozen=True)
class ChargeRows:
    """Ids of what was put there."""

    done_inbound: int
    refused_inbound: int
    duplicate_inbound: int
    waiting_inbound: int
    done: int
    leaving: int
    charges_file: int
    unmapped_row: int
    several_row: int
    rejected_row: int


def fill_charges(
    app: Flask, tenant_id: int, *, waits_for: str = "cutoff", asked_by: int | None = None
) -> ChargeRows:
    """Fill a campus whose newest run (``leaving``) waits for its cut-off, or for ``approval``.

    ``asked_by`` asked for it and for a credit.
    """
    with app.app_context(), tenant_scope(tenant_id) as session:
        rows = _Filler(session, asked_by).fill(waits_for)
        session.commit()
        return rows


class _Filler:
    def __init__(self, session: ScopedSession, asked_by: int | None) -> None:
        self.session = session
        self.asked_by = asked_by
        self.rejected_entry = 0

    def fill(self, waits_for: str) -> ChargeRows:
        self._settings()
        for days_ago in range(3, 40, 2):
            lines = days_ago * 7 % 23 + 4
            self._run("succeeded", days_ago=days_ago, counts=_counts(lines, lines * 1530))
        done = self._run("succeeded", days_ago=1, counts=_counts(12, 41_350, quarantined=3, excluded=4))
        done_inbound = self._inbound(
            "done", "USMBURSAR-4711-20261120.xml", run_id=done, rows=19, cents=60_100
        )
        self._steps(done)
        charges_file = self._file(done, "charges", 9, 38_350)
        self._file(done, "community", 3, 3_000)
        self._rows(done)
        self._ledger(done, charges_file)
        refused = self._inbound(
            "refused",
            "USMBURSAR-4712-20261120.xml",
            message="The file ends in the middle of an element: line 1,204, column 17 (mismatched tag). Nothing of it was read.",
        )
        duplicate = self._inbound(
            "duplicate", "USMBURSAR-4711-20261120 (1).xml", origin="upload", repeats=done_inbound
        )
        waiting = self._inbound("waiting", "USMBURSAR-4714-20261121.xml", origin="webhook")
        leaving = self._awaiting() if waits_for == "approval" else self._at_cutoff()
        return ChargeRows(
            done_inbound, refused, duplicate, waiting, done, leaving, charges_file, *self._desk(done)
        )  # fmt: skip

    def _awaiting(self) -> int:
        run_id = self._run("awaiting_approval", days_ago=0, counts=_counts(240, 2_500_000), asked=True)
        at = NOW - timedelta(hours=1)
        self.session.add(
            RunStep(run_id=run_id, n=1, name="build", state="done", started_at=at, finished_at=at, result={})
        )
        self.session.add(
            RunStep(
                run_id=run_id,
                n=2,
                name="check",
                state="done",
                started_at=at,
                finished_at=at,
                result={"four_eyes": True},
            )
        )
        reason = "The total is $25,000.00; above $10,000.00 two people must agree."
        self.session.add(Approval(run_id=run_id, reasons=[reason]))
        self._row(run_id, 1, WAITING_FEE, 2_500, patron="000012377")
        return run_id

    def _at_cutoff(self) -> int:
        run_id = self._run("queued", days_ago=0, counts=_counts(2, 4_500), step="wait")
        self._inbound("taken", "USMBURSAR-4713-20261121.xml", run_id=run_id, rows=2, cents=4_500)
        self._row(run_id, 1, WAITING_FEE, 2_500, patron="000012377")
        self._row(run_id, 2, "81060001980006381", 2_000, patron="000012378")
        return run_id

    def _settings(self) -> None:
        for section, value in {
            "delivery": {"sftp_enabled": True, "sftp_host": "sftp.example.edu", "sftp_directory": "/in"},
            "bursar": {"layout": "csusm-charges", "cutoff_minutes": 180, "four_eyes_cents": 1_000_000},
            "arrival": {"place": "sftp", "sftp_host": "drop.example.edu", "sftp_directory": "/alma"},
        }.items():
            self.session.merge(TenantSetting(tenant_id=self.session.tenant_id, section=section, value=value))

        self.session.add(LayoutVersion(name="csusm-charges", version=1, body=LAYOUT))

    def _run(
        self, state: str, *, days_ago: int, counts: dict[str, Any], step: str = "", asked: bool = False
    ) -> int:
        at = NOW - timedelta(days=days_ago, hours=1)
        run = Run(
            pipeline="bursar_conversion",
            trigger="person" if asked else "file_arrival",
            requested_by=self.asked_by if asked else None,
            scheduled_at=at,
            created_at=at,
            started_at=at,
            finished_at=at + timedelta(seconds=21) if state == "succeeded" else None,
            not_before=datetime.now(UTC) + timedelta(hours=2, minutes=13) if step == "wait" else at,
            state=state,
            step=step,
            counts=counts,
            story={
                "succeeded": f"{counts['rows_sent']} fees sent to PeopleSoft; files delivered to sftp.example.edu.",
                "awaiting_approval": "Waits for a person. The total is above the limit for two people.",
                "queued": "Waits for the cut-off; until then a fee can be recalled.",
            }[state],
        )
        self.session.add(run)
        self.session.flush()
        self.session.add(RunEvent(run_id=run.id, actor="worker 1", to_state=state, at=at))
        return run.id

    def _steps(self, run_id: int) -> None:
        at = NOW - timedelta(days=1)
        for n, name in enumerate(
            ("receive", "read", "decide", "wait", "build", "check", "deliver", "report"), 1
        ):
            end = at + timedelta(seconds=n)
            self.session.add(
                RunStep(
                    run_id=run_id, n=n, name=name, state="done", started_at=at, finished_at=end, result={}
                )
            )

    def _inbound(
        self,
        state: str,
        name: str,
        *,
        origin: str = "sftp",
        run_id: int | None = None,
        repeats: int | None = None,
        message: str = "",
        rows: int | None = None,
        cents: int | None = None,
    ) -> int:
        text = name.replace(" (1)", "")
        found = InboundFile(
            kind="bursar_xml",
            origin=origin,
            name=name,
            place="drop.example.edu:/alma" if origin == "sftp" else origin,
            size=48_113,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            store_key=f"inbound/{name}" if state != "duplicate" else "",
            profile_code="USMBURSAR",
            job_id=name.split("-")[1],
            export_number="17492217040006761",
            state=state,
            run_id=run_id,
            repeats_id=repeats,
            message=message,
            row_count=rows,
            total_cents=cents,
            received_at=NOW - timedelta(hours=26 if state == "done" else 1),
        )
        self.session.add(found)
        self.session.flush()
        return found.id

    def _row(
        self,
        run_id: int,
        n: int,
        fee_ref: str,
        cents: int,
        *,
        patron: str,
        fee_type: str = "LOSTITEMREPLACEMENTFEE",
        **more: Any,
    ) -> None:
        body = {
            "fee_ref": fee_ref, "patron_id": patron, "patron_name": f"Robin Example {n}", "fee_type": fee_type,
            "library": "KELLOGG", "debit_credit": "D" if cents > 0 else "C", "item_title": TITLES[n % len(TITLES)], "transaction_on": "2026-11-02",
            "amount_cents": cents,
        }  # fmt: skip
        self.session.add(
            BursarRow(
                run_id=run_id, n=n, fee_ref=fee_ref, patron_id=patron, amount_cents=cents, body=body, **more
            )
        )

    def _rows(self, run_id: int) -> None:
        fees = [SENT_FEE, CREDITED_FEE, REJECTED_FEE, *(f"8106000150{n}0006381" for n in range(9))]
        for n, fee_ref in enumerate(fees, 1):
            self._row(run_id, n, fee_ref, 3_500 + n, patron=f"00001234{n % 10}")
        held = {"verdict": "quarantined", "rule": "layout", "reason": UNMAPPED}
        self._row(run_id, 13, HELD_FEE, 750, patron="000012350", fee_type="PRINTFEE", **held)
        self._row(run_id, 14, CREDIT_FEE, -1_500, patron="000012341", kind="credit",
                  verdict="quarantined", rule="credit_ambiguous", reason=AMBIGUOUS)  # fmt: skip
        for n in range(15, 19):
            self._row(run_id, n, f"8106000160{n}0006381", 50, patron="000012360", verdict="excluded",
                      rule="below_minimum", reason="Below the smallest amount.")  # fmt: skip

    def _file(self, run_id: int, kind: str, rows: int, cents: int) -> int:
        at = NOW - timedelta(days=1)
        name = f"csusm_{kind}_20261120_0007.txt"
        file = File(
            run_id=run_id, kind=kind, name=name, store_key=f"none/{kind}", size=rows * 80,
            sha256=hashlib.sha256(kind.encode()).hexdigest(), row_count=rows, total_cents=cents,
            layout_name="ps-external-file", confirmed_at=at, created_at=at,
        )  # fmt: skip
        self.session.add(file)
        self.session.flush()
        self.session.add(
            Delivery(run_id=run_id, file_id=file.id, target="sftp", address="sftp.example.edu", remote_name=name,
                     state="delivered", delivered_at=at, acknowledged_at=at + timedelta(minutes=9),
                     acknowledgement=f"{name}.processed")
        )  # fmt: skip
        return file.id

    def _entry(
        self, fee_ref: str, event: str, cents: int, run_id: int, file_id: int, line_no: int, **more: Any
    ) -> int:
        entry = LedgerEntry(
            fee_ref=fee_ref, side="bursar", event=event, amount_cents=cents, run_id=run_id, file_id=file_id,
            line_no=line_no, **{
                "patron_id": "000012341", "emplid": "000012341", "fee_type": "LOSTITEMREPLACEMENTFEE",
                "item_type": "600100000123", "term": "2264", "billing_on": date(2026, 11, 20), "reference": fee_ref,
                "at": NOW - timedelta(days=1), **more,
            },
        )  # fmt: skip
        self.session.add(entry)
        self.session.flush()
        return entry.id

    def _ledger(self, run_id: int, file_id: int) -> None:
        self._entry(SENT_FEE, "charge", 3_501, run_id, file_id, 1)
        self._entry(SENT_FEE, "accepted", 3_501, run_id, file_id, 1, at=NOW - timedelta(hours=20))
        charged = self._entry(CREDITED_FEE, "charge", 3_502, run_id, file_id, 2)
        self._entry("81060001410006381", "credit", -1_000, run_id, file_id, 4, original_ref=CREDITED_FEE,
                    at=NOW - timedelta(hours=5))  # fmt: skip
        self.rejected_entry = self._entry(REJECTED_FEE, "charge", 3_503, run_id, file_id, 3)
        said = {"entry_id": self.rejected_entry, "message": "EMPLID 000012343 is not valid."}
        self._entry(
            REJECTED_FEE, "rejected", 3_503, run_id, file_id, 3, at=NOW - timedelta(hours=20), evidence=said
        )
        self.session.add(
            BursarTask(kind="credit", fee_ref=CREDITED_FEE, amount_cents=2_502, entry_id=charged,
                       reason="Returned to the wrong library", created_by=self.asked_by)
        )  # fmt: skip

    def _desk(self, run_id: int) -> tuple[int, int, int]:
        raw = {"fee_ref": HELD_FEE, "patron_id": "000012350", "patron_name": "Robin Example 13", "fee_type": "PRINTFEE",
               "library": "KELLOGG", "debit_credit": "D", "amount_cents": 750}  # fmt: skip
        unmapped = self._held(run_id, HELD_FEE, "layout", UNMAPPED, 750, raw)
        credit = {"fee_ref": CREDIT_FEE, "kind": "credit", "patron_id": "000012341", "amount_cents": -1_500,
                  "debit_credit": "C", "item_barcode": "30600001"}  # fmt: skip
        several = self._held(run_id, CREDIT_FEE, "credit_ambiguous", AMBIGUOUS, -1_500, credit)
        rejected = self._held(
            run_id, REJECTED_FEE, "rejected_by_peoplesoft", "PeopleSoft rejected it: EMPLID 000012343 is not valid.", 3_503,
            {"fee_ref": REJECTED_FEE, "emplid": "000012343", "patron_id": "000012343", "amount_cents": 3_503,
             "fee_type": "LOSTITEMREPLACEMENTFEE", "kind": "charge", "sent_entry_id": self.rejected_entry,
             "sent_file": "csusm_charges_20261120_0007.txt", "sent_line": 3},
        )  # fmt: skip
        return unmapped, several, rejected

    def _held(
        self, run_id: int, fee_ref: str, rule: str, reason: str, cents: int, raw: dict[str, Any]
    ) -> int:
        row = QuarantinedRow(
            run_id=run_id, fingerprint=hashlib.sha256(f"{rule}{fee_ref}".encode()).hexdigest(),
            source="peoplesoft" if rule.startswith("rejected") else "bursar_xml",
            row_ref=f"fee {fee_ref}", reason=reason, rule=rule,
            pipeline="bursar_acknowledgements" if rule.startswith("rejected") else "bursar_conversion", amount_cents=cents, raw=raw,
            first_seen_at=NOW - timedelta(days=2),
        )  # fmt: skip
        self.session.add(row)
        self.session.flush()
        return row.id


def _counts(sent: int, sent_cents: int, *, quarantined: int = 0, excluded: int = 0) -> dict[str, Any]:
    """Counts as a conversion leaves them; what came in is the sum."""
    held_cents, left_cents = quarantined * 250, excluded * 50
    return {
        "rows_in": sent + quarantined + excluded,
        "cents_in": sent_cents + held_cents + left_cents,
        "rows_sent": sent,
        "cents_sent": sent_cents,
        "rows_quarantined": quarantined,
        "cents_quarantined": held_cents,
        "rows_excluded": excluded,
        "cents_excluded": left_cents,
        **(
            {"rows_excluded_below_minimum": excluded, "cents_excluded_below_minimum": left_cents}
            if excluded
            else {}
        ),
        "charges": sent,
        "charges_cents": sent_cents,
        "credits": 0,
        "files": 2,
    }
