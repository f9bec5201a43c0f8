"""A server on this machine that gives the answers it was told to give, in order, and remembers what it was asked."""

import contextlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Reply:
    """``hang_up`` closes the line instead of answering; ``drip_s`` sends the body byte by byte, ``header_drip_s`` the head."""

    body: bytes | dict = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float = 0.0
    header_drip_s: float = 0.0
    hang_up: bool = False
    announce_bytes: int | None = None


@dataclass
class Asked:
    method: str
    path: str
    query: dict
    headers: dict
    raw: str


def error(code, message="said", status=400, tracking_id="E01-TRACK"):
    said = {"errorCode": code, "errorMessage": message, "trackingId": tracking_id}
    return Reply({"errorsExist": True, "errorList": {"error": [said]}, "result": None}, status)


class AlmaStub:
    """``plan`` queues replies; ``route`` answers every request that nothing is queued for."""

    def __init__(self):
        self.asked = []
        self.route = lambda _asked: Reply(b"nothing planned", 500)
        self._planned = deque()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def answer(self):
                parts = urlsplit(self.path)
                query = {
                    name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
                }
                asked = Asked(self.command, unquote(parts.path), query, dict(self.headers), self.path)
                stub.asked.append(asked)
                reply = stub._planned.popleft() if stub._planned else stub.route(asked)
                with contextlib.suppress(OSError):
                    stub.send(self, reply)

            do_GET = do_POST = answer  # noqa: N815 - the names that the base class calls

            def log_message(self, *_args):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def plan(self, *replies):
        self._planned.extend(replies)

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @staticmethod
    def send(handler, reply):
        body = json.dumps(reply.body).encode() if isinstance(reply.body, dict) else reply.body
        time.sleep(reply.delay_s)
        handler.close_connection = reply.hang_up or reply.announce_bytes is not None
        if reply.hang_up:
            return
        if reply.header_drip_s:
            for byte in b"HTTP/1.1 200 OK\r\n" * 20:
                handler.wfile.write(bytes([byte]))
                time.sleep(reply.header_drip_s)
        handler.send_response(reply.status)
        for name, value in {"X-Exl-Api-Remaining": "390000", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(reply.announce_bytes or len(body)))
        handler.end_headers()
        if reply.drip_s:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                time.sleep(reply.drip_s)
        else:
            handler.wfile.write(body)
