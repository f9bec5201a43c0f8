"""Settings of one process, read from the environment once; every fault is named in one error."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_DATA_DIR = "var"


class ConfigError(Exception):
    """The environment cannot be used as it is; the message lists every fault and where to mend it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know. ``*_url`` are SQLAlchemy or Redis addresses; secrets have no default."""

    database_url: str
    scheduler_database_url: str
    owner_database_url: str
    redis_url: str
    files_url: str
    secret_key: str
    vault_keys: Mapping[str, bytes]
    vault_active_key: str
    base_url: str
    smtp_host: str
    smtp_port: int
    smtp_tls: str
    smtp_username: str
    smtp_password: str
    mail_from: str
    allow_private_hosts: bool
    alma_hosts: tuple[str, ...]
    secure_cookies: bool
    tenant_run_cap: int
    lease_s: int
    proxy_hops: int
    inbound_root: str
    inbound_limit_mb: int


# The region hosts of Ex Libris' own API description; a campus cannot point its key anywhere else.
ALMA_REGION_HOSTS = (
    "https://api-na.hosted.exlibrisgroup.com",
    "https://api-eu.hosted.exlibrisgroup.com",
    "https://api-ap.hosted.exlibrisgroup.com",
    "https://api-aps.hosted.exlibrisgroup.com",
    "https://api-ca.hosted.exlibrisgroup.com",
    "https://api-cn.hosted.exlibrisgroup.com.cn",
)


def data_dir(environ: Mapping[str, str]) -> Path:
    """The folder of the embedded services and files (``FEEBRIDGE_DATA``, default ``var`` in this folder)."""
    return Path(environ.get("FEEBRIDGE_DATA") or DEFAULT_DATA_DIR).resolve()


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises: ConfigError, with one line for every fault."""
    reader = _Reader(environ)
    settings = Settings(
        database_url=reader.postgres("DATABASE_URL"),
        scheduler_database_url=reader.postgres("DATABASE_SCHEDULER_URL"),
        owner_database_url=reader.postgres("DATABASE_OWNER_URL", required=False),
        redis_url=reader.text("REDIS_URL"),
        files_url=reader.text("FEEBRIDGE_FILES_URL"),
        secret_key=reader.secret("FEEBRIDGE_SECRET_KEY"),
        vault_keys=(vault := reader.vault_keys("FEEBRIDGE_VAULT_KEYS")),
        vault_active_key=next(iter(vault), ""),
        base_url=reader.text("FEEBRIDGE_BASE_URL", "http://127.0.0.1:8000").rstrip("/"),
        smtp_host=reader.text("SMTP_HOST", "127.0.0.1"),
        smtp_port=reader.number("SMTP_PORT", 25),
        smtp_tls=reader.choice("SMTP_TLS", ("none", "starttls", "ssl"), "starttls"),
        smtp_username=reader.text("SMTP_USERNAME", ""),
        smtp_password=reader.text("SMTP_PASSWORD", ""),
        mail_from=reader.text("FEEBRIDGE_MAIL_FROM", "feebridge@localhost.localdomain"),
        allow_private_hosts=reader.flag("FEEBRIDGE_ALLOW_PRIVATE_HOSTS"),
        alma_hosts=(*ALMA_REGION_HOSTS, *reader.words("FEEBRIDGE_ALMA_HOSTS")),
        secure_cookies=reader.flag("FEEBRIDGE_SECURE_COOKIES", default=True),
        tenant_run_cap=reader.number("FEEBRIDGE_TENANT_RUN_CAP", 2),
        lease_s=reader.number("FEEBRIDGE_LEASE_S", 40),
        proxy_hops=reader.number("FEEBRIDGE_PROXY_HOPS", 0, least=0),
        inbound_root=reader.text("FEEBRIDGE_INBOUND_ROOT", ""),
        inbound_limit_mb=reader.number("FEEBRIDGE_INBOUND_LIMIT_MB", 4096),
    )
    reader.raise_faults()
    return settings


class _Reader:
    """Reads variables one by one and remembers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []

    def raise_faults(self) -> None:
        if self._faults:
            lines = "\n".join(f"  - {fault}" for fault in self._faults)
            raise ConfigError(
                f"The settings cannot be used; nothing was started:\n{lines}\n"
                "Set them in the environment of the process (see docs/guides/operations.md)."
            )

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name, "").strip()
        if value:
            return value
        if default is None:
            self._faults.append(f"{name} is not set and has no default.")
            return ""
        return default

    def postgres(self, name: str, *, required: bool = True) -> str:
        value = self.text(name, None if required else "")
        for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
            if value.startswith(prefix):
                return "postgresql+psycopg://" + value.removeprefix(prefix)
        if value:
            self._faults.append(f"{name} must start with postgresql://; Feebridge speaks to PostgreSQL only.")
        return ""

    def secret(self, name: str) -> str:
        value = self.text(name)
        if value and len(value) < 32:
            self._faults.append(f"{name} is shorter than 32 characters.")
        return value

    def number(self, name: str, default: int, *, least: int = 1) -> int:
        value = self.text(name, str(default))
        if value.isascii() and value.isdigit() and int(value) >= least:
            return int(value)
        self._faults.append(f"{name} is {value!r}; it must be a whole number, {least} or more.")
        return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name, "yes" if default else "no").lower()
        if value in {"1", "yes", "true", "on"}:
            return True
        if value not in {"0", "no", "false", "off"}:
            self._faults.append(f"{name} is {value!r}; it must be yes or no.")
        return False

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self._faults.append(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
        return value

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word.rstrip("/") for word in self.text(name, "").replace(",", " ").split())

    def vault_keys(self, name: str) -> dict[str, bytes]:
        """``id:base64,id:base64``; the first is the one new secrets are sealed with."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (p.strip() for p in self.text(name).split(","))):
            key_id, _, encoded = part.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if len(key) != 32 or not key_id:
                self._faults.append(f"{name}: entry {key_id or '?'!r} must be id:base64 of 32 bytes.")
            else:
                keys[key_id] = key
        return keys
