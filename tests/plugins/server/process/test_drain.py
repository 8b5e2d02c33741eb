"""A server that stops lets requests finish, for a while."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading

import pytest

from tests.held_server import HeldServer
from tests.plugins.server.serving import ServeProcess, wait_until

pytestmark = pytest.mark.one_python

QUESTION = {"model": "held", "messages": [{"role": "user", "content": "Hello"}]}


def settings_of(vendor, drain=30):
    """
    Return settings with one model of a vendor on loopback.
    """
    return (
        f'[server]\ndrain = {drain}\n[server.models]\nheld = "openai-compatible/x"\n'
        f'[providers.openai-compatible]\nbase_url = "{vendor.origin}/v1"\n[options]\nretries = 0\n'
    )


def read_events(reply):
    """
    Return the data of the events of a stream.
    """
    return [line.removeprefix("data: ") for line in reply.iter_lines() if line.startswith("data: ")]


def refuses_connections(url):
    """
    Tell whether nobody listens at a URL any more.
    """
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stream_under_way_is_sent_to_its_end(tmp_path, workers):
    """
    After SIGTERM no connection is accepted; the stream ends with [DONE], and then the server with status 0.
    """
    with (
        HeldServer() as vendor,
        ServeProcess(tmp_path, "--workers", workers, settings=settings_of(vendor)) as server,
        server.client() as client,
        client.stream("POST", "/v1/chat/completions", json=QUESTION | {"stream": True}) as reply,
    ):
        assert reply.status_code == 200
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(server.url))
        vendor.opened.set()
        assert read_events(reply)[-1] == "[DONE]"
        assert server.wait() == 0


@pytest.mark.parametrize("is_second_signal", [False, True])
def test_a_stream_that_takes_too_long_ends_with_an_error(tmp_path, is_second_signal):
    """
    When the time is over, or at a second signal, the vendor's call is cancelled, and the last event is an error.
    """
    drain = 300 if is_second_signal else 0.2
    with (
        HeldServer() as vendor,
        ServeProcess(tmp_path, settings=settings_of(vendor, drain)) as server,
        server.client() as client,
        client.stream("POST", "/v1/chat/completions", json=QUESTION | {"stream": True}) as reply,
    ):
        server.send_signal(signal.SIGTERM)
        if is_second_signal:
            wait_until(lambda: refuses_connections(server.url))
            server.send_signal(signal.SIGTERM)
        events = read_events(reply)
        assert json.loads(events[-1])["error"]["code"] == "server_stopping"
        assert vendor.lost.acquire(timeout=60)
        assert server.wait() == 0


def test_a_reply_that_takes_too_long_is_503(tmp_path):
    """
    A request whose reply has not started gets an error that says that it can be sent again.
    """
    replies = []
    with (
        HeldServer() as vendor,
        ServeProcess(tmp_path, settings=settings_of(vendor, drain=0)) as server,
        server.client() as client,
    ):
        thread = threading.Thread(target=lambda: replies.append(client.post("/v1/chat/completions", json=QUESTION)))
        thread.start()
        assert vendor.arrived.acquire(timeout=60)
        server.send_signal(signal.SIGINT)
        thread.join()
        vendor.opened.set()
        assert server.wait() == 0

    assert (replies[0].status_code, replies[0].json()["error"]["code"]) == (503, "server_stopping")


def test_a_worker_that_is_killed_is_started_again(tmp_path):
    """
    The other worker answers meanwhile; the new one takes part, and the server still ends with status 0.
    """
    with (
        ServeProcess(tmp_path, "--workers", "2") as server,
        server.client(server.admin_key) as admin,
    ):
        answering = admin.get("/api/config").json()["workers"]
        mine = next(pid for pid in (row["pid"] for row in answering))
        os.kill(mine, signal.SIGKILL)

        def workers():
            with server.client(server.admin_key) as fresh:  # the connection may have been that of the killed one
                return {row["pid"] for row in fresh.get("/api/config").json()["workers"]}

        wait_until(lambda: mine not in (found := workers()) and len(found) == 2)
        server.wait_for_line("worker died")
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
