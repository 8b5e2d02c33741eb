from __future__ import annotations

import asyncio

import pytest

from budwood.errors import AuthenticationError, CredentialError, UnsupportedError


def test_key_is_checked_by_the_list_of_models(client, scripted):
    """
    One request is sent, with the key, and nothing is returned.
    """
    scripted.reply(body={"data": []})

    assert client.check_key() is None
    assert [(call.method, call.url) for call in scripted.calls] == [("GET", "https://api.openai.com/v1/models")]
    assert scripted.calls[0].headers["authorization"] == "Bearer sk-test-secret"


def test_key_is_checked_at_the_path_of_the_spec(make_client, scripted):
    """
    OpenRouter's list of models is public, so its spec names another path, below the address of the instance.
    """
    scripted.reply(body={"data": {}})

    make_client("openrouter/any", base_url="https://proxy.invalid/v1/").check_key()

    assert [(call.method, call.url) for call in scripted.calls] == [("GET", "https://proxy.invalid/v1/key")]
    assert scripted.calls[0].headers["authorization"] == "Bearer sk-test-secret"


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openrouter/any"])
def test_rejected_key_is_the_error_of_the_provider(make_client, scripted, model):
    """
    The error has the reason of the vendor, and names the provider.
    """
    scripted.reply(401, {"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}})

    with pytest.raises(AuthenticationError, match="Incorrect API key provided") as raised:
        make_client(model).check_key()

    assert raised.value.provider == model.partition("/")[0]


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openrouter/any"])
def test_missing_key_is_an_error_before_anything_is_sent(make_client, scripted, model):
    """
    A check needs a key.
    """
    with pytest.raises(CredentialError, match="no API key"):
        make_client(model, api_key=None).check_key()

    assert scripted.calls == []


def test_provider_without_a_check_is_an_error(make_client, scripted):
    """
    Nothing is sent that may cost something.
    """
    with pytest.raises(UnsupportedError, match="no request that checks a key"):
        make_client("bedrock/any").check_key()

    assert scripted.calls == []


def test_model_in_the_process_needs_no_check(make_client, scripted):
    """
    It has no key.
    """
    assert make_client("offline/extractive", api_key=None).check_key("offline") is None
    assert scripted.calls == []


def test_async_client_checks_keys(make_async_client, scripted):
    """
    It sends the same request.
    """
    scripted.reply(body={"data": []})

    assert asyncio.run(make_async_client().check_key("openai")) is None
    assert [call.url for call in scripted.calls] == ["https://api.openai.com/v1/models"]
