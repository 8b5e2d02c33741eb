"""All that is asked of a transport."""

from __future__ import annotations

from typing import cast

import pytest

from budwood.contracts import Transports
from budwood.errors import UnsupportedError
from budwood_testing.loopback import LoopbackServer, reply
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.transport.addressing import Addressing
from budwood_testing.suites.transport.bench import Make, call, fetch, timing
from budwood_testing.suites.transport.carrying import Carrying
from budwood_testing.suites.transport.failing import Failing
from budwood_testing.suites.transport.leaving import Leaving
from budwood_testing.suites.transport.proxying import Proxying
from budwood_testing.suites.transport.reusing import Reusing
from budwood_testing.suites.transport.saving import Saving
from budwood_testing.suites.transport.starting import Starting
from budwood_testing.suites.transport.trusting import Trusting
from budwood_testing.suites.transport.uploading import Uploading
from budwood_testing.suites.transport.waiting import Waiting


class TransportSuite(
    Carrying, Uploading, Saving, Addressing, Starting, Waiting, Reusing, Leaving, Failing, Proxying, Trusting
):
    """
    Proves a transport against real servers on loopback, also over TLS, for which it needs the package trustme.

    What it claims to have, blocking I/O or async I/O or both, is what is tested.

    .. code-block:: python

        class TestAcme(TransportSuite):
            plugin = "acme"
            blocking = False  # it has async I/O alone

    A test of what is not claimed is skipped, and says so.
    """

    def test_something_is_claimed(self) -> None:
        """A transport has blocking I/O, or async I/O, or both."""
        assert self.blocking or self.asynchronous

    def test_making_it_talks_to_nobody(self, build: Build) -> None:
        """Connections are made when the first call is sent."""
        things = [cast("Transports", build().thing) for _ in range(2)]
        with forbidden(files=False):
            if self.blocking:
                things[0].blocking()
            if self.asynchronous:
                things[1].asynchronous()

    def test_unsupported_proxies_are_refused(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        """A call that has to go through a proxy never goes directly instead."""
        if self.proxies:
            pytest.skip(f"{self.plugin} claims to know proxies")
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
        """A proxy of the environment, also one that no transport supports, is judged only when a call needs it."""
        monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:1")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:port")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        server.play(reply(200, "direct"))

        assert fetch(make(), call(server.url)).body == b"direct"

    def test_what_it_has_not_is_refused(self, build: Build) -> None:
        """With an error that says so, and names a cure."""
        if self.blocking and self.asynchronous:
            pytest.skip(f"{self.plugin} claims both kinds of I/O")
        thing = cast("Transports", build().thing)
        missing = thing.asynchronous if self.blocking else thing.blocking
        with pytest.raises(UnsupportedError) as caught:
            missing()

        assert caught.value.hint
