"""A campus's pages, a module each; a module named here has its views on the blueprint."""

from webapp.campus import (
    calendar,
    charge_maps,
    charges,
    desk,
    desk_charge,
    file_links,
    file_resend,
    files,
    home,
    inbound,
    layout_effects,
    layout_import,
    layout_library,
    layouts,
    ledger_pages,
    mail_template,
    map_coverage,
    members,
    money,
    patrons,
    payments,
    recall,
    run,
    run_changes,
    runs,
    schedule,
    settings,
    settings_checks,
)
from webapp.campus.blueprint import blueprint

__all__ = ["blueprint", "desk", "file_links", "file_resend", "files", "home", "run", "run_changes", "runs"]
__all__ += [
    "layout_library",
    "layouts",
    "mail_template",
    "members",
    "patrons",
    "schedule",
    "settings",
    "settings_checks",
]
__all__ += [
    "calendar",
    "charge_maps",
    "charges",
    "desk_charge",
    "inbound",
    "layout_effects",
    "layout_import",
    "ledger_pages",
    "map_coverage",
    "money",
    "payments",
    "recall",
]
