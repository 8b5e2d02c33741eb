"""Transports that change calls on their way."""

import dataclasses
from typing import ClassVar

from budwood.transports.pooled import PooledTransport
from tests.plugins.testing.mutants.transport.sound import Exchanging, Sound


class TestLosesTheQuery(Sound):
    caught_by = ("test_call_arrives_as_it_was_made", "test_path_and_query_are_encoded_once")

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.partition("?")[0])


class TestEncodesTwice(Sound):
    caught_by = ("test_call_arrives_as_it_was_made", "test_path_and_query_are_encoded_once")

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.replace("%", "%25"))


class TestAlwaysSaysALength(Sound):
    caught_by = ("test_call_without_a_body",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, headers={"content-length": str(len(call.body)), **call.headers})


class TestSendsTheBeginning(Sound):
    caught_by = ("test_large_bodies_go_both_ways",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, body=call.body[:1_000_000])


class TestOffersMore(Sound):
    caught_by = ("test_compressed_body_is_unpacked",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, headers={**call.headers, "accept-encoding": "gzip, br"})


class TestDropsTheUser(Sound):
    caught_by = ("test_user_and_password_become_basic_authorization",)

    class Mutant(Exchanging):
        def call(self, call):
            scheme, _, rest = call.url.partition("://")
            return dataclasses.replace(call, url=f"{scheme}://{rest.rpartition('@')[2]}")


class TestSpellsHostsByEar(Sound):
    caught_by = ("test_host_beyond_ascii",)

    class Mutant(Exchanging):
        def call(self, call):
            return dataclasses.replace(call, url=call.url.replace("ü", "ue"))


class TestStripsKeys(Sound):
    caught_by = ("test_key_that_no_header_can_hold", "test_header_with_an_impossible_name")

    class Mutant(Exchanging):
        def call(self, call):
            kept = {name.strip() or "x": "".join(filter(str.isalnum, value)) for name, value in call.headers.items()}
            return dataclasses.replace(
                call,
                headers={name.replace("\n", "")[:1]: kept[name] for name in kept}
                if any(not name.isidentifier() and "-" not in name for name in kept)
                else kept,
            )


class TestKeepsCookies(Sound):
    caught_by = ("test_cookies_are_not_kept",)

    class Mutant(Exchanging):
        jar: ClassVar = {}

        def call(self, call):
            return dataclasses.replace(call, headers={**call.headers, **self.jar})

        def head(self, head):
            if "set-cookie" in head.headers:
                self.jar["cookie"] = head.headers["set-cookie"]
            return head


class TestFollowsRedirects(Sound):
    caught_by = ("test_redirects_are_not_followed",)

    class Mutant(PooledTransport):
        def open(self, call, timing):
            exchange = super().open(call, timing)
            if exchange.head.status != 307:
                return exchange
            exchange.close()
            return super().open(dataclasses.replace(call, url=exchange.head.headers["location"]), timing)


class TestTakesAnyAddress(Sound):
    caught_by = ("test_impossible_address_is_said_at_once", "test_no_secret_is_in_an_address_that_fails")

    class Mutant(Exchanging):
        def error(self, error):
            return ValueError(error) if "base_url" in str(error) else error

        def open(self, call, timing):
            try:
                return super().open(call, timing)
            except ValueError:
                raise RuntimeError(call.url) from None
