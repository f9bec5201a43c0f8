"""The sandbox as one web application: Alma's endpoints, the fault board, the judge's book, and pages for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from webapp.sandbox.alma_api import alma_blueprint
from webapp.sandbox.bursar_pages import bursar_blueprint
from webapp.sandbox.control_api import control_blueprint
from webapp.sandbox.pages import pages_blueprint

if TYPE_CHECKING:
    from webapp.sandbox.settings import World


def create_sandbox_app(world: World) -> Flask:
    """The application around ``world``; it keeps no state of its own."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(alma_blueprint(world))
    app.register_blueprint(control_blueprint(world))
    app.register_blueprint(pages_blueprint(world))
    app.register_blueprint(bursar_blueprint(world))
    return app
