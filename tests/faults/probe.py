"""A pipeline to be killed: every step, effect and commit of it is a place where a process can die.

The other side is one file that is only ever appended to, a line for each effect that reached it.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from webapp.store import runs
from worker.effects import Look, perform_effect
from worker.pipelines import PIPELINES
from worker.steps import Continue, Finish, Pipeline, Step, StepContext

EFFECTS = ("added", "released")
POINTS = (
    "collecting",
    "in a transaction",
    "with its run locked",
    "building",
    "before the intent is marked",
    "before the effect",
    "after the effect",
    "while confirming",
    "reporting",
)
VICTIMS = ("child", "parent", "both", "frozen child")


def folder() -> Path:
    """Where the other side's log and the marks of what has struck already are."""
    return Path(os.environ["PROBE_FOLDER"])


def received() -> list[str]:
    """What reached the other side, in order."""
    log = folder() / "received.log"
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def receive(key: str) -> None:
    """One line, whole or not at all."""
    handle = os.open(folder() / "received.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{key}\n".encode())
    os.close(handle)


def strike(ctx: StepContext, point: str) -> None:
    """Die here if the run says so, the first time only."""
    options = ctx.run.options
    if options.get("point") != point or not first_time(f"struck-{ctx.run.id}"):
        return
    strike_down(options["victim"])


def strike_down(victim: str) -> None:
    """Kill or freeze this process, its parent, or both."""
    number = signal.SIGSTOP if victim.startswith("frozen") else signal.SIGKILL
    if victim in {"parent", "both", "frozen both"}:
        os.kill(os.getppid(), number)
    if victim in {"child", "both", "frozen child", "frozen both"}:
        os.kill(os.getpid(), number)
    if victim == "parent":
        time.sleep(20)


def first_time(mark: str) -> bool:
    """Whether nobody has left this mark yet; leaves it."""
    try:
        os.close(os.open(folder() / mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def collect(ctx: StepContext) -> Continue:
    """Count rows, with a pause that random kills can hit."""
    strike(ctx, "collecting")
    pause_s = float(ctx.run.options.get("pause_s", 0.0))
    until = time.monotonic() + pause_s
    while time.monotonic() < until:
        ctx.progress(1, 2, "Collecting")
        time.sleep(0.02)
    with ctx.transaction():
        strike(ctx, "in a transaction")
    with ctx.transaction() as session:
        runs.write_story(session, ctx.run.id, "Collected.")
        strike(ctx, "with its run locked")
    return Continue({"rows": 2})


def build(ctx: StepContext) -> Continue:
    """Write a file whose bytes depend on frozen inputs only."""
    strike(ctx, "building")
    with ctx.files.writer(f"{ctx.tenant_id}/{ctx.run.id}.txt") as out:
        out.write(f"{ctx.result('collect')['rows']} rows at {ctx.now.isoformat()}\n".encode())
    return Continue({"sha256": out.sha256})


def deliver(ctx: StepContext) -> Continue:
    """Two effects, each looked for at the other side when in doubt."""
    for kind in EFFECTS:
        key = f"{ctx.tenant_id}.{ctx.run.id}.{kind}"

        def send(before_effect: Any, key: str = key) -> dict[str, Any]:
            strike(ctx, "before the intent is marked")
            before_effect()
            strike(ctx, "before the effect")
            receive(key)
            strike(ctx, "after the effect")
            return {"key": key}

        def look(key: str = key) -> Look:
            return "happened" if key in received() else "did_not_happen"

        perform_effect(
            ctx,
            key=key,
            kind="probe",
            detail={},
            send=send,
            look=look,
            on_confirm=lambda *_: strike(ctx, "while confirming"),
        )
    return Continue()


def report(ctx: StepContext) -> Finish:
    """Tell the story."""
    strike(ctx, "reporting")
    ctx.story(f"Delivered {ctx.result('collect')['rows']} rows.")
    return Finish("succeeded")


PROBE = Pipeline(
    "probe",
    "Probe",
    (
        Step("collect", "Collect", collect),
        Step("build", "Build", build),
        Step("deliver", "Deliver", deliver, delivers=True),
        Step("report", "Report", report),
    ),
)


def register() -> None:
    """Make the probe known to this process, and let it die at marked commits."""
    PIPELINES.add(PROBE)
    dooms = _Dooms()
    event.listen(Session, "before_commit", lambda _: dooms.strike("before"))
    event.listen(Session, "after_commit", lambda _: dooms.strike("after"))


class _Dooms:
    """Files named ``doom-before-3``: one child takes one of them and dies right before (after) its third commit."""

    def __init__(self) -> None:
        self._pid = 0
        self._counts = {"before": 0, "after": 0}
        self._doom: tuple[str, int] | None = None

    def strike(self, when: str) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._counts = {"before": 0, "after": 0}
            self._doom = self._take()
        self._counts[when] += 1
        if self._doom == (when, self._counts[when]):
            first_time(f"died-{when}-{self._counts[when]}-{self._pid}")
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def _take() -> tuple[str, int] | None:
        for doom in sorted(folder().glob("doom-*")):
            try:
                doom.rename(doom.with_name(f"taken-{doom.name}-{os.getpid()}"))
            except FileNotFoundError:
                continue
            _, when, number = doom.name.split("-")
            return when, int(number)
        return None
