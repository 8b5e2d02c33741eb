"""Transports that use proxies badly, or claim what they are not."""

import urllib.parse

from budwood.errors import ConfigurationError, UnsupportedError
from budwood.wire.connecting import TransportSettings
from tests.plugins.testing.mutants.transport.sound import Carrier, Sound


class TestKeepsPasswordsFromProxies(Sound):
    caught_by = ("test_proxy_is_told_user_and_password",)

    class Mutant(Carrier):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            if settings.proxy is not None:
                address = urllib.parse.urlsplit(settings.proxy.get_secret_value())
                bare = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
                self.settings = TransportSettings(proxy=bare)


class TestShowsTheProxy(Sound):
    caught_by = ("test_proxy_that_cannot_be_used_is_said",)

    class Mutant(Carrier):
        def blocking(self):
            try:
                return super().blocking()
            except ConfigurationError:
                raise ConfigurationError(f"The proxy {self.settings.proxy.get_secret_value()} is none.") from None


class TestSomethingIsClaimed(Sound):
    caught_by = ("test_something_is_claimed",)
    blocking = False
    asynchronous = False


class TestConnectsAtOnce(Sound):
    caught_by = ("test_making_it_talks_to_nobody",)

    class Mutant(Carrier):
        def blocking(self):
            import socket

            socket.getaddrinfo("127.0.0.1", 80)
            return super().blocking()


class TestGoesStraight(Sound):
    caught_by = ("test_unsupported_proxies_are_refused",)
    proxies = False


class TestHasMoreThanItClaims(Sound):
    caught_by = ("test_what_it_has_not_is_refused",)
    asynchronous = False


class TestRefusesWithoutACure(Sound):
    caught_by = ("test_what_it_has_not_is_refused",)
    asynchronous = False

    class Mutant(Carrier):
        def asynchronous(self):
            raise UnsupportedError("No.")
