"""Rows on their way into the table of a run's staged rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

    from webapp.models.scope import ScopedSession

ROW_COLUMNS = (
    "n",
    "origin",
    "origin_id",
    "fee_ref",
    "patron_id",
    "barcode",
    "kind",
    "amount_cents",
    "verdict",
    "rule",
    "reason",
    "body",
)
# Little enough to stay in PostgreSQL's buffers for temporary tables.
_CHARS_PER_MOVE = 2_000_000


@contextmanager
def copy_rows(session: ScopedSession, tenant_id: int, run_id: int) -> Iterator[Callable[[str], object]]:
    """A function that stages COPY text, lines in the order of ``ROW_COLUMNS``, while the block lasts.

    Until then the session is not to be used for anything else: PostgreSQL works beside whoever makes the lines.
    What an earlier try at the same run staged goes away. Row security allows no COPY into the table itself.
    """
    session.execute(
        text("DELETE FROM bursar_row WHERE tenant_id = :tenant_id AND run_id = :run_id"),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    session.execute(
        text("""
            CREATE TEMPORARY TABLE new_row (
                n bigint, origin text, origin_id bigint, fee_ref text, patron_id text, barcode text, kind text,
                amount_cents bigint, verdict text, rule text, reason text, body jsonb
            ) ON COMMIT DROP
        """)
    )
    with ThreadPoolExecutor(1, "rows") as beside:
        mover = _Mover(session, beside, tenant_id, run_id)
        yield mover.write
        mover.finish()


class _Mover:
    """Moves lines on while the next ones are being made; meanwhile nobody else may use the session.

    A fault shows with the lines after those that it is about, at the latest in ``finish``.
    """

    def __init__(self, session: ScopedSession, beside: Executor, tenant_id: int, run_id: int) -> None:
        self._session = session
        self._beside = beside
        self._place = {"tenant_id": tenant_id, "run_id": run_id}
        self._texts: list[str] = []
        self._chars = 0
        self._moving: Future[None] | None = None

    def write(self, lines: str) -> None:
        """Take COPY text."""
        self._texts.append(lines)
        self._chars += len(lines)
        if self._chars >= _CHARS_PER_MOVE:
            # Who hands over chunks of a file cuts them anywhere.
            whole, end, rest = "".join(self._texts).rpartition("\n")
            self._move_on(whole + end)
            self._texts, self._chars = [rest], len(rest)

    def finish(self) -> None:
        """Returns when everything was moved."""
        self._move_on("".join(self._texts))
        self._wait()

    def _move_on(self, lines: str) -> None:
        self._wait()
        self._moving = self._beside.submit(self._move, lines)

    def _wait(self) -> None:
        if self._moving is not None:
            self._moving.result()

    def _move(self, lines: str) -> None:
        # First, since a connection that was cut meanwhile is recognised as such by a statement, and not by a COPY.
        self._session.execute(text("TRUNCATE new_row"))
        driver: Any = self._session.connection().connection.driver_connection
        names = ", ".join(ROW_COLUMNS)
        with driver.cursor() as cursor, cursor.copy(f"COPY new_row ({names}) FROM STDIN") as copy:
            copy.write(lines)
        self._session.execute(
            text(f"""
                INSERT INTO bursar_row (tenant_id, run_id, {names}) SELECT :tenant_id, :run_id, {names} FROM new_row
            """),
            self._place,
        )
