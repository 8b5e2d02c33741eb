"""Providers that give their key away."""

from dataclasses import replace

from pydantic import SecretStr

from budwood.types import (
    Credential,
)
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from tests.plugins.testing.mutants.provider.sound import Sound


class TestShowsItsKey(Sound):
    caught_by = ("test_nothing_shows_the_key",)

    class Mutant(OpenAICompatible):
        def __repr__(self):
            return f"Mutant({self._settings.api_key.get_secret_value()})"


class TestKeepsItsKeyInTheOpen(Sound):
    caught_by = ("test_nothing_shows_the_key",)

    class Mutant(OpenAICompatible):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self._key = settings.api_key.get_secret_value() if settings.api_key else None


class TestSendsItsKeyTooEarly(Sound):
    caught_by = ("test_request_is_written_without_the_key",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return self.authorize(super().encode(request, stream=stream), Credential(secret=self._settings.api_key))


class TestKeyInTheAddress(Sound):
    caught_by = ("test_authorize_puts_the_credential_into_a_header", "test_authorized_call_does_not_show_the_key")

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return replace(call, url=f"{call.url}?key={credential.secret.get_secret_value()}")


class TestKeyInTheBody(Sound):
    caught_by = ("test_authorize_puts_the_credential_into_a_header",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            key = credential.secret.get_secret_value()
            return super().authorize(replace(call, body=call.body + key.encode()), credential)


class TestAlwaysTheSameKey(Sound):
    caught_by = ("test_authorize_puts_the_credential_into_a_header",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return super().authorize(call, Credential(secret=self._settings.api_key))


class TestChangesTheCallItWasGiven(Sound):
    caught_by = ("test_authorize_leaves_the_call_that_it_was_given",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            call.headers["authorization"] = credential.secret.get_secret_value()
            return call


class TestKeyUnderANameThatNobodyRedacts(Sound):
    caught_by = ("test_authorized_call_does_not_show_the_key",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return replace(call, headers={**call.headers, "x-acme": credential.secret.get_secret_value()})


class TestErrorWithTheKey(Sound):
    caught_by = ("test_error_does_not_hold_what_was_not_in_the_reply",)

    class Mutant(OpenAICompatible):
        def error(self, reply):
            error = super().error(reply)
            error.hint = f"Is {self._settings.api_key.get_secret_value()} the right key?"
            return error


class TestBringsAKeyOfItsOwn(Sound):
    caught_by = ("test_missing_key_is_said_before_anything_is_sent",)

    class Settings(OpenAICompatibleSettings):
        api_key: SecretStr | None = SecretStr("made-up")
