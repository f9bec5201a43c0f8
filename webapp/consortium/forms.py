"""The consortium's forms."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import InputRequired, Length

# The time zones of the campuses that may join, then UTC for rehearsals.
TIME_ZONES = (
    ("America/Los_Angeles", "Pacific time (Los Angeles)"),
    ("America/Phoenix", "Mountain time without summer time (Phoenix)"),
    ("America/Denver", "Mountain time (Denver)"),
    ("America/Chicago", "Central time (Chicago)"),
    ("America/New_York", "Eastern time (New York)"),
    ("America/Anchorage", "Alaska time (Anchorage)"),
    ("Pacific/Honolulu", "Hawaii time (Honolulu)"),
    ("UTC", "UTC"),
)


class OnboardForm(FlaskForm):  # type: ignore[misc]  # flask_wtf has no types
    """A new campus and its first admin."""

    name = StringField(
        "Campus name",
        [InputRequired("Type the name."), Length(max=80)],
        description="As people say it, such as San Marcos.",
    )
    slug = StringField(
        "Short name",
        [InputRequired("Type a short name.")],
        description="For addresses and file names, such as csusm. It cannot be changed later.",
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    alma_institution = StringField(
        "Alma institution code",
        [InputRequired("Type the code.")],
        description="Alma: the code that the campus's API key must belong to, such as 01CALS_USM.",
        render_kw={"spellcheck": "false"},
    )
    time_zone = SelectField(
        "Time zone",
        choices=[SelectChoice(zone, label) for zone, label in TIME_ZONES],
        description="Schedules and times on pages follow this clock.",
    )
    admin_name = StringField("First admin's name", [InputRequired("Type the name.")])
    admin_email = EmailField(
        "First admin's address", [InputRequired("Type the address.")], description="They sign in with it."
    )


class AddToCampusForm(FlaskForm):  # type: ignore[misc]
    """An existing account at one more campus."""

    tenant_id = SelectField("Campus", coerce=int)
    role = SelectField(
        "Role",
        choices=[SelectChoice(role, role.capitalize()) for role in ("viewer", "approver", "editor", "admin")],
    )
