"""Where a provider's secrets are, and where they are not."""

from __future__ import annotations

from typing import Final

import pytest
from pydantic import SecretStr

from budwood.errors import CredentialError, ProviderError
from budwood.types import Capability, Credential, HTTPReply, ReplyHead
from budwood_testing.examples.wire import WireReply
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.provider.bench import Bench, scripted
from budwood_testing.suites.provider.sent import everything_in
from budwood_testing.suites.provider.tested import ProviderUnderTest

_OTHER: Final = "another-5ecret-of-conformance"


class Secrecy(ProviderUnderTest):
    """A key is in the call that is sent, and nowhere else."""

    def test_nothing_shows_the_key(self, bench: Bench) -> None:
        """Neither settings nor the provider show it when they are printed."""
        secret = _key_of(bench)
        shown = [bench.instance.settings, bench.provider, bench.instance, vars(bench.provider)]

        assert [repr(thing) for thing in shown if secret in f"{thing!r} {thing!s}"] == []
        assert secret not in bench.instance.settings.model_dump_json()

    def test_request_is_written_without_the_key(self, bench: Bench) -> None:
        """Until `authorize` a call may be logged, cached and counted."""
        bench.claims(Capability.CHAT)
        secret = _key_of(bench)

        for stream in (False, True):
            assert secret not in everything_in(bench.provider.encode(bench.request(), stream=stream))

    def test_authorize_puts_the_credential_into_a_header(self, bench: Bench) -> None:
        """It is the credential's own secret; address and body, which are logged and cached, stay as they are."""
        bench.claims(Capability.CHAT)
        _key_of(bench)
        call = bench.provider.encode(bench.request(), stream=False)
        with forbidden():
            authorized = bench.provider.authorize(call, Credential(secret=SecretStr(_OTHER)))

        assert any(_OTHER in value for value in authorized.headers.values())
        assert (authorized.method, authorized.url, authorized.body) == (call.method, call.url, call.body)
        assert authorized.adaptations == call.adaptations

    def test_authorize_leaves_the_call_that_it_was_given(self, bench: Bench) -> None:
        """It returns another: a call may be sent again with another key."""
        bench.claims(Capability.CHAT)
        _key_of(bench)
        call = bench.provider.encode(bench.request(), stream=False)
        bench.provider.authorize(call, Credential(secret=SecretStr(_OTHER)))

        assert _OTHER not in everything_in(call)
        assert _OTHER not in everything_in(bench.provider.encode(bench.request(), stream=False))

    def test_authorized_call_does_not_show_the_key(self, bench: Bench) -> None:
        """What is printed of it hides the header."""
        bench.claims(Capability.CHAT)
        _key_of(bench)
        call = bench.provider.encode(bench.request(), stream=False)

        assert _OTHER not in repr(bench.provider.authorize(call, Credential(secret=SecretStr(_OTHER))))

    def test_error_does_not_repeat_the_key(self, bench: Bench) -> None:
        """Some vendors repeat it when they refuse it."""
        bench.claims(Capability.CHAT)
        secret = _key_of(bench)
        body = bench.body(bench.examples.error(401, f"Wrong key: {secret}."), "error", Capability.CHAT)
        with pytest.raises(ProviderError) as caught:
            bench.ask(WireReply(status=401, body=body))

        assert secret not in f"{caught.value} {caught.value!r} {vars(caught.value)}"

    def test_error_does_not_hold_what_was_not_in_the_reply(self, bench: Bench) -> None:
        """Made of a reply alone, an error knows no key."""
        secret = _key_of(bench)
        error = bench.provider.error(HTTPReply(ReplyHead(401, {}), b"{}"))

        assert secret not in f"{error} {error!r} {vars(error)}"

    def test_missing_key_is_said_before_anything_is_sent(self, bench: Bench) -> None:
        """Where the spec says that a key is needed."""
        bench.claims(Capability.CHAT)
        if not bench.instance.spec.needs_credential:
            pytest.skip(f"{bench.instance.name} needs no key")
        script = scripted()
        with (
            bench.client(script, settings=self.as_settings(self.without_key(bench))) as client,
            pytest.raises(CredentialError),
        ):
            client.ask("Hello.")

        assert script.calls == []

    def without_key(self, bench: Bench) -> dict[str, object]:
        """Return the settings without what proves who is asking."""
        section = bench.settings.instance(self.kind.section, bench.instance.name)
        ways = {"api_key", *bench.instance.spec.exclusive}
        return {name: value for name, value in section.items() if name not in ways}


def _key_of(bench: Bench) -> str:
    key = getattr(bench.instance.settings, "api_key", None)
    if not isinstance(key, SecretStr):
        pytest.skip(f"{bench.instance.name} takes no key here")
    return key.get_secret_value()
