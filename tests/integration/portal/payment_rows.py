"""A campus whose payments come back: invented files, payments and their parts, Alma's fees, and what books disagree on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from flask import Flask

from webapp.models import (
    Delivery,
    Difference,
    File,
    HoldChange,
    InboundFile,
    LedgerEntry,
    Payment,
    PaymentLine,
    ReconciliationDay,
    Run,
    SeenFee,
    SeenTransaction,
)
from webapp.models.scope import ScopedSession, tenant_scope

NOW = datetime.now(UTC).replace(microsecond=0)
PAID_FEE, HALF_FEE, OPEN_FEE = "81060002230006381", "81060002240006381", "81060002250006381"
OTHERS_FEE = "81060002330006381"
EMPLID, OTHER_EMPLID = "000012345", "000012399"
PAID_REF, OVERPAID_REF, UNKNOWN_REF = "FBQ2W3E4R5T6Y7U2I3O4", "FBA2S3D4F5G6H7J2K3L4", "FBZ2X3C4V5B6N7M2Q3W4"
LOST_REF, REFUND_REF = "FBM2N3B4V5C6X7Z2L3K4", "FBR2E3F4U5N6D7D2U3E4"
RECORD = "SMCMP,000012345,000000000123,600100000123,2267,81060002230006381,25.00,25.00,11/20/2026 09:31:07"


@dataclass(frozen=True)
class PaymentRows:
    """Ids of what was put there."""

    inbound: int
    refused: int
    importing: int
    posting: int
    reconciling: int
    paid: int
    overpaid: int
    unknown: int
    lost: int
    refund: int
    write_off: int
    amount_difference: int
    timing_difference: int
    closed_difference: int


def fill_payments(app: Flask, tenant_id: int, *, owner_id: int | None = None) -> PaymentRows:
    """Fill a campus with a file of payments that was posted, in part; ``owner_id`` looks after one part and one difference."""
    with app.app_context(), tenant_scope(tenant_id) as session:
        rows = _Filler(session, owner_id).fill()
        session.commit()
        return rows


class _Filler:
    def __init__(self, session: ScopedSession, owner_id: int | None) -> None:
        self.session = session
        self.owner_id = owner_id
        self.importing = self.posting = self.inbound = 0

    def fill(self) -> PaymentRows:
        counts = {"rows_in": 412, "new_count": 6, "new_cents": 15_180}
        self.importing = self._run("payment_import", hours_ago=5, counts=counts)
        self.posting = self._run("payment_posting", hours_ago=5, counts={"posted": 2})
        self.inbound = self._inbound("done", "payments_20261120.csv", run_id=self.importing)
        refused = self._inbound(
            "refused",
            "payments_20261121.csv",
            message="The file ends in the middle of line 212: 7 of 9 fields. Nothing of it was read.",
        )
        self._fees()
        paid, overpaid, unknown = self._paid(), self._overpaid(), self._unknown()
        lost, refund, write_off = self._lost(), self._refund(), self._write_off()
        self._holds()
        reconciling = self._run("reconciliation", hours_ago=9, counts={"open": 2})
        return PaymentRows(
            self.inbound, refused, self.importing, self.posting, reconciling, paid, overpaid, unknown, lost, refund,
            write_off, *self._differences(reconciling, overpaid),
        )  # fmt: skip

    def _run(self, pipeline: str, *, hours_ago: float, counts: dict[str, Any]) -> int:
        at = NOW - timedelta(hours=hours_ago)
        run = Run(
            pipeline=pipeline,
            trigger="file_arrival",
            scheduled_at=at,
            created_at=at,
            started_at=at,
            finished_at=at + timedelta(seconds=40),
            not_before=at,
            state="succeeded",
            counts=counts,
            story="Done.",
        )
        self.session.add(run)
        self.session.flush()
        return run.id

    def _inbound(self, state: str, name: str, *, run_id: int | None = None, message: str = "") -> int:
        found = InboundFile(
            kind="payments",
            origin="sftp",
            name=name,
            place="sftp.example.edu:/out",
            size=41_200,
            sha256=hashlib.sha256(name.encode()).hexdigest(),
            store_key=f"inbound/{name}",
            state=state,
            run_id=run_id,
            message=message,
            row_count=412 if run_id else None,
            total_cents=15_180 if run_id else None,
            received_at=NOW - timedelta(hours=5 if run_id else 1),
        )
        self.session.add(found)
        self.session.flush()
        return found.id

    def _fees(self) -> None:
        for fee_id, cents, was, status in (
            (PAID_FEE, 0, 2_500, "CLOSED"),
            (HALF_FEE, 1_000, 3_000, "ACTIVE"),
            (OPEN_FEE, 4_275, 4_275, "ACTIVE"),
        ):
            self._fee(fee_id, EMPLID, cents, was, status)
        self._fee(OTHERS_FEE, OTHER_EMPLID, 900, 900, "ACTIVE")
        self.session.add(
            LedgerEntry(
                fee_ref=PAID_FEE,
                side="bursar",
                event="charge",
                amount_cents=2_500,
                patron_id=EMPLID,
                emplid=EMPLID,
                fee_type="LOSTITEMREPLACEMENTFEE",
                item_type="600100000123",
                term="2267",
                billing_on=date(2026, 11, 2),
                reference=PAID_FEE,
                run_id=self.importing,
                at=NOW - timedelta(days=19),
            )
        )

    def _fee(self, fee_id: str, emplid: str, cents: int, was: int, status: str) -> None:
        self.session.add(
            SeenFee(
                fee_id=fee_id,
                patron_id=f"P{emplid}",
                emplid=emplid,
                fee_type="LOSTITEMREPLACEMENTFEE" if was < 4_000 else "OVERDUEFINE",
                status=status,
                balance_cents=cents,
                original_cents=was,
                library="KELLOGG",
                title="Organic chemistry",
                barcode="33333000111222",
                created_at=NOW - timedelta(days=20),
                seen_at=NOW - timedelta(hours=4, minutes=50),
            )
        )

    def _payment(
        self, ref: str, cents: int, *, line: int, emplid: str = EMPLID, kind: str = "payment", **more: Any
    ) -> int:
        found = Payment(
            ref=ref,
            source="peoplesoft",
            kind=kind,
            event_key=f"key {ref}",
            amount_cents=cents,
            emplid=emplid,
            patron_id=f"P{emplid}",
            item_type="600100000123",
            term="2267",
            paid_on=date(2026, 11, 20),
            run_id=self.importing,
            inbound_file_id=self.inbound,
            line=line,
            at=NOW - timedelta(hours=5),
            evidence={
                "file": "payments_20261120.csv",
                "line": line,
                "raw": RECORD.replace("25.00", f"{cents / 100:.2f}"),
            },
            **more,
        )
        self.session.add(found)
        self.session.flush()
        return found.id

    def _line(self, payment_id: int, ref: str, n: int, cents: int, state: str, **more: Any) -> None:
        at = NOW - timedelta(hours=5 if state == "posted" else 30)
        self.session.add(
            PaymentLine(
                payment_id=payment_id,
                n=n,
                amount_cents=cents,
                state=state,
                external_id=f"{ref}-{n}",
                created_at=at,
                **more,
            )
        )

    def _posted(self, payment_id: int, ref: str, n: int, cents: int, fee_id: str, reason: str) -> None:
        at = NOW - timedelta(hours=4, minutes=52)
        self._line(
            payment_id, ref, n, cents, "posted", fee_ref=fee_id, fee_id=fee_id, patron_id=f"P{EMPLID}", reason=reason,
            rule="reference", tracking_id="E01-2011140922-KVXCF-AWAE", run_id=self.posting, sent_at=at, posted_at=at,
        )  # fmt: skip
        common = {"fee_ref": fee_id, "event": "payment", "amount_cents": -cents, "emplid": EMPLID}
        evidence = {"payment_id": payment_id, "ref": ref, "file": "payments_20261120.csv", "line": 2}
        self.session.add(
            LedgerEntry(
                side="bursar",
                run_id=self.importing,
                inbound_file_id=self.inbound,
                at=NOW - timedelta(hours=5),
                evidence=evidence,
                **common,
            )
        )
        told = {"payment_id": payment_id, "n": n, "external_id": f"{ref}-{n}", "balance_cents": 0}
        self.session.add(
            LedgerEntry(
                side="alma",
                run_id=self.posting,
                at=at,
                evidence={**told, "tracking_id": "E01-2011140922-KVXCF-AWAE"},
                **common,
            )
        )

    def _paid(self) -> int:
        payment_id = self._payment(PAID_REF, 2_500, line=2, reference=PAID_FEE)
        self._posted(payment_id, PAID_REF, 1, 2_500, PAID_FEE, "its reference is this fee's")
        self.session.add(
            SeenTransaction(
                fee_id=PAID_FEE,
                transaction_key="t1",
                type_code="PAYMENT",
                amount_cents=2_500,
                transaction_at=NOW - timedelta(hours=4, minutes=51, seconds=58),
                external_id=f"{PAID_REF}-1",
                method="ONLINE",
            )
        )
        # Another fee's; it has no place on the page of the one that is paid.
        self.session.add(
            SeenTransaction(
                fee_id=HALF_FEE,
                transaction_key="t2",
                type_code="PAYMENT",
                amount_cents=8_995,
                transaction_at=NOW - timedelta(hours=4),
            )
        )
        return payment_id

    def _overpaid(self) -> int:
        payment_id = self._payment(OVERPAID_REF, 6_000, line=3)
        self._posted(payment_id, OVERPAID_REF, 1, 2_000, HALF_FEE, "the oldest open fee of this patron")
        self._line(
            payment_id, OVERPAID_REF, 2, 4_000, "unapplied", rule="overpaid", owner_id=self.owner_id,
            reason="$20.00 of $60.00 found a fee; $40.00 is more than was owed that day",
        )  # fmt: skip
        return payment_id

    def _unknown(self) -> int:
        payment_id = self._payment(UNKNOWN_REF, 1_000, line=4)
        self._line(
            payment_id, UNKNOWN_REF, 1, 1_000, "unknown", fee_ref=HALF_FEE, fee_id=HALF_FEE, rule="oldest",
            reason="the oldest open fee of this patron", attempts=1, run_id=self.posting, sent_at=NOW - timedelta(hours=4),
            message="Alma did not answer within 30 s",
        )  # fmt: skip
        return payment_id

    def _lost(self) -> int:
        payment_id = self._payment(LOST_REF, 1_180, line=5, emplid="000099999")
        self._line(
            payment_id, LOST_REF, 1, 1_180, "unapplied", rule="unmatched",
            reason="nobody with EMPLID 000099999 has an open fee",
        )  # fmt: skip
        return payment_id

    def _refund(self) -> int:
        payment_id = self._payment(REFUND_REF, 4_500, line=6)
        self._line(
            payment_id, REFUND_REF, 1, 4_500, "refund_due", rule="closed", decision="paid twice, asked for back",
            reason="its fee is closed: it was paid at the desk before", decided_by=self.owner_id,
            decided_at=NOW - timedelta(hours=2),
        )  # fmt: skip
        return payment_id

    def _write_off(self) -> int:
        return self._payment("FBW2R3I4T5E6O7F2F3A4", 700, line=7, kind="write_off")

    def _holds(self) -> None:
        run_id = self._run("holds_export", hours_ago=4, counts={})
        released_at = NOW - timedelta(hours=4)
        file = File(
            run_id=run_id,
            kind="released",
            name="Released_20261121.txt",
            store_key="files/released",
            size=60,
            sha256="ab" * 32,
            row_count=1,
            total_cents=0,
            created_at=released_at,
            confirmed_at=released_at,
        )
        self.session.add(file)
        self.session.flush()
        self.session.add_all(
            [
                HoldChange(
                    run_id=run_id,
                    emplid=EMPLID,
                    hold_code="LIB",
                    action="R",
                    amount_cents=0,
                    previous_cents=2_500,
                    confirmed_at=released_at,
                ),
                Delivery(
                    run_id=run_id,
                    file_id=file.id,
                    target="sftp",
                    address="sftp.example.edu",
                    state="delivered",
                    delivered_at=released_at,
                    acknowledged_at=released_at + timedelta(minutes=8),
                    acknowledgement="renamed to .processed",
                ),
            ]
        )

    def _differences(self, run_id: int, payment_id: int) -> tuple[int, int, int]:
        found = [
            Difference(
                key=f"amount {HALF_FEE}", books="alma_ledger", kind="amount", fee_ref=HALF_FEE, emplid=EMPLID,
                ours_cents=1_000, theirs_cents=1_500, payment_id=payment_id, owner_id=self.owner_id, run_id=run_id,
                reason="our books leave $10.00 of this fee, Alma says $15.00",
                next_action="Open the fee in Alma: was a payment of ours taken back there?",
                first_seen_at=NOW - timedelta(days=3),
            ),
            Difference(
                key="timing", books="ledger_bursar", kind="timing", fee_ref=OPEN_FEE, emplid=EMPLID, theirs_cents=4_275,
                run_id=run_id, reason="PeopleSoft shows a payment that no file has brought yet",
                next_action="Wait for tomorrow's file; it clears itself then.", first_seen_at=NOW - timedelta(hours=9),
            ),
            Difference(
                key="old", books="holds", kind="stuck_hold", emplid=OTHER_EMPLID, run_id=run_id,
                reason="PeopleSoft still shows a hold we released", next_action="Ask PeopleSoft's team to lift it.",
                first_seen_at=NOW - timedelta(days=9), closed_at=NOW - timedelta(days=8),
                closed_how="lifted by hand in PeopleSoft",
            ),
        ]  # fmt: skip
        self.session.add_all(found)
        for days_ago in range(1, 15):
            on_date = (NOW - timedelta(days=days_ago)).date()
            for kind, count in (("amount", 1 if days_ago < 4 else 0), ("timing", days_ago % 5)):
                self.session.add(
                    ReconciliationDay(
                        on_date=on_date, kind=kind, open_count=count, open_cents=count * 500, run_id=run_id
                    )
                )
        self.session.flush()
        return found[0].id, found[1].id, found[2].id


def add_money_check(superuser: psycopg.Connection, tenant_id: int, *, is_equal: bool = True) -> None:
    """What the scheduler found seven minutes ago; nobody else may write it down."""
    superuser.execute(
        "INSERT INTO money_check VALUES (%s, %s, %s, 4500, 0, 5180, 4500, 0, 1000, %s, %s)",
        (
            tenant_id,
            NOW - timedelta(minutes=7),
            15_180 if is_equal else 15_280,
            is_equal,
            NOW - timedelta(hours=30),
        ),
    )
