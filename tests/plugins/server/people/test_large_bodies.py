"""Bodies under /api and of the admin page, before it is known who sends them."""

from __future__ import annotations

import pytest

from tests.plugins.server.keyed_gateway import KeyedGateway

LARGE = b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
TYPE = {"content_type": "application/json"}


@pytest.fixture
def gateway(sqlite_url):
    """
    A gateway with keys.
    """
    with KeyedGateway({}, sqlite_url) as gateway:
        yield gateway


@pytest.mark.parametrize("path", ["/api/prompts", "/api/keys", "/api/nowhere"])
@pytest.mark.parametrize("length", [len(LARGE), None])
def test_large_bodies_of_strangers_are_not_read(gateway, path, length):
    """
    Parsed JSON can take 30 times as much memory. A key that is not valid is no difference.
    """
    headers = TYPE if length is None else TYPE | {"content_length": str(length)}

    assert gateway.send("POST", path, "bw_live_x", LARGE, **headers).status == 401


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/refresh"])
def test_logins_are_small(gateway, path):
    """
    The error does not name a setting, since none changes this limit.
    """
    answer = gateway.send("POST", path, "", LARGE, **TYPE)

    assert (answer.status, answer.json["error"]["code"]) == (413, "request_too_large")
    assert answer.json["error"]["hint"] == "Send less."


def test_large_bodies_of_those_who_are_known_are_read(gateway):
    """
    Whether the content is valid is another question.
    """
    answer = gateway.send("POST", "/api/prompts", gateway.create_key(scopes={"prompts"}), LARGE, **TYPE)

    assert answer.status == 400
