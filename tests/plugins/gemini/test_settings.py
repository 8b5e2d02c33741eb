from __future__ import annotations

import pytest
from pydantic import ValidationError

from budwood.types import Capability, ChatRequest, Credential, Message
from budwood_gemini import Gemini, GeminiSettings, budwood_providers
from tests.plugins.gemini.conftest import SECRET


def test_the_key_is_only_in_a_header(gemini):
    """
    It is in ``x-goog-api-key``, not in the URL, and in no repr.
    """
    provider = gemini(api_key=SECRET)
    request = ChatRequest(model="gemini-9", messages=(Message.user("Hello"),))
    for call in (
        provider.encode(request, stream=False),
        provider.encode(request, stream=True),
        provider.encode_token_count(request),
        provider.encode_models(),
    ):
        authorized = provider.authorize(call, Credential(secret=SECRET))
        assert authorized.headers["x-goog-api-key"] == SECRET
        assert SECRET not in f"{authorized.url} {authorized!r} {call!r} {call.headers}"
        assert SECRET.encode() not in authorized.body


def test_settings_do_not_show_the_key():
    """
    No text form of the settings contains the key.
    """
    settings = GeminiSettings(api_key=SECRET)
    assert SECRET not in f"{settings} {settings!r} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "url", ["example.org", "https://example.org/v1beta?key=1", "https://example.org/v1beta/models/gemini-9"]
)
def test_the_base_url_is_checked(url):
    """
    An invalid URL is rejected when the settings are read.
    """
    with pytest.raises(ValidationError):
        GeminiSettings(base_url=url)


def test_the_url_and_headers_of_a_proxy(gemini):
    """
    Both are settings.
    """
    call = gemini(base_url="https://proxy.example.org/v1/", headers={"x-team": "a"}).encode_models()
    assert call.url == "https://proxy.example.org/v1/models?pageSize=1000"
    assert call.headers["x-team"] == "a"


def test_the_spec():
    """
    It lists the variables of Google's own library, and the capabilities of the class.
    """
    (spec,) = budwood_providers()
    assert (spec.name, spec.needs_credential) == ("gemini", True)
    assert spec.environment["api_key"] == ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert spec.capabilities == Gemini.all_capabilities
    assert {Capability.COUNT_TOKENS, Capability.EMBEDDINGS, Capability.MODELS} <= spec.capabilities
