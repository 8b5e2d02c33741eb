"""The suite for transports."""

from __future__ import annotations

from typing import cast

import pytest

from budwood.contracts import Transports
from budwood.errors import UnsupportedError
from budwood_testing.loopback import LoopbackServer, reply
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.transport.addresses import AddressTests
from budwood_testing.suites.transport.bench import Make, call, fetch, timing
from budwood_testing.suites.transport.cancellation import CancellationTests
from budwood_testing.suites.transport.certificates import CertificateTests
from budwood_testing.suites.transport.connection_reuse import ReuseTests
from budwood_testing.suites.transport.errors import ErrorTests
from budwood_testing.suites.transport.exchanges import ExchangeTests
from budwood_testing.suites.transport.head_deadlines import HeadDeadlineTests
from budwood_testing.suites.transport.proxies import ProxyTests
from budwood_testing.suites.transport.saved_replies import SaveTests
from budwood_testing.suites.transport.timeouts import TimeoutTests
from budwood_testing.suites.transport.uploads import UploadTests
from budwood_testing.suites.transport.urls import URLTests


class TransportSuite(
    ExchangeTests,
    UploadTests,
    SaveTests,
    URLTests,
    HeadDeadlineTests,
    TimeoutTests,
    ReuseTests,
    CancellationTests,
    ErrorTests,
    ProxyTests,
    CertificateTests,
    AddressTests,
):
    """
    Tests a transport against real servers on loopback, including TLS, which requires the package trustme.

    The suite tests blocking I/O, async I/O, or both, as the plugin declares.

    .. code-block:: python

        class TestAcme(TransportSuite):
            plugin = "acme"
            blocking = False  # it has only async I/O

    Tests of features that the plugin does not declare are skipped.
    """

    def test_at_least_one_kind_of_io_is_claimed(self) -> None:
        """A transport has blocking I/O, async I/O, or both."""
        assert self.blocking or self.asynchronous

    def test_creating_a_transport_uses_no_network(self, build: Build) -> None:
        """Creating a transport opens no connection; the first call does."""
        instances = [cast("Transports", build().implementation) for _ in range(2)]
        with no_io(files=False):
            if self.blocking:
                instances[0].blocking()
            if self.asynchronous:
                instances[1].asynchronous()

    def test_unsupported_proxies_are_rejected(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        """A call that has to go through a proxy never goes directly instead."""
        if self.proxies:
            pytest.skip(f"{self.plugin} sets `proxies`")
        with pytest.raises(UnsupportedError):
            make(proxy="http://127.0.0.1:1").open(call("https://vendor.invalid/"), timing())
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        with pytest.raises(UnsupportedError) as caught:
            make().open(call("https://vendor.invalid/"), timing())
        assert caught.value.hint

    @pytest.mark.parametrize("no_proxy", ["127.0.0.1", "localhost, 127.0.0.0/8", "*"])
    def test_unneeded_proxies_are_not_checked(
        self, make: Make, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, no_proxy: str
    ) -> None:
        """A proxy of the environment, also one that no transport supports, is checked only when a call needs it."""
        monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:1")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:port")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        server.play(reply(200, "direct"))

        assert fetch(make(), call(server.url)).body == b"direct"

    def test_unsupported_io_is_rejected(self, build: Build) -> None:
        """The kind of I/O that the plugin lacks raises UnsupportedError with a hint."""
        if self.blocking and self.asynchronous:
            pytest.skip(f"{self.plugin} has both kinds of I/O")
        implementation = cast("Transports", build().implementation)
        missing = implementation.asynchronous if self.blocking else implementation.blocking
        with pytest.raises(UnsupportedError) as caught:
            missing()

        assert caught.value.hint
