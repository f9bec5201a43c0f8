"""The forms of signing in and of one's own account."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import EqualTo, InputRequired


class SignInForm(FlaskForm):  # type: ignore[misc]  # flask_wtf has no types
    """Address and password."""

    email = EmailField(
        "Email address",
        [InputRequired("Type your address.")],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        "Password", [InputRequired("Type your password.")], render_kw={"autocomplete": "current-password"}
    )


class ChoosePasswordForm(FlaskForm):  # type: ignore[misc]
    """A first password."""

    password = PasswordField(
        "Password",
        [InputRequired("Type a password.")],
        description="At least 12 characters. A sentence of four or five words works well.",
        render_kw={"autocomplete": "new-password", "minlength": 12},
    )
    again = PasswordField(
        "The same password again",
        [InputRequired("Type it again."), EqualTo("password", "The two are not the same.")],
        render_kw={"autocomplete": "new-password"},
    )


class ChangePasswordForm(ChoosePasswordForm):
    """A new password in place of the old one."""

    old = PasswordField(
        "Current password", [InputRequired("Type it.")], render_kw={"autocomplete": "current-password"}
    )
