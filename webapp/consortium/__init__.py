"""The consortium's pages: health of every campus as counts, onboarding, people. Never a patron's data."""

from webapp.consortium import campuses, people
from webapp.consortium.blueprint import blueprint

__all__ = ["blueprint", "campuses", "people"]
