"""Transports with defects in using proxies, or with incorrect claims."""

import urllib.parse

from budwood.errors import ConfigurationError, UnsupportedError
from budwood.wire.proxies import Proxies
from budwood.wire.transport_settings import TransportSettings
from tests.plugins.testing.mutants.transport.correct import Correct, Wrapper


class TestOmitsProxyCredentials(Correct):
    caught_by = ("test_proxy_credentials_are_sent_to_the_proxy",)

    class Mutant(Wrapper):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            if settings.proxy is not None:
                address = urllib.parse.urlsplit(settings.proxy.get_secret_value())
                bare = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
                self.settings = TransportSettings(proxy=bare)


class TestErrorIncludesProxyPassword(Correct):
    caught_by = ("test_invalid_proxy_is_reported",)

    class Mutant(Wrapper):
        def blocking(self):
            try:
                return super().blocking()
            except ConfigurationError:
                raise ConfigurationError(f"The proxy {self.settings.proxy.get_secret_value()} is invalid.") from None


class TestClaimsNothing(Correct):
    caught_by = ("test_at_least_one_kind_of_io_is_claimed",)
    blocking = False
    asynchronous = False


class TestConnectsOnCreation(Correct):
    caught_by = ("test_creating_a_transport_uses_no_network",)

    class Mutant(Wrapper):
        def blocking(self):
            import socket

            socket.getaddrinfo("127.0.0.1", 80)
            return super().blocking()


class TestIgnoresProxies(Correct):
    caught_by = ("test_unsupported_proxies_are_rejected",)
    proxies = False


class TestChecksUnneededProxies(Correct):
    caught_by = ("test_unneeded_proxies_are_not_checked",)

    class Mutant(Wrapper):
        def blocking(self):
            Proxies(self.settings).find("https", "vendor.invalid", 443)
            return super().blocking()


class TestDoesNotClaimAsync(Correct):
    caught_by = ("test_unsupported_io_is_rejected",)
    asynchronous = False


class TestErrorWithoutHint(Correct):
    caught_by = ("test_unsupported_io_is_rejected",)
    asynchronous = False

    class Mutant(Wrapper):
        def asynchronous(self):
            raise UnsupportedError("No.")
