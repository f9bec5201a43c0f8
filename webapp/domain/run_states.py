"""The one table of allowed moves of a run, and the words for its parts."""

from __future__ import annotations

RUN_STATES = (
    "queued",
    "running",
    "awaiting_approval",
    "delivering",
    "succeeded",
    "nothing_to_send",
    "failed",
    "cancelled",
)
FINAL_STATES = frozenset({"succeeded", "nothing_to_send", "failed", "cancelled"})
TRIGGERS = ("schedule", "person", "webhook", "file_arrival", "catch_up")
QUEUES = ("interactive", "batch")
STEP_STATES = ("running", "done", "failed", "skipped")
EFFECT_STATES = ("intended", "sent", "confirmed", "failed", "unknown")

# running -> queued and delivering -> queued give a lease back (shutdown, back-off); the next worker resumes at the
# last finished step. Everything else moves forward only.
RUN_MOVES: frozenset[tuple[str, str]] = frozenset(
    {
        ("queued", "running"),
        ("queued", "cancelled"),
        ("queued", "failed"),
        ("running", "running"),
        ("running", "queued"),
        ("running", "awaiting_approval"),
        ("running", "delivering"),
        ("running", "succeeded"),
        ("running", "nothing_to_send"),
        ("running", "failed"),
        ("running", "cancelled"),
        ("awaiting_approval", "queued"),
        ("awaiting_approval", "cancelled"),
        ("delivering", "delivering"),
        ("delivering", "queued"),
        ("delivering", "succeeded"),
        ("delivering", "nothing_to_send"),
        ("delivering", "failed"),
    }
)

STATE_WORDS = {
    "queued": "Waiting to start",
    "running": "Running",
    "awaiting_approval": "Needs approval",
    "delivering": "Delivering",
    "succeeded": "Done",
    "nothing_to_send": "Nothing to send",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
