"""Pages to sign in, to choose and change a password, and to end sessions."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from webapp.auth.access import open_to_all, signed_in
from webapp.auth.forms import ChangePasswordForm, ChoosePasswordForm, SignInForm
from webapp.auth.sessions import browser_session
from webapp.services import sign_in as use_case
from webapp.web.shell import THEME_COOKIE, THEMES, safe_next

blueprint = Blueprint("auth", __name__)

WRONG = "That address and password do not go together. Check both; capital letters count."
YEAR_S = 365 * 24 * 3600


@blueprint.get("/")
@signed_in
def start() -> ResponseReturnValue:
    """The first page of whoever signed in: their campus, the consortium, or a choice."""
    if current_user.is_consortium_admin:
        return redirect(url_for("consortium.home"))
    if len(current_user.campuses) == 1:
        return redirect(url_for("campus.home", slug=current_user.campuses[0].slug))
    return render_template("auth/choose_campus.html")


@blueprint.route("/sign-in", methods=["GET", "POST"])
@open_to_all
def sign_in() -> ResponseReturnValue:
    """Sign in with address and password."""
    target = safe_next(request.args.get("next")) or url_for("auth.start")
    if current_user.is_authenticated:
        return redirect(target)
    form = SignInForm()
    fault, code = "", 200
    if form.validate_on_submit():
        try:
            token = use_case.sign_in(
                form.email.data or "", form.password.data or "", address=_address(), secret_key=_secret_key()
            )
        except use_case.WrongPasswordError:
            fault, code = WRONG, 401
        except use_case.TooManyTriesError as err:
            fault, code = f"Too many tries. Wait {_duration(err.wait_s)}, then try again.", 429
        else:
            browser_session().belong_to(token)
            return redirect(target, 303)
    return render_template("auth/sign_in.html", form=form, fault=fault), code


@blueprint.post("/sign-out")
@open_to_all
def sign_out() -> ResponseReturnValue:
    """End this browser's session."""
    opened = browser_session()
    if opened.token:
        use_case.sign_out(opened.token)
    opened.end()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.route("/choose-password/<token>", methods=["GET", "POST"])
@open_to_all
def choose_password(token: str) -> ResponseReturnValue:
    """Choose the first password, with the link of an invitation."""
    try:
        person = use_case.invited_person(token, secret_key=_secret_key())
        form = ChoosePasswordForm()
        if form.validate_on_submit():
            session_token = use_case.accept_invitation(
                token, form.password.data or "", secret_key=_secret_key()
            )
            browser_session().belong_to(session_token)
            flash("Your password is set and you are signed in.")
            return redirect(url_for("auth.start"), 303)
    except use_case.InvitationError:
        return render_template("auth/invitation_over.html"), 404
    except use_case.PasswordRefusedError as err:
        form.password.errors = [*form.password.errors, str(err)]
    return render_template("auth/choose_password.html", form=form, person=person), 400 if form.errors else 200


@blueprint.get("/account")
@signed_in
def account() -> ResponseReturnValue:
    """Who one is here, what one may do, and where one is signed in."""
    return render_template("auth/account.html", session_count=use_case.open_sessions(current_user.person_id))


@blueprint.route("/account/password", methods=["GET", "POST"])
@signed_in
def change_password() -> ResponseReturnValue:
    """Change one's own password; every other browser is signed out."""
    form = ChangePasswordForm()
    if form.validate_on_submit():
        try:
            token = use_case.change_own_password(
                current_user.person_id,
                old=form.old.data or "",
                new=form.password.data or "",
                address=_address(),
                secret_key=_secret_key(),
            )
        except use_case.WrongPasswordError:
            form.old.errors = ["That is not your current password."]
        except use_case.TooManyTriesError as err:
            form.old.errors = [f"Too many tries. Wait {_duration(err.wait_s)}, then try again."]
        except use_case.PasswordRefusedError as err:
            form.password.errors = [str(err)]
        else:
            browser_session().belong_to(token)
            flash("Your password is changed. Every other browser was signed out.")
            return redirect(url_for("auth.account"), 303)
    return render_template("auth/change_password.html", form=form), 400 if form.errors else 200


@blueprint.post("/account/sign-out-everywhere")
@signed_in
def sign_out_everywhere() -> ResponseReturnValue:
    """End all of one's sessions, this one too."""
    use_case.sign_out_everywhere(current_user.person_id)
    browser_session().end()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.post("/theme")
@open_to_all
def choose_theme() -> ResponseReturnValue:
    """Keep the reader's choice of light, dark or the device's own in a cookie."""
    chosen = request.form.get("theme", "auto")
    response: Response = redirect(_page_before() or url_for("auth.start"), 303)
    response.set_cookie(
        THEME_COOKIE,
        chosen if chosen in THEMES else "auto",
        max_age=YEAR_S,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=False,
        samesite="Lax",
    )
    return response


def _page_before() -> str | None:
    """The page of ours that the browser came from."""
    before = urlsplit(request.referrer or "")
    return safe_next(before.path) if before.netloc == request.host else None


def _address() -> str:
    return request.remote_addr or "unknown"


def _secret_key() -> str:
    return str(current_app.config["SECRET_KEY"])


def _duration(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    minutes = -(-seconds // 60)
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
