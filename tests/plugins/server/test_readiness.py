"""``/readyz``, with a real Redis server."""

from __future__ import annotations

import contextlib

import pytest

from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.redis_fixtures import own_server

__all__ = ["own_server"]


@pytest.fixture
def open_gateway(sqlite_url):
    """
    Return a function that opens a gateway with settings of ``[server]``.
    """
    with contextlib.ExitStack() as stack:
        yield lambda **server: stack.enter_context(KeyedGateway({"server": server}, sqlite_url))


def test_without_redis_there_is_no_check_of_it(open_gateway):
    """
    The database counts limits then.
    """
    answer = open_gateway().send("GET", "/readyz", "")

    assert (answer.status, answer.json["status"]) == (200, "ready")
    assert answer.json["checks"].keys() == {"draining", "configuration", "database"}


@pytest.mark.real_server
def test_redis_that_is_down_is_reported(open_gateway, own_server):
    """
    It is ready while Redis answers, not when Redis has gone, and again once it is back. No key is needed.
    """
    gateway = open_gateway(redis=own_server.url)

    ready = gateway.send("GET", "/readyz", "")
    own_server.kill()
    down = gateway.send("GET", "/readyz", "")
    own_server.start()
    back = gateway.send("GET", "/readyz", "")

    assert (ready.status, ready.json["checks"]["redis"]) == (200, {"ok": True})
    assert (down.status, down.json["status"], down.json["checks"]["redis"]["ok"]) == (503, "not ready", False)
    assert down.json["checks"]["redis"]["error"].startswith("Cannot use Redis")
    assert down.json["checks"]["database"] == {"ok": True}
    assert back.status == 200


@pytest.mark.real_server
def test_redis_that_does_not_answer_is_reported(open_gateway, own_server):
    """
    The check ends, although the connection is open.
    """
    gateway = open_gateway(redis=own_server.url)
    assert gateway.send("GET", "/readyz", "").status == 200

    with own_server.paused():
        answer = gateway.send("GET", "/readyz", "")

    assert (answer.status, answer.json["checks"]["redis"]["ok"]) == (503, False)


def test_error_of_redis_has_no_password(open_gateway):
    """
    Everyone can read it.
    """
    answer = open_gateway(redis="redis://:hidden@127.0.0.1:1/0").send("GET", "/readyz", "")

    assert answer.status == 503
    assert b"hidden" not in answer.body
