import socket

import pytest

from webapp.adapters import egress
from webapp.adapters.egress import check_host, resolve_within
from webapp.adapters.errors import PermanentError, RetryableError

SFTP_PORTS = frozenset({22, 2222})

# What people and attackers type. None of these may be connected to on a production portal.
REFUSED_HOSTS = [
    # loopback, private, shared, reserved
    "127.0.0.1",
    "127.8.9.10",
    "10.0.0.5",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.7",
    "203.0.113.9",
    "240.0.0.1",
    "255.255.255.255",
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "224.0.0.1",
    "239.255.255.250",
    # link-local and the clouds' metadata
    "169.254.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    # IPv6 of the same kinds
    "::1",
    "[::1]",
    "::",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    # IPv4 hidden inside IPv6
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "[::ffff:169.254.169.254]",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "192.88.99.1",
    # other ways to write an address
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "1.2.3.4.5",
    "example.0x7f",
    # no host at all
    "",
    ".",
    "sftp.example.edu/path",
    "sftp://sftp.example.edu",
    "user@sftp.example.edu",
    "sftp.example.edu:22",
    "sftp example.edu",
    "sftp.example.edu\n127.0.0.1",
    "-oProxyCommand.example.edu",
    "fe80::1%eth0",
    "\uff11\uff12\uff17.0.0.1",
    "ⓛocalhost",
    "a" * 64 + ".example.edu",
    "a." * 127 + "edu",
]


def _answers(*texts):
    return lambda _name, _port: list(texts)


@pytest.mark.parametrize("host", REFUSED_HOSTS)
def test_a_host_that_is_not_a_plain_public_one_is_refused_in_words(host):
    with pytest.raises(PermanentError) as refusal:
        check_host(host, 22, allow_private=False, allowed_ports=SFTP_PORTS, resolve=_answers("8.8.8.8"))
    assert refusal.value.message.endswith(".")


def test_a_name_with_a_public_address_gives_that_address_to_connect_to():
    checked = check_host(
        "SFTP.Example.edu.", 22, allow_private=False, allowed_ports=SFTP_PORTS, resolve=_answers("8.8.4.4")
    )
    assert (checked.host, checked.ip, checked.port) == ("sftp.example.edu", "8.8.4.4", 22)


@pytest.mark.parametrize("literal", ["8.8.4.4", "2606:4700:4700::1111", "[2606:4700:4700::1111]"])
def test_a_public_address_is_taken_as_it_is(literal):
    checked = check_host(literal, 22, allow_private=False, allowed_ports=SFTP_PORTS)
    assert checked.ip == literal.strip("[]")


@pytest.mark.parametrize(
    "answers",
    [
        ("127.0.0.1",),
        ("8.8.8.8", "10.0.0.1"),
        ("10.0.0.1", "8.8.8.8"),
        ("8.8.8.8", "::ffff:10.0.0.1"),
        ("fe80::1%eth0",),
        (),
    ],
)
def test_a_name_with_one_bad_answer_among_good_ones_is_refused_whole(answers):
    with pytest.raises(PermanentError):
        check_host(
            "rebind.example.edu",
            22,
            allow_private=False,
            allowed_ports=SFTP_PORTS,
            resolve=_answers(*answers),
        )


def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_answer():
    asked = []

    def changing(name, _port):
        asked.append(name)
        return ["8.8.8.8"] if len(asked) == 1 else ["127.0.0.1"]

    checked = check_host(
        "rebind.example.edu", 22, allow_private=False, allowed_ports=SFTP_PORTS, resolve=changing
    )
    assert (checked.ip, asked) == ("8.8.8.8", ["rebind.example.edu"])


@pytest.mark.parametrize("literal", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd12:3456::1"])
def test_the_operator_may_allow_private_and_loopback_addresses(literal):
    assert check_host(literal, 2222, allow_private=True, allowed_ports=SFTP_PORTS).ip == literal


@pytest.mark.parametrize(
    "literal",
    [
        "169.254.169.254",
        "168.63.129.16",
        "fd00:ec2::254",
        "169.254.1.1",
        "224.0.0.1",
        "0.0.0.0",  # noqa: S104
        "::ffff:10.0.0.1",
    ],
)
def test_metadata_link_local_and_wrapped_addresses_stay_refused_even_then(literal):
    with pytest.raises(PermanentError):
        check_host(literal, 22, allow_private=True, allowed_ports=None)


@pytest.mark.parametrize("port", [0, -1, 65536, 25, 5432])
def test_a_port_that_is_not_on_the_list_is_refused_by_name(port):
    with pytest.raises(PermanentError, match=f"Port {port} of sftp.example.edu is not allowed"):
        check_host(
            "sftp.example.edu",
            port,
            allow_private=False,
            allowed_ports=SFTP_PORTS,
            resolve=_answers("8.8.8.8"),
        )


def test_without_a_list_any_real_port_will_do():
    assert check_host("8.8.8.8", 40022, allow_private=False, allowed_ports=None).port == 40022


def test_a_name_that_does_not_exist_is_a_setting_to_correct(monkeypatch):
    def nobody(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(egress.socket, "getaddrinfo", nobody)
    with pytest.raises(PermanentError, match=r"no host named 'sftp\.example\.edu'"):
        resolve_within("sftp.example.edu", 22)


def test_name_servers_in_trouble_mean_trying_again(monkeypatch):
    def troubled(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(egress.socket, "getaddrinfo", troubled)
    with pytest.raises(RetryableError, match="Temporary failure"):
        resolve_within("sftp.example.edu", 22)


def test_a_name_server_that_never_answers_is_given_up_in_time(monkeypatch):
    waiting = egress.threading.Event()
    monkeypatch.setattr(egress.socket, "getaddrinfo", lambda *_args, **_kwargs: waiting.wait(10) and [])
    with pytest.raises(RetryableError, match=r"no answer within 0\.1 s"):
        resolve_within("sftp.example.edu", 22, limit_s=0.1)
    waiting.set()


def test_localhost_is_judged_by_what_it_resolves_to():
    with pytest.raises(PermanentError, match="private, local or reserved"):
        check_host("localhost", 22, allow_private=False, allowed_ports=SFTP_PORTS)
    assert check_host("localhost", 22, allow_private=True, allowed_ports=SFTP_PORTS).ip in {
        "127.0.0.1",
        "::1",
    }
