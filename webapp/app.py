"""Make the Flask application: the portal for people, or only its core for workers and commands."""

from __future__ import annotations

import os

from flask import Flask

from webapp.config import Settings, load_settings
from webapp.models import db

ENGINE_OPTIONS = {
    "pool_pre_ping": True,
    "pool_size": 5,
    "max_overflow": 10,
    "connect_args": {"connect_timeout": 10, "application_name": "feebridge"},
}


def create_core(settings: Settings) -> Flask:
    """The application without pages: settings, the database, nothing else. Workers and commands run in it."""
    app = Flask("webapp")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        FEEBRIDGE=settings,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_BINDS={"scheduler": settings.scheduler_database_url},
        SQLALCHEMY_ENGINE_OPTIONS=ENGINE_OPTIONS,
    )
    db.init_app(app)
    return app


def create_app(settings: Settings | None = None) -> Flask:
    """The portal. Without ``settings`` they are read from the environment (gunicorn's way in)."""
    return create_core(settings or load_settings(os.environ))
