"""Gunicorn's settings, kept in the package so that an installed Feebridge has them too."""

from webapp.gunicorn_conf import *  # noqa: F403 - gunicorn reads the names of this file
