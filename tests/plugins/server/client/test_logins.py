"""``budwood login`` and ``budwood logout``, and clients with a login, at a gateway on loopback."""

from __future__ import annotations

import asyncio
import io
import json
import stat
import subprocess
import sys

import keyring
import pytest

import budwood
from budwood.settings import user_folder
from budwood_cli.program import run as run_program
from budwood_server.client import AsyncGatewayClient, AuthenticationError, GatewayClient
from budwood_server.client.logins.keys import LoginKeys
from budwood_server.client.logins.store import Login, LoginStore
from budwood_server.people import passwords
from tests.fake_keyring import FakeKeyring

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module", autouse=True)
def ann(gateway):
    """
    An account.
    """
    with pytest.MonkeyPatch.context() as patch, GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        patch.setattr(passwords, "_N", 16)
        yield client.accounts.create("ann@example.com", "operator", PASSWORD)


@pytest.fixture
def command(monkeypatch, capsys):
    """
    Return a function that runs ``budwood``, with a password on standard input.
    """
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments, password=PASSWORD):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        status = run_program([*arguments])
        printed = capsys.readouterr()
        assert not {password, "bw_access", "bw_refresh"} & {*printed.out.split(), *printed.err.split()}
        return status, printed.out, printed.err

    return run


@pytest.fixture
def log_in(command, gateway):
    """
    Return a function that logs Ann in, with the login in a file unless its arguments say otherwise.
    """

    def run(*arguments):
        place = () if "--store" in arguments else ("--store", "file")
        status, _, error = command(
            "login", gateway.url, "--name", "ann@example.com", "--password-stdin", *place, *arguments
        )
        assert status == 0, error

    return run


def find_store():
    """
    Return the logins of the test.
    """
    return LoginStore(user_folder("config"))


def expire(url):
    """
    Change a stored login as if its access token had ended.
    """
    store = find_store()
    login = store.load(url)
    store.save(login.model_copy(update={"expires_at": 0.0}), "file")
    return login


def find_acts(gateway, action):
    """
    Return how often an act is in the audit log.
    """
    with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        return len([*client.audit.list(action=action)])


def test_client_without_key_uses_the_login(gateway, log_in, command):
    """
    It is found by the URL of the server, or without a URL if there is no other. The file is private.
    """
    log_in()

    with GatewayClient() as client:
        assert client.url == gateway.url
        assert client.whoami().name == "ann@example.com"
    path = find_store().path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    status, printed, _ = command("login", "--status", "--json")
    assert (status, json.loads(printed)) == (0, [{"url": gateway.url, "account": "ann@example.com", "problem": None}])


def test_logout_ends_the_login_at_the_server(gateway, log_in, command):
    """
    Its tokens are refused afterwards, and it is removed from this machine.
    """
    log_in()
    login = find_store().load(gateway.url)

    assert command("logout")[0] == 0

    assert find_store().list_urls() == []
    with (
        GatewayClient(gateway.url, key=login.access_token.get_secret_value()) as client,
        pytest.raises(AuthenticationError),
    ):
        client.whoami()
    status, _, error = command("logout", gateway.url)
    assert (status, "There is no login" in error) == (4, True)


@pytest.mark.parametrize("loss", ["key", "text"])
def test_login_that_cannot_be_opened_is_removed_by_logout(gateway, log_in, command, loss):
    """
    Its key is gone, or its text was changed: logout warns that the server keeps it, and removes it here.
    """
    log_in()
    if loss == "key":
        LoginKeys().path.unlink()
    else:
        path = find_store().path
        path.write_text(path.read_text("utf-8").replace("ciphertext", "text"), "utf-8")

    status, printed, error = command("logout", "--json")

    assert (status, json.loads(printed)) == (0, {"url": gateway.url, "ended": False})
    assert "warning: " in error
    assert "30 days" in error
    assert "an administrator" in error
    assert find_store().list_urls() == []


def test_login_ends_the_one_that_it_replaces(gateway, log_in):
    """
    The server refuses its tokens afterwards, also if its access token had ended. One that has ended is replaced, too.
    """
    log_in()
    expire(gateway.url)
    log_in()
    before = find_store().load(gateway.url)
    log_in()

    with (
        GatewayClient(gateway.url, key=before.access_token.get_secret_value()) as client,
        pytest.raises(AuthenticationError),
    ):
        client.whoami()
    find_store().save(before, "file")
    log_in()
    with GatewayClient() as client:
        assert client.whoami().name == "ann@example.com"


def test_expired_token_is_renewed(gateway, log_in):
    """
    Sync and async clients renew it, and store the next tokens.
    """
    log_in()
    first = expire(gateway.url)

    with GatewayClient() as client:
        client.whoami()
    second = expire(gateway.url)

    async def use():
        async with AsyncGatewayClient() as client:
            return await client.whoami()

    assert asyncio.run(use()).name == "ann@example.com"
    third = find_store().load(gateway.url)
    assert len({login.refresh_token.get_secret_value() for login in (first, second, third)}) == 3


def test_processes_renew_a_token_once(gateway, log_in):
    """
    Of processes that find an expired token at the same time, one renews it, and the others use what it got.
    """
    log_in()
    expire(gateway.url)
    reused = find_acts(gateway, "login.reuse")
    program = "import sys; from budwood_server.client import GatewayClient; client = GatewayClient(); "
    program += "print('ready', flush=True); sys.stdin.readline(); print(client.whoami().name)"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    processes = [subprocess.Popen([sys.executable, "-c", program], **pipes) for _ in range(4)]

    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in processes]

    assert answers == ["ann@example.com\n"] * 4
    assert find_acts(gateway, "login.reuse") == reused


def test_ended_login_is_removed(gateway, log_in):
    """
    A refresh token that was used before ends the login; the error says to log in again.
    """
    log_in()
    stale = expire(gateway.url)
    with GatewayClient() as client:
        client.whoami()
    find_store().save(stale.model_copy(update={"expires_at": 0.0}), "file")

    with GatewayClient(gateway.url) as client, pytest.raises(AuthenticationError, match="budwood login"):
        client.whoami()

    assert find_store().list_urls() == []


def test_revoked_access_token_is_renewed_once(gateway, log_in):
    """
    If the server refuses a token before its time, another one is fetched.
    """
    log_in()
    store = find_store()
    login = store.load(gateway.url)
    store.save(Login(**{**dict(login), "access_token": "bw_access_other"}), "file")

    with GatewayClient() as client:
        assert client.whoami().name == "ann@example.com"


def test_login_is_in_the_keyring(gateway, log_in, command, monkeypatch):
    """
    With a keyring, the file has no secret, also after a renewal.
    """
    backend = FakeKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    log_in("--store", "keyring")

    assert "bw_" not in find_store().path.read_text("utf-8")
    with GatewayClient() as client:
        assert client.whoami().kind == "account"
    assert command("logout")[0] == 0
    assert backend.secrets == {}


def test_provider_without_key_uses_the_login(gateway, log_in):
    """
    Clients of models send the tokens of the login, if the account may call models.
    """
    log_in()
    settings = {"providers": {"team": {"plugin": "budwood-server", "base_url": gateway.url}}}

    with budwood.Client("team/fast", settings=settings) as client:
        found = client.ask("What gives fruit?\n\n<passage>The shoot gives fruit.</passage>")

    assert "shoot" in found.text


def test_wrong_password_is_refused(gateway, command):
    """
    The error is that of the server, and nothing is stored.
    """
    arguments = ("--name", "ann@example.com", "--password-stdin", "--store", "file")
    status, _, error = command("login", gateway.url, *arguments, password="wrong password")

    assert (status, "name or the password is wrong" in error) == (4, True)
    assert find_store().list_urls() == []


def test_password_is_not_sent_without_encryption(command):
    """
    To other machines http:// needs a flag.
    """
    status, _, error = command("login", "http://budwood.example.org", "--name", "ann", "--password-stdin")

    assert (status, "--insecure-http" in error) == (2, True)


def test_tokens_are_not_in_texts(gateway, log_in):
    """
    Neither the repr of a login nor that of a client has them.
    """
    log_in()
    login = find_store().load(gateway.url)

    with GatewayClient() as client:
        client.whoami()
        assert "bw_" not in repr(login) + repr(client) + repr(client.sender.connection)
        with pytest.raises(TypeError, match="pickled"):
            client.__reduce__()
