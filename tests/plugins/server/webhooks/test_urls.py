"""Which URLs and addresses may get requests."""

from __future__ import annotations

import asyncio
import socket

import pytest

from budwood_server.web.problems import ProblemError
from budwood_server.webhooks.sending import Sender
from budwood_server.webhooks.urls import check_url, is_allowed

LOOPBACK = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.8", "192.0.2.1"),
    *("192.168.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::10.0.0.1", "::169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::808:808"),  # NAT64
    *("2002:a9fe:a9fe::1", "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"),  # 6to4
    *("2001:0:a9fe:a9fe::1", "2001:0:808:808:0:0:5601:5601"),  # Teredo: the server, and the inverted client
    *("2606:4700::5efe:a00:1", "2606:4700::200:5efe:a9fe:a9fe"),  # ISATAP
    *("fe80::1", "fe80::1%eth0", "fe80::a9fe:a9fe%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1"),
    *("100::1", "2001:db8::1", "2001:2::1", "3fff::1", "5f00::1"),
]
PUBLIC = ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
SPELLINGS = ["0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.1", "127.0.0.1.", "0", "0x", "1.2.3.4.5", "08"]


@pytest.mark.parametrize("allow_local", [False, True])
def test_only_public_addresses_are_allowed(allow_local):
    """
    None that leads into a network or to this machine, also within one of IPv6; `allow_local` adds loopback only.
    """
    assert [each for each in NOT_PUBLIC if is_allowed(each, allow_local=allow_local)] == []
    assert [each for each in PUBLIC if not is_allowed(each, allow_local=allow_local)] == []
    assert [each for each in LOOPBACK if is_allowed(each, allow_local=allow_local) is not allow_local] == []


@pytest.mark.parametrize("allow_local", [False, True])
@pytest.mark.parametrize("host", [*SPELLINGS, *(f"[{each}]" if ":" in each else each for each in NOT_PUBLIC)])
def test_urls_with_such_hosts_are_refused(host, allow_local):
    """
    At once, also in unusual spellings, which resolvers accept.
    """
    with pytest.raises(ProblemError, match="cannot be used"):
        check_url(f"https://{host}/path", allow_local=allow_local)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https:",
        "https:///path",
        "//example.org/",
        "http://example.org/",
        "file:///etc/passwd",
        "gopher://example.org:25/",
        "https://user@example.org/",
        "https://:secret@example.org/",
        "https://@example.org/",
        "https://example.org\\@127.0.0.1/",
        "https://example.org/#part",
        "https://example.org/#",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:-1/",
        "https://example.org:8a/",
        "https://example.org/\r\nx-header: 1",
        "https://example.org/a b",
        "https://example.org/\x7f",
        "https://ex\u00e4mple.org/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://%31%32%37.0.0.1/",
        "https://127.0.0.1%00.example.org/",
        "https://example..org/",
        "https://.example.org/",
        f"https://{'a' * 64}.org/",
        f"https://{'a.' * 127}org/",
        f"https://example.org/{'a' * 2000}",
        "https://[::1/",
        "https://[example.org]/",
        "https://[::1%25lo]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
    ],
)
def test_other_urls_are_refused(url):
    """
    Those of other schemes and forms, with a user or a fragment, and names of this machine.
    """
    with pytest.raises(ProblemError) as caught:
        check_url(url, allow_local=False)
    assert ":secret" not in f"{caught.value} {caught.value.problem.hint}"


@pytest.mark.parametrize(
    ("url", "allow_local", "message", "hint"),
    [
        ("foo", True, "no URL with a host", "such as https://"),
        ("ftp://x/y", True, "must begin with https://", "begins with https://"),
        ("http://example.org/", False, "must begin with https://", "begins with https://"),
        ("http://example.org/", True, "http:// is for addresses of this machine only", "begins with https://"),
        ("http://93.184.216.34/", True, "http:// is for addresses of this machine only", "begins with https://"),
        ("http://localhost.example.org/", True, "http:// is for", "begins with https://"),
        ("https://example.org:99999/", True, "its port", "Correct the port"),
        ("https://user:pw@example.org/", True, "a user name or a password", "Remove them"),
        ("https://example.org/#part", True, "'#'", "Remove '#'"),
        (f"https://example.org/{'a' * 2000}", True, "more than 2000 characters", "shorter"),
        ("https://10.0.0.1/", True, "10.0.0.1 is not public", "a public server"),
        ("http://10.0.0.1/", True, "10.0.0.1 is not public", "a public server"),
        ("https://2130706433/", True, "four decimal numbers", "203.0.113.7"),
        ("http://127.0.0.1:9000/", False, "127.0.0.1 is not public", "allow_local = true"),
        ("http://localhost:9000/", False, "localhost is this machine", "allow_local = true"),
    ],
)
def test_each_cause_has_its_cure(url, allow_local, message, hint):
    """
    A setting of the server is named only where it helps.
    """
    with pytest.raises(ProblemError) as caught:
        check_url(url, allow_local=allow_local)

    problem = caught.value.problem
    assert message in problem.message
    assert hint in problem.hint
    assert ("allow_local" in problem.hint) is ("allow_local" in hint)


def test_usual_urls_are_accepted():
    """
    With a port, a query and a last dot; http and localhost in development.
    """
    for url in (
        "https://example.org",
        "https://example.org.:8443/a%20b?c=d&e",
        "https://[2606:4700::1111]/",
        "https://93.184.216.34:443/",
    ):
        assert check_url(url, allow_local=False) == url
    for url in ("http://localhost:9000/", "http://127.0.0.1/", "http://[::1]/", "https://[::1]:8443/"):
        assert check_url(url, allow_local=True) == url


@pytest.mark.parametrize("address", [*NOT_PUBLIC, *LOOPBACK])
def test_names_with_such_addresses_get_no_request(address):
    """
    Whatever else they are looked up as.
    """
    error = send("https://example.org/", [PUBLIC[0], address])

    assert "not public" in error
    assert address in error


def test_http_is_for_this_machine_only():
    """
    Even in development, events do not go to others unencrypted.
    """
    assert "this machine only" in send("http://example.org/", [LOOPBACK[0]], allow_local=True)
    assert "https://" in send("http://localhost/", [PUBLIC[0]], allow_local=True)
    assert "is this machine" in send("http://localhost/", ["127.0.0.1"])  # a URL from before the setting was changed


def send(url, addresses, *, allow_local=False):
    """
    Send a request to a host that is looked up as some addresses, and return why it was not sent.
    """

    async def resolve(_host, port, **_options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port)) for each in addresses]

    async def main():
        sender = Sender(timeout=500.0, allow_local=allow_local, resolve=resolve)
        try:
            return await sender.send(url, {}, b"")
        finally:
            await sender.close()

    attempt = asyncio.run(main())
    assert attempt.status is None
    return attempt.error
