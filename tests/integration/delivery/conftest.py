import hashlib
import io
from dataclasses import dataclass, replace

import pytest

from tests.integration.delivery.board import Board
from webapp.adapters.sftp import SftpTarget, put_file, settle_put
from webapp.sandbox.sftp_drop import SftpDrop

PASSWORD = "canary-Pässword-93817"
NAME = "csusm_holds_added_20261121.txt"
TOKEN = "d41"
CONTENT = b"".join(b"%09d\t12.50\tSTUDENT\tLOST BOOK\t2026-11-21\n" % number for number in range(5000))


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def drop(tmp_path, board):
    drop = SftpDrop(tmp_path / "drop", "feedbot", PASSWORD, faults=board)
    drop.add_folder("csusm/holds")
    drop.start()
    yield drop
    drop.stop()


@pytest.fixture
def target(drop):
    return SftpTarget(
        host="127.0.0.1",
        port=drop.port,
        username="feedbot",
        password=PASSWORD,
        host_keys=(drop.fingerprint,),
        directory="csusm/holds",
        timeout_s=2,
        transfer_limit_s=20,
        allow_private=True,
        allowed_ports=None,
    )


@dataclass
class Campus:
    """The sending side of one drop, with the receiving side's folder to look into."""

    drop: SftpDrop
    target: SftpTarget
    fences: int = 0

    def put(self, content=CONTENT, *, name=NAME, token=TOKEN, fence=None, **changes):
        def passed():
            self.fences += 1
            if fence is not None:
                fence()

        facts = {key: changes.pop(key) for key in ("row_count", "total_cents") if key in changes}
        return put_file(
            replace(self.target, **changes),
            name=name,
            token=token,
            open_source=lambda: io.BytesIO(content),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            before_effect=passed,
            **facts,
        )

    def settle(self, *, content=CONTENT, name=NAME, token=TOKEN, **changes):
        return settle_put(replace(self.target, **changes), name=name, token=token, size=len(content))

    @property
    def folder(self):
        return self.drop.root / "csusm" / "holds"

    def lying(self):
        """Names and contents of what lies in the folder, hidden names too."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def acts(self, *acts):
        return [operation.act for operation in self.drop.operations(*acts)]


@pytest.fixture
def campus(drop, target):
    return Campus(drop, target)
