"""Make the Flask application: the portal for people, or only its core for workers and commands."""

from __future__ import annotations

import os

from flask import Flask
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

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
    # Here and not above: workers and commands take create_core from this module and need none of the pages.
    from webapp import api, auth, campus, consortium, hooks
    from webapp.web import errors, filters, health, security, shell, static_versions

    settings = settings or load_settings(os.environ)
    app = create_core(settings)
    app.config.update(
        # The prefix makes browsers refuse the cookie from any other host or path, and without TLS.
        SESSION_COOKIE_NAME="__Host-feebridge" if settings.secure_cookies else "feebridge",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        MAX_CONTENT_LENGTH=32 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        MAX_FORM_PARTS=2_000,
        WTF_CSRF_TIME_LIMIT=None,
        PREFERRED_URL_SCHEME="https" if settings.secure_cookies else "http",
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    security.register(app, base_url=settings.base_url, secure=settings.secure_cookies)
    for register in (errors.register, filters.register, static_versions.register, shell.register):
        register(app)
    auth.register(app)
    for blueprint in (health.blueprint, auth.blueprint, consortium.blueprint, campus.blueprint):
        app.register_blueprint(blueprint)
    # Programs carry a signature or a token with every request, and no cookie that a form of another site could ride on.
    for blueprint in (hooks.blueprint, api.blueprint):
        app.extensions["csrf"].exempt(blueprint)
        app.register_blueprint(blueprint)
    return app
