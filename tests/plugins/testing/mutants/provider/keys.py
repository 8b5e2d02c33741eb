"""Providers that leak their key."""

from dataclasses import replace

from pydantic import SecretStr

from budwood.types import (
    Credential,
)
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from tests.plugins.testing.mutants.provider.correct import Correct


class TestReprShowsKey(Correct):
    caught_by = ("test_repr_does_not_show_the_key",)

    class Mutant(OpenAICompatible):
        def __repr__(self):
            return f"Mutant({self._settings.api_key.get_secret_value()})"


class TestStoresKeyAsText(Correct):
    caught_by = ("test_repr_does_not_show_the_key",)

    class Mutant(OpenAICompatible):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self._key = settings.api_key.get_secret_value() if settings.api_key else None


class TestEncodesKey(Correct):
    caught_by = ("test_encoded_request_does_not_contain_the_key",)

    class Mutant(OpenAICompatible):
        def encode(self, request, *, stream):
            return self.authorize(super().encode(request, stream=stream), Credential(secret=self._settings.api_key))


class TestKeyInURL(Correct):
    caught_by = ("test_authorize_adds_the_credential_as_a_header", "test_repr_of_an_authorized_call_hides_the_key")

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return replace(call, url=f"{call.url}?key={credential.secret.get_secret_value()}")


class TestKeyInBody(Correct):
    caught_by = ("test_authorize_adds_the_credential_as_a_header",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            key = credential.secret.get_secret_value()
            return super().authorize(replace(call, body=call.body + key.encode()), credential)


class TestIgnoresCredential(Correct):
    caught_by = ("test_authorize_adds_the_credential_as_a_header",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return super().authorize(call, Credential(secret=self._settings.api_key))


class TestModifiesCall(Correct):
    caught_by = ("test_authorize_does_not_modify_the_call",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            call.headers["authorization"] = credential.secret.get_secret_value()
            return call


class TestKeyInUnknownHeader(Correct):
    caught_by = ("test_repr_of_an_authorized_call_hides_the_key",)

    class Mutant(OpenAICompatible):
        def authorize(self, call, credential):
            return replace(call, headers={**call.headers, "x-acme": credential.secret.get_secret_value()})


class TestErrorIncludesKey(Correct):
    caught_by = ("test_error_does_not_contain_the_configured_key",)

    class Mutant(OpenAICompatible):
        def error(self, reply):
            error = super().error(reply)
            error.hint = f"Is {self._settings.api_key.get_secret_value()} the right key?"
            return error


class TestHasDefaultKey(Correct):
    caught_by = ("test_missing_key_is_reported_before_sending",)

    class Settings(OpenAICompatibleSettings):
        api_key: SecretStr | None = SecretStr("made-up")
