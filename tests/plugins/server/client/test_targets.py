"""Which server and which key a client uses."""

from __future__ import annotations

import pytest

import budwood
from budwood.settings import user_folder
from budwood_server.client import GatewayClient
from budwood_server.client.logins.store import Login, LoginStore
from budwood_server.client.urls import is_protected, parse_url

URL = "https://budwood.example.org"


def find_key(*arguments, **options):
    """
    Return the URL of a client, and what it sends.
    """
    client = GatewayClient(*arguments, **options)
    return client.url, client.sender.connection.credential.renew()


def section(url=URL, key="of the file"):
    """
    Return settings with a server.
    """
    return {"providers": {"team": {"plugin": "budwood-server", "base_url": url, "api_key": key}}}


@pytest.fixture
def login():
    """
    A stored login.
    """
    fields = {"access_token": "of the login", "expires_at": 1e11, "refresh_token": "r"}
    LoginStore(user_folder("config")).save(Login(url=URL, account="ann", **fields), "file")


def test_key_is_searched_in_order(login, monkeypatch):
    """
    An argument, the environment, the settings, and then a login.
    """
    assert find_key() == (URL, "of the login")
    assert find_key(settings=section()) == (URL, "of the file")
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "of the environment")
    assert find_key(settings=section()) == (URL, "of the environment")
    assert find_key(settings=section(), key="of the program") == (URL, "of the program")


def test_url_is_searched_in_order(monkeypatch):
    """
    An argument, the environment, and the settings.
    """
    assert find_key(settings=section("https://a.example/v1"))[0] == "https://a.example"
    monkeypatch.setenv("BUDWOOD_SERVER_URL", "https://b.example/prefix/v1/")
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "k")
    assert find_key(settings=section("https://a.example")) == ("https://b.example/prefix", "k")
    assert find_key("https://C.example:443/", key="k")[0] == "https://c.example"


def test_keys_are_not_sent_to_other_servers(login, monkeypatch):
    """
    A key of the settings, of the environment or of a login belongs to its own origin.
    """
    monkeypatch.setenv("BUDWOOD_SERVER_URL", "https://b.example")
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "k")

    with pytest.raises(budwood.CredentialError, match=r"no key for https://evil\.example"):
        GatewayClient("https://evil.example", settings=section())


def test_section_is_chosen_by_its_name():
    """
    Several servers need a choice.
    """
    settings = section("https://a.example", "a")
    settings["providers"]["other"] = section("https://b.example", "b")["providers"]["team"]

    assert find_key(provider="other", settings=settings) == ("https://b.example", "b")
    with pytest.raises(budwood.ConfigurationError, match="several servers: other"):
        GatewayClient(settings=settings)
    with pytest.raises(budwood.ConfigurationError, match="'offline', not 'budwood-server'"):
        GatewayClient(provider="offline", settings=settings)


def test_without_a_server_nothing_is_guessed():
    """
    The error says how to name one.
    """
    with pytest.raises(budwood.ConfigurationError, match="budwood login"):
        GatewayClient()


@pytest.mark.parametrize(
    "url", ["gateway.example", "ftp://a.example", "https://u:p@a.example", "https://a?b", "http://"]
)
def test_invalid_url_is_refused(url):
    """
    Its text, which may have a password, is not in the error.
    """
    with pytest.raises(budwood.ConfigurationError) as caught:
        parse_url(url)
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", True),
        ("http://localhost:8080", True),
        ("http://127.0.0.9", True),
        ("http://[::1]:80", True),
        ("http://a.example", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
    ],
)
def test_unencrypted_addresses_of_others_are_not_protected(url, expected):
    """
    What stays on this machine is.
    """
    assert is_protected(url) is expected


def test_provider_reads_the_same_variables(monkeypatch):
    """
    ``budwood-server/MODEL`` needs no section.
    """
    monkeypatch.setenv("BUDWOOD_SERVER_URL", URL)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "k")

    with budwood.Client("budwood-server/fast") as client:
        (endpoint,) = client.endpoints("budwood-server")
    assert endpoint.url.startswith(URL)
