"""Hand one mail to an SMTP server, and say precisely what became of it.

SMTP has a gap: a reply to the end of the data that gets lost leaves the sender not knowing whether the mail was
taken (RFC 1047; RFC 5321, section 6.1). Before that moment every failure is surely "not sent".
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from typing import TYPE_CHECKING

from webapp.adapters.egress import check_host
from webapp.adapters.errors import OutsideError, PermanentError, RetryableError, UnknownOutcomeError
from webapp.adapters.mail.line import SmtpLine, trusted
from webapp.adapters.mail.message import OutgoingMail, bare_address, pieces
from webapp.adapters.mail.target import MailReceipt, SmtpTarget
from webapp.adapters.vault import plain_text
from webapp.adapters.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

LINE_ERRORS = (smtplib.SMTPException, OSError)


def send_mail(
    target: SmtpTarget, mail: OutgoingMail, *, before_effect: Callable[[], None] | None = None
) -> MailReceipt:
    """Send ``mail``; the receipt names who was accepted and who was refused, with the server's reason.

    ``before_effect`` is called just before the mail's text goes out; what it raises stops the sending.

    Raises:
        RetryableError: surely not sent; the server was not reachable, or said "not now" (4xx).
        PermanentError: surely not sent; the server said no (5xx), nobody was accepted, or a setting is wrong.
        UnknownOutcomeError: the line was lost after the last byte: it may be sent.
    """
    sender = bare_address(mail.sender)
    recipients = list(dict.fromkeys(bare_address(text) for text in mail.to))
    next(pieces(mail))  # a mail that cannot be built is refused before anyone is called
    if target.username and target.tls == "none":
        raise PermanentError(
            f"The password for {target.host} would travel unencrypted. Choose STARTTLS or SSL in the mail settings."
        )
    address = check_host(
        target.host, target.port, allow_private=target.allow_private, allowed_ports=target.allowed_ports
    )
    with Watchdog(limit_s=target.total_limit_s, stall_s=target.timeout_s) as watchdog:
        line = SmtpLine(target, address, watchdog, greeting=sender.rpartition("@")[2])
        try:
            with _Worded(target, watchdog):
                _greet(target, line)
                accepted, refused = _address_it(target, line, sender, recipients, watchdog)
            if before_effect is not None:
                before_effect()
            watchdog.touch()
            reply = _hand_over(target, line, mail, watchdog)
            with contextlib.suppress(*LINE_ERRORS):
                line.quit()
        finally:
            line.end()
    return MailReceipt(tuple(accepted), refused, reply)


def _greet(target: SmtpTarget, line: SmtpLine) -> None:
    code, words = line.connect(target.host, target.port)
    if code != 220:
        raise smtplib.SMTPConnectError(code, words)
    line.ehlo_or_helo_if_needed()
    if target.tls == "starttls":
        if not line.has_extn("starttls"):
            raise PermanentError(
                f"{target.host} does not offer STARTTLS on port {target.port}. Nothing was sent. "
                "Choose another port or SSL in the mail settings."
            )
        line.starttls(context=trusted(target))
        line.ehlo_or_helo_if_needed()
    if target.username:
        line.login(target.username, plain_text(target.password or ""))


def _address_it(
    target: SmtpTarget, line: SmtpLine, sender: str, recipients: list[str], watchdog: Watchdog
) -> tuple[list[str], dict[str, str]]:
    code, words = line.mail(sender)
    if code != 250:
        raise smtplib.SMTPResponseException(code, words)
    accepted: list[str] = []
    refused: dict[str, str] = {}
    codes: list[int] = []
    for recipient in recipients:
        code, words = line.rcpt(recipient)
        watchdog.touch()
        if code == 421:
            raise smtplib.SMTPResponseException(code, words)
        if code in {250, 251}:
            accepted.append(recipient)
        else:
            refused[recipient] = _said(code, words)
            codes.append(code)
    if not accepted:
        listed = "; ".join(f"{address}: {why}" for address, why in refused.items())
        message = f"{target.host} accepted none of the recipients, so nothing was sent. {listed}."
        if any(400 <= code < 500 for code in codes):
            raise RetryableError(f"{message} It is tried again.", evidence=refused)
        raise PermanentError(
            f"{message} Correct the addresses in the notification settings.", evidence=refused
        )
    return accepted, refused


def _hand_over(target: SmtpTarget, line: SmtpLine, mail: OutgoingMail, watchdog: Watchdog) -> str:
    """Send the text; the mail is taken when the answer to its last line says so. Returns the server's words."""
    with _Worded(target, watchdog):
        code, words = line.docmd("DATA")
        if code != 354:
            raise smtplib.SMTPResponseException(code, words)
        for piece in pieces(mail):
            line.send(_dots_doubled(piece))
            watchdog.touch()
    try:
        line.send(b".\r\n")
        code, words = line.getreply()
    except LINE_ERRORS as err:
        how = watchdog.expired or "the line was cut"
        raise UnknownOutcomeError(
            f"{target.host} got the whole mail but its answer was lost ({how}), so it is not known whether it is sent. "
            f"It can be recognised by its Message-ID {mail.message_id}.",
            evidence={"message_id": mail.message_id, "error": f"{type(err).__name__}: {err}"[:300]},
        ) from err
    if code != 250:
        raise _refusal(target, code, words)
    return _said(code, words)


def _dots_doubled(piece: bytes) -> bytes:
    """A line that begins with a dot gets a second one (RFC 5321, section 4.5.2); pieces begin at a line's beginning."""
    doubled = piece.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if doubled.startswith(b".") else doubled


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    printable = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"{code} {printable[:200]}".strip()


def _refusal(target: SmtpTarget, code: int, words: bytes | str) -> OutsideError:
    said = _said(code, words)
    evidence = {"server_said": said}
    if code == 552 or (code >= 500 and "too large" in said.lower()):
        return PermanentError(
            f"{target.host} finds the mail too large ({said}). It was not sent. "
            "Choose a log-in link instead of an attachment in the notification settings.",
            evidence=evidence,
        )
    if 400 <= code < 500 or code < 0:
        return RetryableError(
            f"{target.host} cannot take the mail now ({said}). It was not sent; it is tried again.",
            evidence=evidence,
        )
    return PermanentError(
        f"{target.host} refused the mail ({said}). It was not sent. Check sender and server in the mail settings.",
        evidence=evidence,
    )


class _Worded(contextlib.AbstractContextManager["_Worded"]):
    """For everything before the mail's last line: whatever fails, the mail is surely not sent."""

    def __init__(self, target: SmtpTarget, watchdog: Watchdog) -> None:
        self._target = target
        self._watchdog = watchdog

    def __exit__(self, _kind: object, err: BaseException | None, _trace: object) -> None:
        if err is not None and isinstance(err, LINE_ERRORS):
            raise self._translated(err) from err

    def _translated(self, err: Exception) -> OutsideError:
        host = self._target.host
        evidence = {"error": f"{type(err).__name__}: {err}"[:300]}
        if isinstance(err, smtplib.SMTPAuthenticationError) and not 400 <= err.smtp_code < 500:
            return PermanentError(
                f"{host} did not let user {self._target.username!r} in ({_said(err.smtp_code, err.smtp_error)}). "
                "Nothing was sent. Check user name and password in the mail settings."
            )
        if isinstance(err, smtplib.SMTPNotSupportedError) or type(err) is smtplib.SMTPException:
            # the bare class is smtplib's "No suitable authentication method found"
            return PermanentError(
                f"{host} offers no sign-in that Feebridge knows. Nothing was sent. "
                "Take user name and password out of the mail settings, or choose another port."
            )
        if isinstance(err, ssl.SSLCertVerificationError):
            return PermanentError(
                f"The certificate of {host} is not to be trusted ({err.verify_message}). Nothing was sent. "
                "Check the host's name, or give the campus's own certificate authority in the mail settings.",
                evidence=evidence,
            )
        if isinstance(err, ssl.SSLError) and not isinstance(err, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return PermanentError(
                f"{host} port {self._target.port} does not speak the chosen encryption. Nothing was sent. "
                "Choose STARTTLS (often port 587) or SSL (often port 465) in the mail settings.",
                evidence=evidence,
            )
        if isinstance(err, smtplib.SMTPResponseException):
            return _refusal(self._target, err.smtp_code, err.smtp_error)
        how = self._watchdog.expired or getattr(err, "strerror", None) or "the line was cut"
        return RetryableError(
            f"{host} could not be spoken to ({how}). The mail was not sent; it is tried again.",
            evidence=evidence,
        )
