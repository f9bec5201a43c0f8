"""Fees on their way to the bursar: what a row of Alma's file says, and what the campus's rules make of it."""

from webapp.domain.bursar.conservation import Conservation
from webapp.domain.bursar.fees import BadFeeError, FeeRow, Patron, Said, fee_row
from webapp.domain.bursar.policy import BursarPolicy, Verdict, judge

__all__ = [
    "BadFeeError",
    "BursarPolicy",
    "Conservation",
    "FeeRow",
    "Patron",
    "Said",
    "Verdict",
    "fee_row",
    "judge",
]
