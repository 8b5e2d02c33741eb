"""Tests that the API key is only in the authorized call."""

from __future__ import annotations

from typing import Final

import pytest
from pydantic import SecretStr

from budwood.errors import CredentialError, ProviderError
from budwood.types import Capability, Credential, HTTPReply, ReplyHead
from budwood_testing.examples.wire import WireReply
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.provider.bench import Bench, script_of
from budwood_testing.suites.provider.request_content import everything_in
from budwood_testing.suites.provider.under_test import ProviderUnderTest

_OTHER: Final = "another-5ecret-of-conformance"


class CredentialTests(ProviderUnderTest):
    """The key is in the authorized call, and nowhere else."""

    def test_repr_does_not_show_the_key(self, bench: Bench) -> None:
        """The repr of settings and provider does not contain the key."""
        secret = _key_of(bench)
        shown = [bench.instance.settings, bench.provider, bench.instance, vars(bench.provider)]

        assert [repr(item) for item in shown if secret in f"{item!r} {item!s}"] == []
        assert secret not in bench.instance.settings.model_dump_json()

    def test_encoded_request_does_not_contain_the_key(self, bench: Bench) -> None:
        """`encode` does not add the key: an encoded call may be logged and cached."""
        bench.claims(Capability.CHAT)
        secret = _key_of(bench)

        for stream in (False, True):
            assert secret not in everything_in(bench.provider.encode(bench.request(), stream=stream))

    def test_authorize_adds_the_credential_as_a_header(self, bench: Bench) -> None:
        """`authorize` adds the given secret as a header; URL and body, which may be logged, do not change."""
        bench.claims(Capability.CHAT)
        _key_of(bench)
        call = bench.provider.encode(bench.request(), stream=False)
        with no_io():
            authorized = bench.provider.authorize(call, Credential(secret=SecretStr(_OTHER)))

        assert any(_OTHER in value for value in authorized.headers.values())
        assert (authorized.method, authorized.url, authorized.body) == (call.method, call.url, call.body)
        assert authorized.adaptations == call.adaptations

    def test_authorize_does_not_modify_the_call(self, bench: Bench) -> None:
        """`authorize` returns a new call, so that a retry can use another key."""
        bench.claims(Capability.CHAT)
        _key_of(bench)
        call = bench.provider.encode(bench.request(), stream=False)
        bench.provider.authorize(call, Credential(secret=SecretStr(_OTHER)))

        assert _OTHER not in everything_in(call)
        assert _OTHER not in everything_in(bench.provider.encode(bench.request(), stream=False))

    def test_repr_of_an_authorized_call_hides_the_key(self, bench: Bench) -> None:
        """The repr of an authorized call does not contain the key."""
        bench.claims(Capability.CHAT)
        _key_of(bench)
        call = bench.provider.encode(bench.request(), stream=False)

        assert _OTHER not in repr(bench.provider.authorize(call, Credential(secret=SecretStr(_OTHER))))

    def test_error_does_not_contain_the_key(self, bench: Bench) -> None:
        """An error does not contain the key, even if the vendor's message does."""
        bench.claims(Capability.CHAT)
        secret = _key_of(bench)
        body = bench.body(bench.examples.error(401, f"Wrong key: {secret}."), "error", Capability.CHAT)
        with pytest.raises(ProviderError) as caught:
            bench.ask(WireReply(status=401, body=body))

        assert secret not in f"{caught.value} {caught.value!r} {vars(caught.value)}"

    def test_error_does_not_contain_the_configured_key(self, bench: Bench) -> None:
        """An error that is made from a reply does not contain the key of the settings."""
        secret = _key_of(bench)
        error = bench.provider.error(HTTPReply(ReplyHead(401, {}), b"{}"))

        assert secret not in f"{error} {error!r} {vars(error)}"

    def test_missing_key_is_reported_before_sending(self, bench: Bench) -> None:
        """If the spec requires a key and none is set, the client raises CredentialError and sends nothing."""
        bench.claims(Capability.CHAT)
        if not bench.instance.spec.needs_credential:
            pytest.skip(f"{bench.instance.name} does not require a key")
        script = script_of()
        with (
            bench.client(script, settings=self.as_settings(self.settings_without_key(bench))) as client,
            pytest.raises(CredentialError),
        ):
            client.ask("Hello.")

        assert script.calls == []

    def settings_without_key(self, bench: Bench) -> dict[str, object]:
        """Return the settings without credentials."""
        section = bench.settings.instance_settings(self.kind.section, bench.instance.name)
        credentials = {"api_key", *bench.instance.spec.exclusive}
        return {name: value for name, value in section.items() if name not in credentials}


def _key_of(bench: Bench) -> str:
    key = getattr(bench.instance.settings, "api_key", None)
    if not isinstance(key, SecretStr):
        pytest.skip(f"{bench.instance.name} has no api_key in these settings")
    return key.get_secret_value()
