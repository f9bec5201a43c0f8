import json
import logging
import os
import pickle
import traceback

import pytest

from webapp.adapters.errors import PermanentError
from webapp.adapters.vault import MASK, Secret, Vault

OLD, NEW = os.urandom(32), os.urandom(32)
PLACE = {"tenant_id": 7, "table": "sftp_target", "row": 41, "field": "password"}
CANARY = "corréct horse bättery"


@pytest.fixture
def vault():
    return Vault({"k1": OLD}, "k1")


def test_a_secret_comes_back_as_it_was_sealed(vault):
    for plain in (CANARY, "", "x" * 10_000, "line\nline\r\n\t"):
        assert vault.open(vault.seal(plain, **PLACE), **PLACE).reveal() == plain


def test_the_sealed_text_names_version_and_key_and_hides_the_rest(vault):
    sealed = vault.seal(CANARY, **PLACE)
    version, key_id, _blob = sealed.split(":")
    assert (version, key_id) == ("v1", "k1")
    assert "horse" not in sealed


def test_the_same_secret_is_sealed_differently_each_time(vault):
    assert len({vault.seal(CANARY, **PLACE) for _ in range(200)}) == 200


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"tenant_id": 8},
        {"table": "smtp_target"},
        {"row": 42},
        {"field": "private_key"},
        {"table": "sftp_targe", "row": "t41"},
    ],
)
def test_a_secret_moved_to_another_tenant_row_or_field_does_not_open(vault, elsewhere):
    sealed = vault.seal(CANARY, **PLACE)
    with pytest.raises(PermanentError, match="does not open") as refusal:
        vault.open(sealed, **{**PLACE, **elsewhere})
    assert "horse" not in "".join(traceback.format_exception(refusal.value))


def test_every_single_changed_character_is_noticed(vault):
    sealed = vault.seal("pw", **PLACE)
    for index in range(len(sealed)):
        swapped = "A" if sealed[index] != "A" else "B"
        changed = sealed[:index] + swapped + sealed[index + 1 :]
        with pytest.raises(PermanentError):
            vault.open(changed, **PLACE)


@pytest.mark.parametrize(
    "text", ["", "v1", "v1:k1", "v1:k1:", "v1:k1:AAAA", "v1:k1:é", "plain password", "v2:k1:" + "A" * 60]
)
def test_a_text_that_is_not_the_vaults_is_refused_without_being_shown(vault, text):
    with pytest.raises(PermanentError) as refusal:
        vault.open(text, **PLACE)
    assert "plain password" not in refusal.value.message


def test_rotation_rewraps_with_the_new_key_and_old_rows_open_meanwhile(vault):
    sealed = vault.seal(CANARY, **PLACE)
    both = Vault({"k1": OLD, "k2": NEW}, "k2")
    rewrapped = both.rewrap(sealed, **PLACE)
    assert both.open(sealed, **PLACE) == both.open(rewrapped, **PLACE) == CANARY
    assert rewrapped.startswith("v1:k2:")
    assert both.rewrap(rewrapped, **PLACE) == rewrapped
    assert Vault({"k2": NEW}, "k2").open(rewrapped, **PLACE).reveal() == CANARY


def test_a_missing_key_is_named_and_so_is_what_to_do(vault):
    sealed = vault.seal(CANARY, **PLACE)
    with pytest.raises(PermanentError, match="sealed with key 'k1', which this portal does not have"):
        Vault({"k2": NEW}, "k2").open(sealed, **PLACE)


def test_a_key_under_the_same_id_but_other_bytes_does_not_open(vault):
    sealed = vault.seal(CANARY, **PLACE)
    with pytest.raises(PermanentError, match="does not open"):
        Vault({"k1": NEW}, "k1").open(sealed, **PLACE)


@pytest.mark.parametrize(
    ("keys", "active"),
    [({"k1": b"short"}, "k1"), ({"k1": OLD}, "k2"), ({"a:b": OLD}, "a:b"), ({"": OLD}, "")],
)
def test_a_vault_with_a_wrong_key_ring_does_not_start(keys, active):
    with pytest.raises(PermanentError) as refusal:
        Vault(keys, active)
    assert "short" not in refusal.value.message


def test_a_secret_masks_itself_wherever_it_is_shown(caplog):
    secret = Secret(CANARY)
    with caplog.at_level(logging.INFO):
        logging.getLogger("t").info("password is %s, %r", secret, secret)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>10}",
        repr({"password": secret}),
        caplog.messages[0],
    ]
    assert all(MASK in text and "horse" not in text for text in shown)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_a_secret_is_the_plain_text_to_the_library_that_needs_it():
    secret = Secret(CANARY)
    assert secret.encode() == CANARY.encode()
    assert secret == CANARY
    assert type(secret.reveal()) is str
    assert json.loads(json.dumps(secret)) == CANARY


def test_a_secret_can_be_sealed_without_being_masked_away(vault):
    assert vault.open(vault.seal(Secret(CANARY), **PLACE), **PLACE).reveal() == CANARY


def test_the_vault_does_not_show_its_keys():
    assert repr(Vault({"k1": OLD}, "k1")) == "Vault(active='k1', keys=['k1'])"
