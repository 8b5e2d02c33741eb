"""Retries of what the server has done, when the connection broke before its reply."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from budwood_server.client import ConnectionFailedError, GatewayClient, NotFoundError
from tests.servers import RESET, reply


class BreakingServer:
    """
    Passes requests on to the gateway. It resets the connection in place of the reply to each first attempt.

    Args:
        server: The server on loopback that clients use.
        gateway: The gateway.
    """

    def __init__(self, server, gateway):
        self.url = server.url
        self._server = server
        self._address = urlsplit(gateway.url).netloc
        server.answer = self._pass_on

    def break_next(self):
        """
        Break the connection of the next request after the gateway has acted.
        """
        self._server.play(self._act(), RESET)

    @property
    def attempts(self):
        """
        How many requests have arrived.
        """
        return len(self._server.requests)

    def _act(self):
        self._pass_on(self._server.requests[-1])
        yield b""

    def _pass_on(self, request):
        method, target, _ = request.line.split()
        connection = HTTPConnection(self._address)
        connection.request(method, target, request.body, request.headers)
        received = connection.getresponse()
        body = received.read()
        connection.close()
        return reply(received.status, body=body)


@pytest.fixture
def breaking(vendor, gateway):
    """
    A server that breaks connections.
    """
    return BreakingServer(vendor, gateway)


def connect(breaking, gateway, key, clock):
    """
    Return a client of it.
    """
    return GatewayClient(breaking.url, key=gateway.keys[key], clock=clock)


def test_a_session_has_each_turn_once(breaking, gateway, clock):
    """
    The retry gets the reply to the first attempt.
    """
    with connect(breaking, gateway, "infer", clock) as client:
        session = client.session("broken")
        breaking.break_next()
        text = session.run("What gives fruit?\n\n<passage>The shoot gives fruit.</passage>", model="demo").text

        assert text == "The shoot gives fruit."
        assert breaking.attempts == 2
        assert [message["role"] for message in session.messages()] == ["user", "assistant"]


def test_a_stream_is_not_sent_again(breaking, gateway, clock):
    """
    It is an error for the program.
    """
    with connect(breaking, gateway, "infer", clock) as client:
        breaking.break_next()
        with pytest.raises(ConnectionFailedError), client.stream("Hi", model="demo") as events:
            next(events)


def test_acts_of_administrators_happen_once(breaking, gateway, clock):
    """
    Their log has each act once, and the retry gets the reply: a new key is not lost.
    """
    with connect(breaking, gateway, "admin", clock) as client:
        before = len([*client.audit.list()])
        acts = [lambda: client.keys.create("broken")]
        acts.append(lambda: client.keys.rotate(replies[0].id))
        acts.append(lambda: client.keys.revoke(replies[0].id))
        acts.append(lambda: client.tokens.add("openai", "sk-1", label="broken"))
        acts.append(lambda: client.tokens.rotate(replies[3].id, "sk-2"))
        acts.append(client.tokens.rewrap)
        replies = []
        for act in acts:
            breaking.break_next()
            replies.append(act())

        assert replies[0].key != replies[1].key
        assert len([*client.audit.list()]) == before + len(acts)


def test_what_was_removed_before_the_reply_was_lost_is_no_error(breaking, gateway, clock):
    """
    The retry finds nothing more to remove, and the log has the act once.
    """
    with connect(breaking, gateway, "admin", clock) as client:
        client.accounts.create("broken", "viewer", "correct horse battery")
        before = len([*client.audit.list()])
        breaking.break_next()
        attempts = breaking.attempts

        client.accounts.remove("broken")

        assert breaking.attempts == attempts + 2
        assert len([*client.audit.list()]) == before + 1


def test_what_never_existed_is_an_error(breaking, gateway, clock):
    """
    So it is for a first attempt that was answered, and for reading after one that was not.
    """
    with connect(breaking, gateway, "admin", clock) as client:
        with pytest.raises(NotFoundError):
            client.accounts.remove("unknown")
        breaking.break_next()
        with pytest.raises(NotFoundError):
            client.accounts.get("unknown")
