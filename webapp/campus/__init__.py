"""A campus's pages, a module each; a module named here has its views on the blueprint."""

from webapp.campus import home
from webapp.campus.blueprint import blueprint

__all__ = ["blueprint", "home"]
