"""The section of settings that says where the files go."""

from __future__ import annotations

from webapp.domain.campus_settings.declare import Section, SettingField

FINGERPRINT = r"SHA256:[A-Za-z0-9+/]{43}=?"

DELIVERY = Section(
    "delivery",
    "Delivery",
    "Where the files go.",
    (
        SettingField("sftp_enabled", "Deliver by SFTP", "flag", False),
        SettingField("sftp_host", "Host", "text", ""),
        SettingField("sftp_port", "Port", "number", 22, least=1, most=65535),
        SettingField("sftp_username", "User name", "text", ""),
        SettingField(
            "sftp_auth",
            "Sign in with",
            "choice",
            "password",
            choices=(("password", "a password"), ("key", "a private key")),
        ),
        SettingField("sftp_password", "Password", "secret"),
        SettingField("sftp_private_key", "Private key", "secret", help="OpenSSH or PEM text."),
        SettingField("sftp_passphrase", "Passphrase of the key", "secret"),
        SettingField("sftp_directory", "Folder", "text", "", "Empty for the log-in folder."),
        SettingField(
            "sftp_host_keys",
            "Confirmed host keys",
            "words",
            [],
            "SHA256 fingerprints, confirmed with the people who run the server. A second one may be announced early.",
            pattern=FINGERPRINT,
            pattern_says="a SHA256: fingerprint",
        ),
        SettingField(
            "sftp_temporary_name",
            "Upload under a temporary name, then rename",
            "flag",
            True,
            "Switch off only for servers that forbid renaming.",
        ),
        SettingField("sftp_check_size", "Compare the size after upload", "flag", True),
        SettingField(
            "sftp_read_back",
            "Read the file back and compare its content",
            "flag",
            True,
            "Up to 50 MB. Switch off only for servers that take files away on arrival.",
        ),
        SettingField(
            "sftp_trigger_suffix",
            "Trigger file suffix",
            "text",
            "",
            "For instance .done: a small file with count and total, sent last. Empty for none.",
            longest=12,
        ),
        SettingField(
            "mail_enabled", "Send the report by mail", "flag", True, "To the people under Notification."
        ),
    ),
    needs_admin=True,
)
