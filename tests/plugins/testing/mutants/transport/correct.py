"""A correct transport, and broken ones."""

from typing import ClassVar

import pytest

from budwood.hooks import TRANSPORT, TransportSpec
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.wire.transport_settings import TransportSettings
from budwood_testing import TransportSuite, loopback
from budwood_testing.suites.transport import bench, cancellation, sink_server
from tests.plugins.testing.mutants.registering import registry_of

for module in (loopback, bench, cancellation, sink_server):  # a mutant may make a test wait until this limit
    module.MAX_WAIT = 5.0
bench.timing.__kwdefaults__ = dict.fromkeys(("connect", "idle", "total"), 5.0) | {"head": None}


class Wrapper:
    """
    Creates the default transports, with changed settings or other classes.
    """

    Blocking: ClassVar = PooledTransport
    Async: ClassVar = AsyncPooledTransport
    changed: ClassVar = {}

    def __init__(self, settings, context):
        self.settings = settings.model_copy(update=self.changed)
        self.monotonic = context.clock.monotonic

    def blocking(self):
        return self.Blocking(self.settings, monotonic=self.monotonic)

    def asynchronous(self):
        return self.Async(self.settings, monotonic=self.monotonic)


class ModifyingTransport(PooledTransport):
    """
    A transport that can change calls, heads, bodies and errors.
    """

    def open(self, call, timing):
        try:
            exchange = super().open(self.call(call), self.timing(timing))
        except Exception as error:
            raise self.error(error) from error
        return ModifiedExchange(exchange, self)

    def call(self, call):
        return call

    def timing(self, timing):
        return timing

    def head(self, head):
        return head

    def chunk(self, data):
        return data

    def limit(self, limit):
        return limit

    def error(self, error):
        return error

    def end(self, exchange):
        exchange.close()


class ModifiedExchange:
    def __init__(self, exchange, by):
        self.exchange = exchange
        self.by = by
        self.head = by.head(exchange.head)

    def read(self):
        try:
            return self.by.chunk(self.exchange.read())
        except Exception as error:
            raise self.by.error(error) from error

    def read_all(self, limit):
        try:
            return self.by.chunk(self.exchange.read_all(self.by.limit(limit)))
        except Exception as error:
            raise self.by.error(error) from error

    def close(self):
        self.by.end(self.exchange)


class Correct(TransportSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "wrapper"
    caught_by: ClassVar = ()
    Mutant: ClassVar = Wrapper

    def __init_subclass__(cls):
        transport = (
            cls.Mutant if issubclass(cls.Mutant, Wrapper) else type("Created", (Wrapper,), {"Blocking": cls.Mutant})
        )
        spec = TransportSpec(
            name="wrapper",
            settings=lambda: TransportSettings,
            build=transport,
            requires_api=(2, 0),
            summary="Wraps the default transport.",
        )
        cls.registry = registry_of(TRANSPORT, spec)
        if cls.caught_by:  # mutants leave sockets open, and the garbage collector may find them at any time
            cls.pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning")]


class TestCorrect(Correct):
    pass
