"""The faults offered on the /faults page: place, kind, and what a person sees happen."""

from __future__ import annotations

FAULT_MENU: tuple[tuple[str, str, str], ...] = (
    ("alma", "per_second", "Alma: more calls per second than allowed (429)"),
    ("alma", "daily", "Alma: the day's calls are used up"),
    ("alma", "status", "Alma: error 500 before anything happens"),
    ("alma", "status_after", "Alma: error 500 after it happened"),
    ("alma", "html_error", "Alma: an HTML page with status 200"),
    ("alma", "timeout_before", "Alma: silence, then the line drops; nothing happened"),
    ("alma.fees", "timeout_after", "Alma fees: it happened, but the answer never comes"),
    ("alma.fees", "late", "Alma fees: the line drops, and it happens a moment later"),
    ("alma", "duplicate_answer", "Alma: the previous answer once more"),
    ("alma", "slow_drip", "Alma: the answer drips in"),
    ("alma", "truncated", "Alma: the answer breaks off in the middle"),
    ("alma.analytics", "report_not_found", "Analytics: the report is gone"),
    ("alma.analytics", "still_loading", "Analytics: the report is still loading"),
    ("alma.analytics", "stale_report", "Analytics: the report is three days old"),
    ("alma.analytics", "missing_column", "Analytics: the column Remaining Amount is missing"),
    ("alma.analytics", "bad_row", "Analytics: the first row has no patron id"),
    ("alma.analytics", "unknown_fee_type", "Analytics: the first row has an unknown fee type"),
    ("alma.analytics", "empty_page", "Analytics: a page without rows before the end"),
    ("sftp", "refuse_auth", "SFTP: the log-in is refused"),
    ("sftp", "host_key_changed", "SFTP: the server shows another host key"),
    ("sftp", "cut_at_byte", "SFTP: the line drops in mid-file"),
    ("sftp", "black_hole", "SFTP: the server falls silent"),
    ("sftp", "disk_full", "SFTP: the disk is full"),
    ("sftp", "rename_answer_lost", "SFTP: the rename happens, its answer is lost"),
    ("smtp", "421", "Mail: the server is not available"),
    ("smtp", "451_after_data", "Mail: refused for now after the whole mail was sent"),
    ("smtp", "drop_after_data", "Mail: the line drops after the whole mail was sent"),
    ("smtp", "550_rcpt", "Mail: the address is refused"),
)
