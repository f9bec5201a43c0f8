"""The sandbox's servers in one process: the web application, and with it the SFTP drop and the mailbox."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from webapp.sandbox.app import create_sandbox_app
from webapp.sandbox.settings import SandboxSettings, World, build_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
SFTP_USERNAME = "feebridge"
POLL_S = 0.1  # how soon a stop is noticed


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where the servers listen (0: any free port) and keep files. ``only_alma`` leaves out drop and mailbox."""

    data: Path
    port: int = 0
    sftp_port: int = 0
    smtp_port: int = 0
    sftp_password: str = ""
    authorized_keys: tuple[str, ...] = ()
    drop_folders: tuple[str, ...] = ()  # beside one for each institution
    only_alma: bool = False


class QuietHandler(WSGIRequestHandler):
    """Serves without a log line per request; the judge's book is the log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""


@contextmanager
def running_sandbox(settings: SandboxSettings, options: ServerOptions) -> Iterator[dict[str, Any]]:
    """The sandbox, listening; the value is the ready message (addresses, keys, passwords) for whoever started it."""
    world = build_world(settings)
    web = make_server(
        HOST, options.port, create_sandbox_app(world), threaded=True, request_handler=QuietHandler
    )
    ready: dict[str, Any] = {
        "http": f"http://{HOST}:{web.server_port}",
        "institutions": [
            {
                "code": spec.code,
                "api_key": spec.api_key,
                "read_only_key": spec.read_only_key,
                "name": spec.name,
            }
            for spec in settings.institutions
        ],
        "report_path": settings.report_path,
    }
    with _delivery_servers(world, options) as delivery:
        thread = threading.Thread(target=web.serve_forever, args=(POLL_S,), name="sandbox-web", daemon=True)
        thread.start()
        try:
            yield ready | delivery
        finally:
            world.stopping.set()
            web.shutdown()
            web.server_close()
            thread.join()


@contextmanager
def _delivery_servers(world: World, options: ServerOptions) -> Iterator[dict[str, Any]]:
    if options.only_alma:
        yield {}
        return
    from webapp.sandbox.sftp_drop import SftpDrop
    from webapp.sandbox.smtp_box import SmtpBox

    root = options.data / "drop"
    for folder in (
        *(spec.folder or spec.code for spec in world.settings.institutions),
        *options.drop_folders,
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    password = options.sftp_password or secrets.token_urlsafe(12)
    drop = SftpDrop(
        root,
        SFTP_USERNAME,
        password,
        options.authorized_keys,
        world.board,
        host=HOST,
        port=options.sftp_port,
        host_key_file=options.data / "host_key",
    )
    box = SmtpBox(world.board, port=options.smtp_port)
    drop.start()
    try:
        box.start()
        world.drop_root, world.drop, world.mailbox = root, drop, box
        try:
            yield {
                "sftp": {
                    "host": HOST,
                    "port": drop.port,
                    "username": SFTP_USERNAME,
                    "password": password,
                    "fingerprint": drop.fingerprint,
                },
                "smtp": {"host": HOST, "port": box.port},
            }
        finally:
            box.stop()
    finally:
        drop.stop()
