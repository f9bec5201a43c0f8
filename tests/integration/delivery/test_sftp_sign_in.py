import socket
import struct
import threading
from dataclasses import replace

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from tests.integration.delivery.conftest import CONTENT, NAME, PASSWORD, Campus
from webapp.adapters.errors import PermanentError, RetryableError
from webapp.adapters.sftp import SftpProbe, probe
from webapp.adapters.vault import Secret
from webapp.sandbox.sftp_drop import SftpDrop, new_host_key

PASSPHRASE = "open sésame"
SSH, TRADITIONAL, PKCS8 = (
    serialization.PrivateFormat.OpenSSH,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.PrivateFormat.PKCS8,
)
RSA_KEY = rsa.generate_private_key(65537, 2048)
KEYS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "rsa": RSA_KEY,
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-521": ec.generate_private_key(ec.SECP521R1()),
}


def _text(key, form, passphrase=None):
    locked = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, form, locked).decode()


def _public_line(key):
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode()
    )


@pytest.fixture
def key_drop(tmp_path, board):
    lines = [f"{_public_line(key)} feedbot@portal" for key in KEYS.values()]
    drop = SftpDrop(tmp_path / "keys", "feedbot", authorized_keys=lines, faults=board)
    drop.add_folder("csusm/holds")
    drop.start()
    yield drop
    drop.stop()


@pytest.fixture
def key_target(target, key_drop):
    return replace(target, port=key_drop.port, host_keys=(key_drop.fingerprint,), password=None)


@pytest.mark.parametrize(
    ("kind", "form", "passphrase"),
    [
        ("ed25519", SSH, None),
        ("ed25519", SSH, PASSPHRASE),
        ("ed25519", PKCS8, None),
        ("rsa", SSH, PASSPHRASE),
        ("rsa", TRADITIONAL, None),
        ("rsa", TRADITIONAL, PASSPHRASE),
        ("rsa", PKCS8, PASSPHRASE),
        ("ecdsa", SSH, None),
        ("ecdsa", TRADITIONAL, None),
        ("ecdsa-521", PKCS8, None),
    ],
)
def test_keys_of_every_kind_and_form_open_the_door(key_drop, key_target, kind, form, passphrase):
    text = _text(KEYS[kind], form, passphrase)
    campus = Campus(key_drop, replace(key_target, private_key=f"\n{text}\n", passphrase=passphrase))
    campus.put()
    assert campus.lying() == {NAME: CONTENT}


def test_secrets_from_the_vault_open_the_door_as_plain_texts_do(campus, key_drop, key_target):
    campus.put(password=Secret(PASSWORD))
    assert campus.lying() == {NAME: CONTENT}
    text = Secret(_text(KEYS["rsa"], PKCS8, PASSPHRASE))
    assert probe(replace(key_target, private_key=text, passphrase=Secret(PASSPHRASE))).directory_ok


def test_a_passphrase_for_a_key_that_has_none_does_no_harm(key_drop, key_target):
    text = _text(KEYS["ed25519"], SSH)
    assert probe(replace(key_target, private_key=text, passphrase="not needed")).directory_ok


@pytest.mark.parametrize(
    ("text", "passphrase", "words"),
    [
        (_text(KEYS["ed25519"], SSH, PASSPHRASE), None, "locked with a passphrase, and none is set"),
        (_text(KEYS["rsa"], TRADITIONAL, PASSPHRASE), None, "locked with a passphrase, and none is set"),
        (_text(KEYS["ed25519"], SSH, PASSPHRASE), "wrong", "The passphrase may be wrong"),
        (_text(KEYS["rsa"], PKCS8, PASSPHRASE), "wrong", "The passphrase may be wrong"),
        (_public_line(KEYS["rsa"]), None, "This is the public key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", None, "Convert it with PuTTYgen"),
        (_text(KEYS["rsa"], PKCS8)[:400], None, "Paste the whole key"),
        ("hello", None, "cannot be read"),
        (_text(dsa.generate_private_key(2048), PKCS8), None, "no longer take"),
    ],
)
def test_a_key_that_cannot_be_used_is_explained_and_not_quoted(key_drop, key_target, text, passphrase, words):
    with pytest.raises(PermanentError, match=words) as refusal:
        probe(replace(key_target, private_key=text, passphrase=passphrase))
    assert text[30:60].strip() not in refusal.value.message or text == "hello"
    assert key_drop.operations("sign_in_by_key") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong"}, "the password was refused"),
        ({"username": "somebody"}, "did not let user 'somebody' in"),
        ({"password": None}, "neither a password nor a key is set"),
        (
            {"password": None, "private_key": _text(KEYS["ed25519"], SSH)},
            r"it takes no key \(it takes: password\)",
        ),
    ],
)
def test_a_refused_sign_in_is_a_setting_to_correct(campus, changes, words):
    with pytest.raises(PermanentError, match=words):
        campus.put(**changes)
    assert campus.lying() == {}


def test_a_key_the_server_does_not_know_is_refused_in_words(key_drop, key_target):
    stranger = _text(ed25519.Ed25519PrivateKey.generate(), SSH)
    with pytest.raises(PermanentError, match="the key was refused"):
        probe(replace(key_target, private_key=stranger))


def test_a_password_is_offered_when_the_key_is_not_taken(campus):
    campus.put(private_key=_text(KEYS["ed25519"], SSH))
    assert campus.lying() == {NAME: CONTENT}


def test_a_user_who_is_locked_out_today_is_told_so(campus, board):
    board.add("sftp", "refuse_auth")
    with pytest.raises(PermanentError, match=r"the password was refused\. No file was sent"):
        campus.put()


def test_a_changed_host_key_stops_everything_before_a_byte_of_sign_in(campus, board, drop):
    board.add("sftp", "host_key_changed", times=9)
    with pytest.raises(PermanentError, match="not the server it was") as refusal:
        campus.put()
    assert drop.fingerprint in refusal.value.message
    assert drop.other_fingerprint in refusal.value.message
    assert refusal.value.evidence["pinned"] == drop.fingerprint
    assert set(campus.acts()) == {"connect"}
    assert campus.lying() == {}
    assert campus.fences == 0


def test_without_a_confirmed_host_key_nobody_is_even_called(campus):
    with pytest.raises(PermanentError, match="No host key is confirmed"):
        campus.put(host_keys=())
    assert campus.acts() == []


def test_a_second_pinned_key_lets_the_server_change_its_key(campus, board, drop):
    board.add("sftp", "host_key_changed")
    pins = (f"  {drop.fingerprint}=", drop.other_fingerprint.removeprefix("SHA256:"))
    campus.put(host_keys=pins)
    campus.put(host_keys=pins, token="d2", name="b.txt")
    assert campus.lying().keys() == {NAME, "b.txt"}


def test_a_server_is_asked_for_its_other_keys_before_it_is_called_a_stranger(tmp_path, target):
    pinned = paramiko.RSAKey.generate(2048)
    host_keys = [new_host_key(), paramiko.ECDSAKey.generate(), pinned]
    drop = SftpDrop(tmp_path / "many-keys", "feedbot", PASSWORD, host_keys=host_keys).start()
    drop.add_folder("csusm/holds")
    try:
        campus = Campus(drop, replace(target, port=drop.port, host_keys=(pinned.fingerprint,)))
        campus.put()
        assert campus.lying() == {NAME: CONTENT}
        assert {op.line for op in drop.operations("sign_in_begun")} == {3}
        with pytest.raises(PermanentError) as refusal:
            campus.put(host_keys=("SHA256:somethingelse",))
        assert all(key.fingerprint in refusal.value.evidence["seen"] for key in host_keys)
    finally:
        drop.stop()


def test_a_private_address_is_not_called_unless_the_operator_allows_it(campus):
    with pytest.raises(PermanentError, match="private, local or reserved"):
        campus.put(allow_private=False)
    with pytest.raises(PermanentError, match="is not allowed"):
        campus.put(allowed_ports=frozenset({22}))
    assert campus.acts() == []


def test_a_refused_connection_is_tried_again(campus, drop):
    drop.stop()
    with pytest.raises(RetryableError, match="could not be reached: Connection refused"):
        campus.put()


def test_a_look_without_pins_reads_the_key_and_sends_no_credentials(campus, drop):
    seen = probe(replace(campus.target, host_keys=()))
    assert isinstance(seen, SftpProbe)
    assert (seen.fingerprint, seen.key_type, seen.directory_ok) == (drop.fingerprint, "ssh-ed25519", False)
    assert seen.banner.startswith("SSH-2.0-")
    assert "signing in was not tried" in seen.detail
    assert campus.acts() == ["connect"]


@pytest.mark.parametrize(
    ("directory", "ok", "words"),
    [
        ("csusm/holds", True, "Nothing was written"),
        ("", True, "the folder '.' is there"),
        ("csusm/none", False, "'csusm/none' does not exist"),
        ("csusm/file", False, "is a file, not a folder"),
    ],
)
def test_a_look_with_a_pin_says_whether_user_and_folder_work(campus, directory, ok, words):
    (campus.drop.root / "csusm" / "file").write_bytes(b"")
    seen = probe(replace(campus.target, directory=directory))
    assert seen.directory_ok is ok
    assert words in seen.detail


def test_the_host_key_is_kept_over_restarts_of_the_drop(tmp_path):
    file = tmp_path / "etc" / "host_key"
    first = SftpDrop(tmp_path / "a", "u", host_key_file=file)
    assert SftpDrop(tmp_path / "a", "u", host_key_file=file).fingerprint == first.fingerprint
    assert SftpDrop(tmp_path / "a", "u").fingerprint != first.fingerprint
    assert file.stat().st_mode & 0o777 == 0o600


def _old_server(listener):
    """Speaks SSH with nothing but methods that were given up years ago."""
    line, _peer = listener.accept()
    with line:
        line.sendall(b"SSH-2.0-OldServer_1.0\r\n")
        lists = [
            b"diffie-hellman-group1-sha1",
            b"ssh-dss",
            *[b"3des-cbc"] * 2,
            *[b"hmac-md5"] * 2,
            *[b"none"] * 2,
            b"",
            b"",
        ]
        payload = (
            bytes([20]) + bytes(16) + b"".join(struct.pack(">I", len(one)) + one for one in lists) + bytes(5)
        )
        padding = 8 - (5 + len(payload)) % 8 + 8
        line.sendall(struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding))
        while line.recv(4096):
            pass


def test_a_server_with_only_outdated_methods_is_not_talked_down_to(campus):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=_old_server, args=(listener,), daemon=True)
        serving.start()
        with pytest.raises(PermanentError, match="only methods that are no longer safe"):
            campus.put(port=listener.getsockname()[1])
        serving.join(5)


def test_a_server_without_sftp_for_this_user_is_said_so(campus, monkeypatch):
    monkeypatch.setattr(paramiko.Transport, "set_subsystem_handler", lambda *_args: None)
    with pytest.raises(PermanentError, match="let user 'feedbot' in but gives no SFTP"):
        campus.put()
