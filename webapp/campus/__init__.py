"""A campus's pages, a module each; a module named here has its views on the blueprint."""

from webapp.campus import (
    desk,
    files,
    home,
    layouts,
    mail_template,
    members,
    patrons,
    run,
    runs,
    schedule,
    settings,
    settings_checks,
)
from webapp.campus.blueprint import blueprint

__all__ = ["blueprint", "desk", "files", "home", "layouts", "mail_template", "members", "patrons", "run", "runs"]
__all__ += ["schedule", "settings", "settings_checks"]
