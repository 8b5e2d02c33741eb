"""Proxies in the environment, including proxies that a call does not need."""

from __future__ import annotations

import asyncio

import pytest

from budwood import AsyncClient, Client
from budwood.errors import BudwoodError, ConfigurationError, UnsupportedError
from budwood.wire.proxies import Proxies
from budwood.wire.transport_settings import TransportSettings
from budwood_testing import chat_reply
from tests.servers import KEEP_ALIVE, reply

DEAD = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def server(loopback_server):
    """
    Start a server that answers all requests, without the proxy variables of the machine.
    """
    loopback_server.answer = lambda _: reply(200, chat_reply("Hello."), **KEEP_ALIVE)
    return loopback_server


def ask(transport, base_url):
    """
    Send a request over a transport; ``blocking`` is the default of `Client`.
    """
    options = {"base_url": base_url, "cache": False, "retries": 0}
    if transport == "blocking":
        with Client("openai-compatible/any", **options) as client:
            return client.ask("Hi").text

    async def ask_async():
        async with AsyncClient("openai-compatible/any", transport=transport, **options) as client:
            return (await client.ask("Hi")).text

    return asyncio.run(ask_async())


def find(scheme, host, port=None):
    """
    Return the URL of the proxy for a host, if there is one.
    """
    proxy = Proxies(TransportSettings()).find(scheme, host, port)
    return proxy and proxy.url


@pytest.fixture
def environment(monkeypatch):
    """
    Return the environment, and restore it after the test.
    """
    return monkeypatch


every_transport = pytest.mark.parametrize("transport", ["blocking", "auto", "default", "httptools", "aiohttp"])

UNNEEDED = [
    pytest.param({"ALL_PROXY": "socks://127.0.0.1:1/", "HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD}, id="socks"),
    pytest.param({"ALL_PROXY": "socks4://127.0.0.1:1"}, id="socks4"),
    pytest.param({"all_proxy": "socks4a://me:hush@127.0.0.1:1", "https_proxy": DEAD}, id="socks4a"),
    pytest.param({"ALL_PROXY": "socks5h://127.0.0.1:1"}, id="socks5h"),
    pytest.param({"HTTP_PROXY": f"  {DEAD} "}, id="blanks"),
    pytest.param({"HTTP_PROXY": "http://127.0.0.1:port"}, id="port"),
    pytest.param({"HTTP_PROXY": "http://[::1"}, id="brackets"),
    pytest.param({"HTTP_PROXY": "nonsense://"}, id="nonsense"),
    pytest.param({"HTTP_PROXY": "http://a..b:1"}, id="label"),
]


@pytest.mark.report("HKUDS/nanobot#5425", outcome="mended")
@every_transport
@pytest.mark.parametrize("no_proxy", ["127.0.0.1,localhost", "localhost 127.0.0.0/8", "*"])
@pytest.mark.parametrize("variables", UNNEEDED)
def test_proxy_that_is_not_needed_is_not_checked(server, environment, transport, variables, no_proxy):
    """
    A call to a host in NO_PROXY succeeds even if the proxies are invalid.
    """
    for name, value in (variables | {"NO_PROXY": no_proxy}).items():
        environment.setenv(name, value)

    assert ask(transport, f"{server.url}/v1") == "Hello."


@pytest.mark.report("HKUDS/nanobot#5425", outcome="mended")
@pytest.mark.parametrize("transport", ["blocking", "auto", "default", "aiohttp"])
@pytest.mark.parametrize("all_proxy", ["socks://127.0.0.1:1", "socks4://127.0.0.1:1", " ", "nonsense"])
def test_all_proxy_is_not_checked_if_http_proxy_is_set(server, environment, transport, all_proxy):
    """
    If HTTP_PROXY is set, ALL_PROXY is not checked; blanks around values are ignored.
    """
    environment.setenv("ALL_PROXY", all_proxy)
    environment.setenv("HTTPS_PROXY", "ftp://127.0.0.1")
    environment.setenv("HTTP_PROXY", f" {server.url}\t")

    assert ask(transport, "http://vendor.invalid/v1") == "Hello."
    assert server.requests[0].line.startswith("POST http://vendor.invalid/v1/")


@every_transport
@pytest.mark.parametrize(
    "address", ["socks4://me:hush@127.0.0.1:1", "http://me:hush@127.0.0.1:port", "ftp://me:hush@h"]
)
def test_error_for_an_invalid_proxy_names_its_variable(environment, transport, address):
    """
    The error names the variable and shows no password.
    """
    environment.setenv("ALL_PROXY", address)

    with pytest.raises(ConfigurationError, match=r"ALL_PROXY cannot be used.*socks5://HOST:PORT") as caught:
        ask(transport, "http://vendor.invalid/v1")

    assert "hush" not in str(caught.value)


def test_transport_without_proxies_raises_an_error_if_one_is_needed(environment):
    """
    Httptools raises an error if a request needs a proxy, instead of connecting directly.
    """
    environment.setenv("HTTPS_PROXY", DEAD)

    with pytest.raises(UnsupportedError, match=r"HTTPS_PROXY.*vendor\.invalid"):
        ask("httptools", "https://vendor.invalid/v1")


@pytest.mark.parametrize("scheme", ["socks", "SOCKS", "socks5"])
def test_socks_url_means_version_5(environment, scheme):
    """
    ``socks://``, as desktops write it, means SOCKS 5.
    """
    environment.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:7897/")

    assert find("https", "vendor.invalid") == "socks5://127.0.0.1:7897"
    assert Proxies(TransportSettings()).schemes() == {"socks5"}


@pytest.mark.parametrize(
    ("no_proxy", "host", "is_direct"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3/8", "10.9.9.9", True),
        ("192.168.0.0/16,10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "ten.invalid", False),
        ("fd00::/8", "fd12::1", True),
        ("[fd00::]/8", "fe80::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("[::1]", "::1", True),
        ("[::1]:8080", "::1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.10", False),
        ("10.*", "10.1.2.3", True),
        ("vendor.invalid", "vendor.invalid", True),
        ("vendor.invalid", "API.Vendor.invalid.", True),
        (".vendor.invalid", "vendor.invalid", True),
        ("*.vendor.invalid", "api.vendor.invalid", True),
        ("vendor.invalid", "myvendor.invalid", False),
        ("a.invalid b.invalid", "b.invalid", True),
        ("vendor.invalid:443", "vendor.invalid", True),
        ("vendor.invalid:80", "vendor.invalid", False),
        ("https://vendor.invalid/", "vendor.invalid", True),
        ("http://vendor.invalid", "vendor.invalid", False),
        ("bücher.invalid", "xn--bcher-kva.invalid", True),
        ("*", "vendor.invalid", True),
        ("", "vendor.invalid", False),
        (" , ;", "vendor.invalid", False),
        ("10.0.0.0/99, http://, :, [", "vendor.invalid", False),
    ],
)
def test_no_proxy_names_hosts_networks_and_ports(environment, no_proxy, host, is_direct):
    """
    NO_PROXY has the same meaning as for curl, Go and requests.
    """
    environment.setenv("HTTPS_PROXY", DEAD)
    environment.setenv("NO_PROXY", no_proxy)

    assert find("https", host, 443) == (None if is_direct else DEAD)


def test_proxy_with_a_password_beyond_ascii(server, environment):
    """
    User and password are sent as UTF-8, percent-encoded or not.
    """
    environment.setenv("HTTP_PROXY", server.url.replace("//", "//me:h%C3%BCsh@"))

    for transport in ("blocking", "default", "aiohttp"):
        assert ask(transport, "http://vendor.invalid/v1") == "Hello."
    assert {request.headers["proxy-authorization"] for request in server.requests} == {"Basic bWU6aMO8c2g="}


def test_proxy_of_the_settings_is_checked_at_creation(server):
    """
    A proxy in the settings is checked when the client is created; blanks around it are ignored.
    """
    settings = {"transports": {"default": {"proxy": f" {server.url} "}}}
    options = {"base_url": "http://vendor.invalid/v1", "cache": False}
    with Client("openai-compatible/any", settings=settings, **options) as client:
        assert client.ask("Hi").text == "Hello."

    settings["transports"]["default"]["proxy"] = "socks4://h:1"
    with Client("openai-compatible/any", settings=settings, **options) as client, pytest.raises(BudwoodError):
        client.ask("Hi")
