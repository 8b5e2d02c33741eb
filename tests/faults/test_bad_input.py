"""What callers get wrong is told before anything is sent, and with the cure."""

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


def refusal(ask, loopback_server, expected: type[BudwoodError], *arguments, **options) -> BudwoodError:
    """Ask, and return the error; nothing was sent."""
    with pytest.raises(expected) as caught:
        ask(*arguments, **options)
    assert type(caught.value) is expected
    assert loopback_server.requests == []
    return caught.value


def test_a_missing_key(ask, loopback_server):
    """
    Without a key the error names every way to give it.
    """
    error = refusal(ask, loopback_server, CredentialError, client_options={"api_key": None})

    assert error.message == "openai: no API key."
    assert "OPENAI_API_KEY" in error.hint
    assert "api_key=" in error.hint


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_key_is_a_missing_one(ask, loopback_server, monkeypatch, empty):
    """
    A variable that is set to nothing is no key.
    """
    monkeypatch.setenv("OPENAI_API_KEY", empty)

    refusal(ask, loopback_server, CredentialError, client_options={"api_key": None})


@pytest.mark.parametrize("prompt", ["", "  \n\t", [{"role": "user", "content": ""}], [{"role": "user", "content": []}]])
def test_an_empty_prompt(ask, loopback_server, prompt):
    """
    Nothing but white space is no prompt.
    """
    error = refusal(ask, loopback_server, PromptError, prompt)

    assert "empty" in error.message
    assert error.hint


@pytest.mark.parametrize("prompt", [[], [{"role": "system", "content": "Be brief."}]])
def test_nothing_to_answer(ask, loopback_server, prompt):
    """
    No message, or none but the system's, is nothing that a model could answer.
    """
    assert refusal(ask, loopback_server, PromptError, prompt).hint


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
def test_what_is_no_prompt(ask, loopback_server, prompt):
    """
    Anything else than a text or messages is told apart, down to the message that is wrong.
    """
    error = refusal(ask, loopback_server, PromptError, prompt)

    assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["\ud800", "half \udfff of it"])
def test_half_a_character(ask, loopback_server, text):
    """
    Text that no encoding can hold is told before it is sent, wherever it stands, with and without a cache.
    """
    places = [{"system": text}, {"stop": [text]}, {"extra": {"user": text}}]
    for cache in (False, "memory"):
        assert refusal(ask, loopback_server, PromptError, text, client_options={"cache": cache}).hint
        for place in places:
            refusal(ask, loopback_server, PromptError, client_options={"cache": cache}, **place)


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
def test_impossible_values(ask, loopback_server, option, value):
    """
    A value that no vendor takes is refused here, and the error names the option.
    """
    error = refusal(ask, loopback_server, ConfigurationError, **{option: value})

    assert option in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("wrong", "meant"), [("temprature", "temperature"), ("max_token", "max_tokens"), ("time_out", "timeout")]
)
def test_an_unknown_option_names_the_near_one(ask, loopback_server, wrong, meant):
    """
    A slip of the pen is told with what was probably meant.
    """
    error = refusal(ask, loopback_server, ConfigurationError, **{wrong: 1})

    assert f"{wrong!r}" in error.message
    assert meant in error.hint


def test_an_unknown_option_like_no_other(ask, loopback_server):
    """
    What is like nothing may be the vendor's own: the error says where those go.
    """
    assert "extra={" in refusal(ask, loopback_server, ConfigurationError, zzz=1).hint


@pytest.mark.parametrize("model", ["gpt-4o", "/", "openai/", "/gpt-4o", " / "])
def test_a_model_without_its_provider(ask, loopback_server, model):
    """
    The error shows the value, the expected form, and the available providers.
    """
    error = refusal(ask, loopback_server, ConfigurationError, model=model)

    assert "provider/model" in str(error)
    assert "openai" in error.hint


def test_a_model_that_is_no_text(ask, loopback_server):
    """
    A model of another type is told as such.
    """
    refusal(ask, loopback_server, ConfigurationError, model=5)


def test_a_system_prompt_that_is_no_text(ask, loopback_server):
    """
    A system prompt of another type is told as such.
    """
    error = refusal(ask, loopback_server, ConfigurationError, system=5)

    assert "system" in str(error)


def test_an_unknown_provider(ask, loopback_server):
    """
    A provider that nobody brings is told with what is installed.
    """
    error = refusal(ask, loopback_server, PluginNotFoundError, model="nobody/gpt-4o")

    assert "'nobody'" in error.message
    assert "openai" in str(error)


def test_a_misspelt_provider(ask, loopback_server):
    """
    A slip in the provider's name is told with the name that is near.
    """
    assert "openai" in refusal(ask, loopback_server, PluginNotFoundError, model="opneai/gpt-4o").hint


def test_a_file_that_is_not_there(ask, loopback_server, tmp_path):
    """
    A file is read before anything is sent, and its name is in the error.
    """
    error = refusal(ask, loopback_server, PromptError, files=[tmp_path / "missing.png"])

    assert "missing.png" in error.message


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"model": "gpt-4o"}, ConfigurationError),
        ({"model": "nobody/x"}, PluginNotFoundError),
        ({"model": "openai/x", "base_url": "example.org"}, ConfigurationError),
        ({"model": "openai/x", "base_url": "http://h/v1/chat/completions"}, ConfigurationError),
        ({"api_key": "k"}, ConfigurationError),
        ({"model": "openai/x", "retries": -1}, ConfigurationError),
        ({"model": "openai/x", "retires": 1}, ConfigurationError),
        ({"model": "openai/x", "temperature": 1}, ConfigurationError),
        ({"model": "openai/x", "settings": {"nonsense": 1}}, ConfigurationError),
    ],
)
def test_a_client_that_cannot_be(kind, arguments, expected):
    """
    What is wrong with a client is told when it is made, not at its first call.
    """
    with pytest.raises(expected) as caught:
        kind(**arguments)

    assert "\n" not in str(caught.value)


def test_no_model_at_all(loopback_server):
    """
    Without a model the error names the ways to give one, and nothing is asked unasked.
    """
    with Client() as client, pytest.raises(ConfigurationError, match="No model") as caught:
        client.ask("hi")

    assert "BUDWOOD_MODEL" in caught.value.hint


def test_a_closed_client(loopback_server):
    """
    A client that was closed says so, and sends nothing.
    """
    client = Client("openai/x", api_key="k", base_url=loopback_server.url)
    client.close()

    with pytest.raises(BudwoodError, match="closed"):
        client.ask("hi")

    assert loopback_server.requests == []
