"""A campus's pages, a module each; a module named here has its views on the blueprint."""

from webapp.campus import desk, files, home, run, runs
from webapp.campus.blueprint import blueprint

__all__ = ["blueprint", "desk", "files", "home", "run", "runs"]
