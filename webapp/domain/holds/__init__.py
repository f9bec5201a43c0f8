"""Holds: the policy, the verdict on every row, the decision, the safety stops, and the run's story."""

from webapp.domain.holds.decision import Change, Decision, HoldInForce, Tally, decide
from webapp.domain.holds.policy import HoldCode, HoldPolicy, PolicyError, fold, from_settings
from webapp.domain.holds.safety import SafetyFacts, SafetyLimits, safety_stops
from webapp.domain.holds.story import HoldCounts, tell_story
from webapp.domain.holds.verdicts import EXCLUDED, KEPT, QUARANTINED, SEEN, Fate, KindOfFee, judge_kind

__all__ = [
    "EXCLUDED",
    "KEPT",
    "QUARANTINED",
    "SEEN",
    "Change",
    "Decision",
    "Fate",
    "HoldCode",
    "HoldCounts",
    "HoldInForce",
    "HoldPolicy",
    "KindOfFee",
    "PolicyError",
    "SafetyFacts",
    "SafetyLimits",
    "Tally",
    "decide",
    "fold",
    "from_settings",
    "judge_kind",
    "safety_stops",
    "tell_story",
]
