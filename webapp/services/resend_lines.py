"""Send lines again that PeopleSoft rejected: only those, corrected where a person corrected them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from webapp.domain.identifiers import IdentifierError, clean_emplid
from webapp.domain.money import format_cents
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.campus_settings import read_all
from webapp.services.submit_run import submit_run
from webapp.store import answers_desk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from webapp.models import QuarantinedRow

MENDABLE: Final = (
    "emplid",
    "patron_id",
    "patron_name",
    "fee_type",
    "library",
    "patron_group",
    "career",
    "comment",
)
"""What a person may correct in a rejected line. Its amount is not among them: that would be another charge."""

LONGEST_VALUE: Final = 200


class ResendRefusedError(ValueError):
    """Nothing was sent again; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Resend:
    """Lines that go out again: their tasks, their cents together, and the run that takes them if one was asked for."""

    task_ids: tuple[int, ...]
    total_cents: int
    run_id: int | None

    @property
    def words(self) -> str:
        """The same in a sentence."""
        lines = f"{len(self.task_ids):,} line{'' if len(self.task_ids) == 1 else 's'}, {format_cents(self.total_cents)}"
        return f"{lines}: {'being sent again now' if self.run_id else 'goes out again with the next run'}."


def resend_lines(
    tenant_id: int,
    row_ids: Sequence[int],
    *,
    patches: Mapping[int, Mapping[str, str]] | None = None,
    reason: str,
    actor: audit.Actor,
    at_once: bool = False,
) -> Resend:
    """Ask for rejected lines, named by their rows on the desk, to go out again with the next run, or at once.

    ``patches`` corrects fields (MENDABLE) of single rows. All or none is asked for. Until the new line leaves, the fee
    counts as not told; the rejected line stays in the ledger as it was.

    Raises: ResendRefusedError.
    """
    patches = patches or {}
    strange = sorted({name for patch in patches.values() for name in patch} - set(MENDABLE))
    if strange:
        raise ResendRefusedError(
            f"{', '.join(strange)} cannot be corrected in a rejected line; what can is {', '.join(MENDABLE)}."
        )
    if any(len(value) > LONGEST_VALUE for patch in patches.values() for value in patch.values()):
        raise ResendRefusedError(
            f"A corrected value has {LONGEST_VALUE} characters at most. Nothing was sent."
        )
    with tenant_scope(tenant_id) as session:
        rows = answers_desk.lock_rejected(session, row_ids)
        missing = set(row_ids) - {row.id for row in rows}
        if missing or not rows:
            named = ", ".join(map(str, sorted(missing))) or "none given"
            raise ResendRefusedError(
                f"There is no open rejected line with this number: {named}. Somebody may have decided meanwhile; nothing "
                "was sent."
            )
        bursar = read_all(session)["bursar"]
        tasks, total_cents = [], 0
        for row in rows:
            patch = _clean(row, patches.get(row.id, {}), bursar)
            body = _body(row, patch)
            task_id = answers_desk.add_resend(
                session, row, body=body, patch=patch, reason=reason, person_id=actor.person_id
            )
            if task_id is None:
                raise ResendRefusedError(
                    f"Fee {body['fee_ref']} ({row.row_ref}) is being sent again already. Nothing was asked for twice; look "
                    "at that run first."
                )
            tasks.append(task_id)
            total_cents += row.amount_cents or 0
            audit.record(
                session,
                actor=actor,
                action="line.resent",
                subject=f"quarantined_row/{row.id}",
                after={"task": task_id, "reason": reason, "corrected": sorted(patch)},
            )
        session.commit()
    run_id = None
    if at_once:
        run_id = submit_run(
            tenant_id,
            "bursar_conversion",
            requested_by=actor.person_id,
            options={"only_desk": True},
            actor=actor,
        )
    return Resend(tuple(tasks), total_cents, run_id)


def _clean(row: QuarantinedRow, patch: Mapping[str, str], bursar: Mapping[str, Any]) -> dict[str, str]:
    cleaned = {name: value.strip() for name, value in patch.items()}
    if "emplid" in cleaned:
        try:
            cleaned["emplid"] = clean_emplid(
                cleaned["emplid"], digits=bursar["emplid_digits"] or None, pad=bursar["emplid_pad"]
            )
        except IdentifierError as err:
            raise ResendRefusedError(f"{row.row_ref}: {err}. Nothing was sent.") from err
    return cleaned


def _body(row: QuarantinedRow, patch: Mapping[str, str]) -> dict[str, object]:
    """The row as it was sent, corrected. An EMPLID that is corrected is the patron's id on the line as well."""
    body = {name: value for name, value in row.raw.items() if not name.startswith("sent_")}
    body |= patch
    if patch.get("emplid"):
        body |= {"patron_id": patch.get("patron_id") or patch["emplid"], "payer": "campus"}
    return body
