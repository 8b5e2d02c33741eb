from __future__ import annotations

import pytest
from pydantic import ValidationError

from budwood.errors import ConfigurationError
from budwood_ollama import OllamaSettings


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("10m", "10m"),
        ("1h30m", "1h30m"),
        (300, "300s"),
        (0, "0s"),
        (-1, "-1s"),
        (0.5, "0.5s"),
        ("60", "60s"),
        ("-1", "-1s"),
    ],
)
def test_a_time_is_sent_as_a_duration(value, sent):
    """
    Seconds get a unit: Ollama rejects numbers in texts, and /api/embed takes only texts.
    """
    assert OllamaSettings(keep_alive=value).keep_alive == sent


@pytest.mark.parametrize("value", ["1d", "soon", "", True, [1]])
def test_invalid_times_are_rejected(value):
    """
    Ollama would use its default instead.
    """
    with pytest.raises(ValidationError, match="must be seconds"):
        OllamaSettings(keep_alive=value)


def test_the_address_comes_from_the_environment(make_client, scripted, answer, monkeypatch):
    """
    OLLAMA_HOST sets the URL and OLLAMA_API_KEY the key, which no repr contains.
    """
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:8080")
    monkeypatch.setenv("OLLAMA_API_KEY", "very-secret")
    scripted.reply(body=answer("Hi"))
    with make_client() as client:
        client.ask("Hello")

    (call,) = scripted.calls
    assert call.url == "http://127.0.0.1:8080/api/chat"
    assert call.headers["authorization"] == "Bearer very-secret"
    assert "very-secret" not in repr(call)


def test_an_argument_takes_precedence(make_client, scripted, answer, monkeypatch):
    """
    base_url overrides OLLAMA_HOST, and has the same forms.
    """
    monkeypatch.setenv("OLLAMA_HOST", "elsewhere")
    scripted.reply(body=answer("Hi"))
    with make_client(base_url="box:1234") as client:
        client.ask("Hello")

    assert scripted.calls[0].url == "http://box:1234/api/chat"


def test_an_invalid_address_names_its_setting(make_client):
    """
    The error names the key and the valid forms.
    """
    with pytest.raises(ConfigurationError, match=r"base_url.*ollama-v1"):
        make_client(base_url="http://box/v1")


def test_the_defaults_need_no_settings(make_client, scripted, answer):
    """
    Requests go to the local server, without a key.
    """
    scripted.reply(body=answer("Hi"))
    with make_client() as client:
        client.ask("Hello")

    (call,) = scripted.calls
    assert call.url == "http://127.0.0.1:11434/api/chat"
    assert "authorization" not in call.headers


def test_headers_are_sent_with_every_request(ollama):
    """
    Also with requests for the list of models.
    """
    assert ollama(headers={"x-team": "a"}).encode_models().headers["x-team"] == "a"
