"""Invalid input is reported with a hint before anything is sent."""

from __future__ import annotations

import pytest

from budwood import AsyncClient, Client
from budwood.errors import (
    BudwoodError,
    ConfigurationError,
    CredentialError,
    PluginNotFoundError,
    PromptError,
)


def check_rejected(ask, loopback_server, expected: type[BudwoodError], *arguments, **options) -> BudwoodError:
    """Call, check that nothing was sent, and return the error."""
    with pytest.raises(expected) as caught:
        ask(*arguments, **options)
    assert type(caught.value) is expected
    assert loopback_server.requests == []
    return caught.value


def test_missing_key(ask, loopback_server):
    """
    Without a key the hint names the ways to set it.
    """
    error = check_rejected(ask, loopback_server, CredentialError, client_options={"api_key": None})

    assert error.message == "openai: no API key."
    assert "OPENAI_API_KEY" in error.hint
    assert "api_key=" in error.hint


@pytest.mark.parametrize("empty", ["", " "])
def test_empty_key_counts_as_missing(ask, loopback_server, monkeypatch, empty):
    """
    An empty environment variable counts as missing.
    """
    monkeypatch.setenv("OPENAI_API_KEY", empty)

    check_rejected(ask, loopback_server, CredentialError, client_options={"api_key": None})


@pytest.mark.parametrize("prompt", ["", "  \n\t", [{"role": "user", "content": ""}], [{"role": "user", "content": []}]])
def test_empty_prompt(ask, loopback_server, prompt):
    """
    A prompt of white space raises PromptError.
    """
    error = check_rejected(ask, loopback_server, PromptError, prompt)

    assert "empty" in error.message
    assert error.hint


@pytest.mark.parametrize("prompt", [[], [{"role": "system", "content": "Be brief."}]])
def test_conversation_without_a_question(ask, loopback_server, prompt):
    """
    A conversation without messages, or with only a system message, raises PromptError.
    """
    assert check_rejected(ask, loopback_server, PromptError, prompt).hint


@pytest.mark.parametrize(
    "prompt",
    [
        None,
        5,
        b"bytes",
        {"role": "user", "content": "x"},
        [5],
        ["x"],
        [{"content": "x"}],
        [{"role": "alien", "content": "x"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": [5]}],
        [{"role": "user", "content": [{"type": "video"}]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "tool", "content": "x"}],
        [{"role": "assistant", "tool_calls": [{"id": "a"}]}],
        [{"role": "assistant", "tool_calls": 5}],
        [{"parts": 5}],
    ],
)
def test_invalid_prompt(ask, loopback_server, prompt):
    """
    A prompt that is neither text nor messages raises PromptError.
    """
    error = check_rejected(ask, loopback_server, PromptError, prompt)

    assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["\ud800", "half \udfff of it"])
def test_lone_surrogate(ask, loopback_server, text):
    """
    A lone surrogate anywhere in the request raises PromptError, with and without a cache.
    """
    positions = [{"system": text}, {"stop": [text]}, {"extra": {"user": text}}]
    for cache in (False, "memory"):
        assert check_rejected(ask, loopback_server, PromptError, text, client_options={"cache": cache}).hint
        for position in positions:
            check_rejected(ask, loopback_server, PromptError, client_options={"cache": cache}, **position)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("temperature", -1),
        ("temperature", "hot"),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_p", 1.5),
        ("top_p", -0.1),
        ("max_tokens", 0),
        ("max_tokens", -5),
        ("max_tokens", 1.5),
        ("max_tokens", "many"),
        ("seed", "x"),
        ("frequency_penalty", float("nan")),
        ("presence_penalty", float("-inf")),
        ("reasoning_effort", "much"),
        ("parallel_tool_calls", "perhaps"),
        ("tool_choice", "nothing"),
        ("schema_mode", "magic"),
        ("schema", 5),
        ("stop", 5),
        ("extra", 5),
        ("extra", {"a": object()}),
        ("tools", 5),
        ("tools", "weather"),
        ("files", "photo.jpg"),
        ("files", 5),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", float("nan")),
        ("connect_timeout", -1),
        ("idle_timeout", "long"),
        ("retries", -1),
        ("retries", 1.5),
        ("max_tool_rounds", -1),
        ("on_unsupported", "ignore"),
    ],
)
def test_invalid_option_values(ask, loopback_server, option, value):
    """
    An invalid value of an option raises an error that names it.
    """
    error = check_rejected(ask, loopback_server, ConfigurationError, **{option: value})

    assert option in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("wrong", "expected"), [("temprature", "temperature"), ("max_token", "max_tokens"), ("time_out", "timeout")]
)
def test_unknown_option_suggests_a_similar_one(ask, loopback_server, wrong, expected):
    """
    The error for a misspelled option suggests the correct one.
    """
    error = check_rejected(ask, loopback_server, ConfigurationError, **{wrong: 1})

    assert f"{wrong!r}" in error.message
    assert expected in error.hint


def test_unknown_option_without_a_similar_one(ask, loopback_server):
    """
    The hint for an unknown option names `extra`, for options of the vendor.
    """
    assert "extra={" in check_rejected(ask, loopback_server, ConfigurationError, zzz=1).hint


@pytest.mark.parametrize("model", ["gpt-4o", "/", "openai/", "/gpt-4o", " / "])
def test_model_without_a_provider(ask, loopback_server, model):
    """
    The error shows the value, the expected form, and the available providers.
    """
    error = check_rejected(ask, loopback_server, ConfigurationError, model=model)

    assert "provider/model" in str(error)
    assert "openai" in error.hint


def test_model_of_the_wrong_type(ask, loopback_server):
    """
    A model that is not a string raises ConfigurationError.
    """
    check_rejected(ask, loopback_server, ConfigurationError, model=5)


def test_system_prompt_of_the_wrong_type(ask, loopback_server):
    """
    A system prompt that is not a string raises ConfigurationError.
    """
    error = check_rejected(ask, loopback_server, ConfigurationError, system=5)

    assert "system" in str(error)


def test_unknown_provider(ask, loopback_server):
    """
    The error for an unknown provider lists the installed ones.
    """
    error = check_rejected(ask, loopback_server, PluginNotFoundError, model="unknown/gpt-4o")

    assert "'unknown'" in error.message
    assert "openai" in str(error)


def test_misspelled_provider(ask, loopback_server):
    """
    The error for a misspelled provider suggests the correct name.
    """
    assert "openai" in check_rejected(ask, loopback_server, PluginNotFoundError, model="opneai/gpt-4o").hint


def test_missing_file(ask, loopback_server, tmp_path):
    """
    A missing file raises an error with its name.
    """
    error = check_rejected(ask, loopback_server, PromptError, files=[tmp_path / "missing.png"])

    assert "missing.png" in error.message


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"model": "gpt-4o"}, ConfigurationError),
        ({"model": "unknown/x"}, PluginNotFoundError),
        ({"model": "openai/x", "base_url": "example.org"}, ConfigurationError),
        ({"model": "openai/x", "base_url": "http://h/v1/chat/completions"}, ConfigurationError),
        ({"api_key": "k"}, ConfigurationError),
        ({"model": "openai/x", "retries": -1}, ConfigurationError),
        ({"model": "openai/x", "retires": 1}, ConfigurationError),
        ({"model": "openai/x", "temperature": 1}, ConfigurationError),
        ({"model": "openai/x", "settings": {"nonsense": 1}}, ConfigurationError),
    ],
)
def test_invalid_client_arguments(kind, arguments, expected):
    """
    Invalid arguments of a client raise an error when it is created.
    """
    with pytest.raises(expected) as caught:
        kind(**arguments)

    assert "\n" not in str(caught.value)


def test_missing_model(loopback_server):
    """
    Without a model the hint names the ways to set one.
    """
    with Client() as client, pytest.raises(ConfigurationError, match="No model") as caught:
        client.ask("hi")

    assert "BUDWOOD_MODEL" in caught.value.hint


def test_closed_client(loopback_server):
    """
    A closed client raises an error and sends nothing.
    """
    client = Client("openai/x", api_key="k", base_url=loopback_server.url)
    client.close()

    with pytest.raises(BudwoodError, match="closed"):
        client.ask("hi")

    assert loopback_server.requests == []
