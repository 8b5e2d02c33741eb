"""The client of a Redis server that plugins share."""

from __future__ import annotations

import itertools
import socket
import threading

import pytest
import trustme
from pydantic import BaseModel, ConfigDict, SecretStr

from budwood.errors import ConfigurationError
from budwood.providing.redis import MAX_CONNECTIONS, RedisURL, connect
from tests.ports import find_port
from tests.redis_server import RedisServer
from tests.servers import MAX_WAIT

SECRET = "p4ssw0rd-that-never-shows"


class Settings(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    url: RedisURL


@pytest.fixture
def open_server():
    """
    Return a function that connects to a URL.
    """
    servers = []

    def open_one(url, timeout=MAX_WAIT):
        servers.append(connect(SecretStr(url), timeout, "[caches.redis] url"))
        return servers[-1]

    yield open_one
    for server in servers:
        server.close()


@pytest.mark.parametrize("url", ["redis://host", "rediss://user:word@host:1/2", "unix:///run/redis.sock"])
def test_url_of_redis_is_valid(url):
    """
    All schemes of the client are accepted.
    """
    assert Settings(url=url).url.get_secret_value() == url


@pytest.mark.parametrize("url", ["http://host", "host:6379", "", "redis://["])
def test_url_has_a_scheme_of_redis(url):
    """
    Another one is an error that does not repeat it: it may contain a password.
    """
    with pytest.raises(ValueError, match="must begin with redis://, rediss:// or unix://") as caught:
        Settings(url=url + SECRET)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", [f"redis://:{SECRET}@host:port", f"redis://:{SECRET}@host/0?db=nothing"])
def test_wrong_url_is_a_configuration_error_without_its_text(open_server, url):
    """
    The message names the setting.
    """
    with pytest.raises(ConfigurationError, match=r"\[caches.redis\] url: it is not a valid address") as caught:
        open_server(url)

    assert SECRET not in f"{caught.value!r} {caught.value.hint} {caught.value.__context__!r}"


def test_unreachable_server_is_a_connection_error_without_the_password(open_server):
    """
    It is told from errors that a server reports.
    """
    server = open_server(f"redis://user:{SECRET}@127.0.0.1:1/0")
    with pytest.raises(ConnectionError, match="Redis") as caught:
        server.run(server.client.ping)

    assert SECRET not in f"{caught.value!r} {caught.value.__context__!r} {server!r}"


@pytest.mark.real_server
def test_wrong_password_is_an_os_error_without_it(open_server):
    """
    The right one is accepted.
    """
    with RedisServer("--requirepass", "right") as running:
        wrong = open_server(f"redis://:{SECRET}@127.0.0.1:{running.port}/0")
        with pytest.raises(OSError, match="invalid") as caught:
            wrong.run(wrong.client.ping)
        assert SECRET not in f"{caught.value!r}"

        right = open_server(f"redis://:right@127.0.0.1:{running.port}/0")
        assert right.run(right.client.ping)


@pytest.mark.real_server
def test_more_threads_than_connections(open_server):
    """
    Threads wait for a connection.
    """
    count = 4 * MAX_CONNECTIONS
    answers, barrier = [], threading.Barrier(count)

    def work(server):
        barrier.wait()
        try:
            answers.extend(server.run(lambda: server.client.echo("here")) for _ in range(5))
        except Exception as error:  # noqa: BLE001 - a thread has no caller to raise it to
            answers.append(error)

    with RedisServer() as running:
        server = open_server(running.url)
        threads = [threading.Thread(target=work, args=(server,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == [b"here"] * 5 * count


def test_server_that_does_not_answer_is_a_connection_error(open_server):
    """
    After the timeout, and without another try, which would take as long again.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = open_server(f"redis://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05)
        with pytest.raises(ConnectionError, match="Timeout"):
            server.run(server.client.ping)
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.real_server
def test_server_with_tls(open_server, tmp_path):
    """
    A URL with rediss:// encrypts, and checks the certificate.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    port = find_port()
    files = {name: str(tmp_path / "server.pem") for name in ("--tls-cert-file", "--tls-key-file")}
    options = {"--tls-port": str(port), **files, "--tls-ca-cert-file": str(tmp_path / "ca.pem")}
    with RedisServer(*itertools.chain(*options.items()), "--tls-auth-clients", "no"):
        trusting = open_server(f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path / 'ca.pem'}")
        assert trusting.run(trusting.client.ping)

        strict = open_server(f"rediss://127.0.0.1:{port}")
        with pytest.raises(ConnectionError, match="certificate verify failed"):
            strict.run(strict.client.ping)


@pytest.mark.real_server
def test_restarted_server_is_used_without_an_error(open_server):
    """
    A connection that is older than the server is replaced.
    """
    with RedisServer() as running:
        server = open_server(running.url)
        assert server.run(server.client.ping)
        running.kill()
        running.start()

        assert server.run(server.client.ping)
