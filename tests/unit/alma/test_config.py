import pytest

from webapp.adapters.alma.config import AlmaConfig
from webapp.adapters.errors import PermanentError


def test_the_key_is_not_in_the_repr():
    config = AlmaConfig("https://api-na.hosted.exlibrisgroup.com", "l7xxsecret", "01CALS_USM")
    assert "l7xxsecret" not in repr(config)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api-na.hosted.exlibrisgroup.com",
        "ftp://example.edu",
        "http://example.edu",
        "http://127.0.0.1.example.edu",
        "https://user:word@example.edu",
        "https://example.edu?apikey=x",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(base_url):
    with pytest.raises(PermanentError):
        AlmaConfig(base_url, "key", "01CALS_USM")


@pytest.mark.parametrize("key", ["", "two words", "line\nend", "ключ", "x" * 201])
def test_a_key_that_cannot_be_one_is_refused_without_being_repeated(key):
    with pytest.raises(PermanentError) as caught:
        AlmaConfig("https://example.edu", key, "01CALS_USM")
    assert not key or key not in caught.value.message


def test_this_machine_may_be_spoken_to_without_tls():
    assert AlmaConfig("http://127.0.0.1:8080", "key", "01CALS_USM").calls_per_second == 8
