"""A client of httpx that the user passes: it sends calls as our own transports do, and is not closed."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import pytest

from budwood.errors import ConnectionFailedError
from budwood.hooks import TRANSPORT, TransportSpec
from budwood.transports.httpx_client import AsyncHTTPXTransport, HTTPXTransport
from budwood.wire.transport_settings import TransportSettings
from budwood_testing.suites.transport.bench import call, fetch
from budwood_testing.suites.transport.cancellation import CancellationTests
from budwood_testing.suites.transport.connection_reuse import ReuseTests
from budwood_testing.suites.transport.errors import ErrorTests
from budwood_testing.suites.transport.exchanges import ExchangeTests
from budwood_testing.suites.transport.head_deadlines import HeadDeadlineTests
from budwood_testing.suites.transport.saved_replies import SaveTests
from budwood_testing.suites.transport.timeouts import TimeoutTests
from budwood_testing.suites.transport.uploads import UploadTests
from budwood_testing.suites.transport.urls import URLTests
from tests.plugins.testing.mutants.registering import registry_of
from tests.servers import WAIT_FOR_CLOSE, reply


class OwnTransport(HTTPXTransport):
    def close(self):
        self._client.close()


class OwnAsyncTransport(AsyncHTTPXTransport):
    async def close(self):
        await self._client.aclose()


class OwnClients:
    """
    Creates clients of httpx with settings, and closes them.
    """

    def __init__(self, settings, context):
        limits = httpx.Limits(
            max_connections=settings.max_connections,
            max_keepalive_connections=settings.max_idle_connections,
            keepalive_expiry=settings.keepalive_expiry,
        )
        self.arguments = {"limits": limits, "proxy": settings.proxy and settings.proxy.get_secret_value()}
        self.monotonic = context.clock.monotonic

    def blocking(self):
        return OwnTransport(httpx.Client(**self.arguments), monotonic=self.monotonic)

    def asynchronous(self):
        return OwnAsyncTransport(httpx.AsyncClient(**self.arguments), monotonic=self.monotonic)


class TestHTTPXClient(
    ExchangeTests,
    UploadTests,
    SaveTests,
    URLTests,
    HeadDeadlineTests,
    TimeoutTests,
    ReuseTests,
    CancellationTests,
    ErrorTests,
):
    plugin = "httpx-client"

    # The user closes the client, and httpx limits each read of a head separately.
    test_closing_the_transport_ends_active_calls = None
    test_slow_head_is_stopped_at_the_deadline = None
    test_slow_head_is_stopped_at_the_head_deadline = None

    # Behaviour of httpx: it stores cookies, resolves `..` in paths, and accepts any host.
    test_cookies_are_not_stored = None
    test_path_and_query_are_encoded_once = None
    test_invalid_url_is_reported_immediately = None

    # Differences of the pool of httpcore: tasks that are cancelled at some steps leave connections open, waiting
    # threads may get a connection that is being closed, and bytes after a reply are read as the next reply.
    test_cancelling_at_any_step_releases_everything = None
    test_cancelling_at_any_step_of_tls_releases_everything = None
    test_cancelling_an_upload_releases_everything = None
    test_threads_share_the_connections = None
    test_bytes_after_a_reply_are_not_the_next_reply = None

    registry = registry_of(
        TRANSPORT,
        TransportSpec(
            name="httpx-client",
            settings=lambda: TransportSettings,
            build=OwnClients,
            requires_api=(2, 0),
            summary="A client of the user's.",
        ),
    )


def test_client_of_the_user_is_not_closed(loopback_server):
    """
    It is used with its headers, and is not closed.
    """
    loopback_server.play(reply())
    with httpx.Client(headers={"x-mine": "yes"}) as own:
        transport = HTTPXTransport(own)
        fetch(transport, call(loopback_server.url))
        transport.close()

        assert not own.is_closed
        assert loopback_server.requests[0].headers["x-mine"] == "yes"


def test_body_that_a_hook_has_read_is_not_decompressed_twice():
    """
    A hook of the user's client may read the body, and the body is unchanged.
    """
    packed = httpx.Response(200, content=gzip.compress(b"plain"), headers={"content-encoding": "gzip"})
    mock = httpx.MockTransport(lambda _: packed)
    with httpx.Client(transport=mock, event_hooks={"response": [lambda response: response.read()]}) as own:
        assert fetch(HTTPXTransport(own), call("http://vendor.example")).body == b"plain"


def test_wait_for_a_head_on_a_new_connection_can_be_interrupted(loopback_server):
    """
    Interrupting the thread shuts down its socket, and the call fails immediately.
    """
    loopback_server.play(WAIT_FOR_CLOSE)
    with httpx.Client(trust_env=False) as own, ThreadPoolExecutor(1) as pool:
        transport = HTTPXTransport(own)
        thread = pool.submit(threading.get_ident).result()
        future = pool.submit(fetch, transport, call(loopback_server.url))
        while not future.done():  # before it is connected, it has no socket to shut down
            transport.interrupt(thread)
            wait([future], timeout=0.01)

        with pytest.raises(ConnectionFailedError):
            future.result()


@pytest.mark.parametrize("accept_encoding", ["gzip, deflate, br, zstd", "identity", "gzip"])
def test_only_supported_encodings_are_accepted(loopback_server, accept_encoding):
    """
    Encodings that only httpx supports are not sent; fewer encodings of the user's client are.
    """
    loopback_server.play(reply())
    with httpx.Client(headers={"accept-encoding": accept_encoding}) as own:
        fetch(HTTPXTransport(own), call(loopback_server.url))

    assert loopback_server.requests[0].headers["accept-encoding"] == accept_encoding.removesuffix(", br, zstd")
