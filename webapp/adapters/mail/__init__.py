"""Sending mail by SMTP: one mail, one line, one receipt that names every recipient's fate."""

from webapp.adapters.mail.message import Attachment, OutgoingMail, message_id
from webapp.adapters.mail.send import send_mail
from webapp.adapters.mail.target import MailReceipt, SmtpTarget

__all__ = ["Attachment", "MailReceipt", "OutgoingMail", "SmtpTarget", "message_id", "send_mail"]
