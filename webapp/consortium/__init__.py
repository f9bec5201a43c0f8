"""The consortium's pages: health of every campus as counts, onboarding, people. Never a patron's data."""

from webapp.consortium.views import blueprint

__all__ = ["blueprint"]
