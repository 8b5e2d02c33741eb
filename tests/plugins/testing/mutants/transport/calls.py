"""Transports that change calls."""

import dataclasses
from typing import ClassVar

from budwood.transports.pooled import PooledTransport
from tests.plugins.testing.mutants.transport.correct import Correct, ModifyingTransport


class TestLosesTheQuery(Correct):
    caught_by = ("test_call_is_sent_unchanged", "test_path_and_query_are_encoded_once")

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.partition("?")[0])


class TestEncodesTwice(Correct):
    caught_by = ("test_call_is_sent_unchanged", "test_path_and_query_are_encoded_once")

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.replace("%", "%25"))


class TestAlwaysSendsContentLength(Correct):
    caught_by = ("test_call_without_a_body",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, headers={"content-length": str(len(call.body)), **call.headers})


class TestTruncatesBody(Correct):
    caught_by = ("test_large_bodies_are_sent_and_received",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, body=call.body[:1_000_000])


class TestOffersUnsupportedEncoding(Correct):
    caught_by = ("test_compressed_body_is_decompressed",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, headers={**call.headers, "accept-encoding": "gzip, br"})


class TestDropsUser(Correct):
    caught_by = ("test_user_and_password_become_basic_authorization",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            scheme, _, rest = call.url.partition("://")
            return dataclasses.replace(call, url=f"{scheme}://{rest.rpartition('@')[2]}")


class TestReplacesUmlautsInHosts(Correct):
    caught_by = ("test_international_host_is_sent_as_idna",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.replace("ü", "ue"))


class TestRemovesInvalidCharacters(Correct):
    caught_by = ("test_invalid_characters_in_a_key_are_reported", "test_invalid_header_name_is_rejected")

    class Mutant(ModifyingTransport):
        def call(self, call):
            headers = {name.strip() or "x": "".join(filter(str.isalnum, value)) for name, value in call.headers.items()}
            return dataclasses.replace(
                call,
                headers={name.replace("\n", "")[:1]: headers[name] for name in headers}
                if any(not name.isidentifier() and "-" not in name for name in headers)
                else headers,
            )


class TestStoresCookies(Correct):
    caught_by = ("test_cookies_are_not_stored",)

    class Mutant(ModifyingTransport):
        jar: ClassVar = {}

        def call(self, call):
            return dataclasses.replace(call, headers={**call.headers, **self.jar})

        def head(self, head):
            if "set-cookie" in head.headers:
                self.jar["cookie"] = head.headers["set-cookie"]
            return head


class TestFollowsRedirects(Correct):
    caught_by = ("test_redirects_are_not_followed",)

    class Mutant(PooledTransport):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            if exchange.head.status != 307:
                return exchange
            exchange.close()
            return super().open(dataclasses.replace(call, url=exchange.head.headers["location"]), timing)


class TestAcceptsInvalidURL(Correct):
    caught_by = ("test_invalid_url_is_reported_immediately", "test_errors_hide_secrets_in_urls")

    class Mutant(ModifyingTransport):
        def error(self, error):
            return ValueError(error) if "base_url" in str(error) else error

        def open(self, call, timing):
            try:
                return super().open(call, timing)
            except ValueError:
                raise RuntimeError(call.url) from None


class TestReplacesKeyByPassword(Correct):
    caught_by = ("test_credentials_of_the_url_do_not_replace_the_key",)

    class Mutant(ModifyingTransport):
        def call(self, call):
            return dataclasses.replace(call, headers={}) if "@" in call.url else call
