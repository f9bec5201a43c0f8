"""When a campus's runs are due: the rule, its occurrences, and both in words for a librarian."""

from webapp.domain.schedule.occurrences import Occurrence, due_between, occurrences_after
from webapp.domain.schedule.rule import (
    DEFAULT_ZONE,
    LAST_DAY,
    Kind,
    ScheduleError,
    ScheduleRule,
    rule_from_json,
    rule_to_json,
)
from webapp.domain.schedule.words import describe, describe_dst, next_times

__all__ = [
    "DEFAULT_ZONE",
    "LAST_DAY",
    "Kind",
    "Occurrence",
    "ScheduleError",
    "ScheduleRule",
    "describe",
    "describe_dst",
    "due_between",
    "next_times",
    "occurrences_after",
    "rule_from_json",
    "rule_to_json",
]
