"""``budwood webhooks listen``, as a process, with a gateway on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from budwood_server.client import GatewayClient
from budwood_server.webhooks.receiving import MAX_BODY
from budwood_server.webhooks.signing import create_secret, make_headers
from tests.plugins.server.client.conftest import ServedGateway

EVENT = {"specversion": "1.0", "id": "evt_1", "type": "key.created", "subject": "key_1", "data": {"name": "a\x1b[1m"}}


@pytest.fixture
def start(tmp_path):
    """
    Start the command with options and variables, and return it. It does not outlive the test.
    """
    started = []

    def start_command(*options, **variables):
        hidden = ("BUDWOOD_SERVER_URL", "BUDWOOD_SERVER_KEY", "BUDWOOD_WEBHOOK_SECRET")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        process = subprocess.Popen(
            [sys.executable, "-m", "budwood_cli", "webhooks", "listen", *options],
            cwd=tmp_path,
            env=environment | {"BUDWOOD_CONFIG_DIR": str(tmp_path / "config"), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_command
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def read_line(stream, part):
    """
    Return the next line, which has a part.
    """
    line = stream.readline()
    assert part in line, line + stream.read()
    return line


def read_url(process):
    """
    Return the URL of a receiver that has started.
    """
    return read_line(process.stderr, "listening at").split()[2]


def end(process, number=signal.SIGINT):
    """
    Send a signal, and return the status, the rest of the output, and that of the messages.
    """
    process.send_signal(number)
    output, messages = process.communicate()
    return process.returncode, output, messages


def post(url, body, headers=None, method="POST"):
    """
    Send a request, and return the status of the answer.
    """
    with closing(HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request(method, "/", body, headers or {})
        return connection.getresponse().status


@pytest.fixture
def gateway(tmp_path):
    """
    A gateway that sends events to this machine, at once.
    """
    server = {"webhooks": {"allow_local": True, "poll": 0.05}, "events": {"poll": 0.05}}
    with ServedGateway(tmp_path, {"server": server}) as running:
        yield running


def test_a_temporary_endpoint_lasts_as_long_as_the_command(gateway, start):
    """
    Its events are verified and printed, those that arrive again are marked, and the endpoint is deleted at the end.
    """
    variables = {"BUDWOOD_SERVER_URL": gateway.url, "BUDWOOD_SERVER_KEY": gateway.keys["admin"]}
    process = start("--types", "key.created", "--json", **variables)
    read_url(process)
    webhook_id = read_line(process.stderr, "created wh_").split()[1]
    with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        key = client.keys.create("new")
        first = json.loads(process.stdout.readline())
        (delivery,) = client.webhooks.deliveries(webhook_id)
        while delivery.state != "delivered":
            delivery = client.webhooks.delivery(webhook_id, delivery.id)
        client.webhooks.replay(webhook_id, delivery.id)
        again = json.loads(process.stdout.readline())
        status, output, messages = end(process)
        left = list(client.webhooks.list())

    assert (first["event"]["type"], first["event"]["subject"]) == ("key.created", key.id)
    assert (first["event"], first["is_duplicate"], again["is_duplicate"]) == (again["event"], False, True)
    assert (status, output) == (0, "")
    assert messages == f"1 event, 1 duplicate, 0 refused requests\nremoved {webhook_id}\n"
    assert left == []


def test_requests_that_cannot_be_verified_are_refused(start):
    """
    The secret of an endpoint that somebody created may be one of several; after some events the command ends.
    """
    old, new = create_secret(), create_secret()
    process = start("--count", "1", BUDWOOD_WEBHOOK_SECRET=f"{new} {old}")
    url, body = read_url(process), json.dumps(EVENT).encode()
    assert post(url, body) == 401
    assert post(url, body, make_headers([create_secret()], "evt_1", body)) == 401
    assert post(url, b"", method="GET") == 405
    assert post(url, iter([b"x" * (MAX_BODY + 1)])) == 413
    assert post(url, body, make_headers([old], "evt_1", body)) == 204
    output, messages = process.communicate()

    assert process.returncode == 0
    assert "  key.created  key_1  evt_1\n" in output
    assert messages.count("refused: ") == 3
    assert messages.endswith("1 event, 0 duplicates, 3 refused requests\n")


def test_a_server_without_allow_local_is_named(start, tmp_path):
    """
    The error says which setting of the server permits it, and nothing is left.
    """
    with ServedGateway(tmp_path) as gateway:
        variables = {"BUDWOOD_SERVER_URL": gateway.url, "BUDWOOD_SERVER_KEY": gateway.keys["admin"]}
        process = start("--types", "*", **variables)
        _, messages = process.communicate()
        assert process.returncode != 0
        assert "allow_local = true in [server.webhooks]" in messages
        assert "--url" in messages


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that programs receive")
def test_a_signal_of_the_system_ends_it_too(start):
    """
    As Ctrl-C does, with the status 0.
    """
    process = start(BUDWOOD_WEBHOOK_SECRET=create_secret())
    url = read_url(process)
    assert post(url, b"{}") == 401
    read_line(process.stderr, "refused")
    assert end(process, signal.SIGTERM) == (0, "", "0 events, 0 duplicates, 1 refused request\n")
