from __future__ import annotations

import pytest
from pydantic import ValidationError

from budwood.errors import ConfigurationError
from budwood_ollama import OllamaSettings


@pytest.mark.parametrize(
    ("given", "sent"),
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
def test_a_time_is_sent_as_a_duration(given, sent):
    """
    Seconds get their unit: a number in a text is no duration to Ollama, and /api/embed takes texts alone.
    """
    assert OllamaSettings(keep_alive=given).keep_alive == sent


@pytest.mark.parametrize("given", ["1d", "soon", "", True, [1]])
def test_what_is_no_time_is_refused(given):
    """
    What Ollama would take for its default is an error here.
    """
    with pytest.raises(ValidationError, match="must be seconds"):
        OllamaSettings(keep_alive=given)


def test_the_address_comes_from_the_environment(make_client, scripted, answer, monkeypatch):
    """
    OLLAMA_HOST says where the server is, OLLAMA_API_KEY with which key; the key shows nowhere.
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


def test_an_argument_comes_before_the_environment(make_client, scripted, answer, monkeypatch):
    """
    base_url wins over OLLAMA_HOST, and takes the same forms.
    """
    monkeypatch.setenv("OLLAMA_HOST", "elsewhere")
    scripted.reply(body=answer("Hi"))
    with make_client(base_url="box:1234") as client:
        client.ask("Hello")

    assert scripted.calls[0].url == "http://box:1234/api/chat"


def test_a_bad_address_says_where_it_stands(make_client):
    """
    The error names the key and what to write.
    """
    with pytest.raises(ConfigurationError, match=r"base_url.*ollama-v1"):
        make_client(base_url="http://box/v1")


def test_neither_key_nor_server_is_needed_to_start(make_client, scripted, answer):
    """
    Without any setting the server of this machine is asked, without a key.
    """
    scripted.reply(body=answer("Hi"))
    with make_client() as client:
        client.ask("Hello")

    (call,) = scripted.calls
    assert call.url == "http://127.0.0.1:11434/api/chat"
    assert "authorization" not in call.headers


def test_headers_go_with_every_request(ollama):
    """
    Headers of the settings are sent, also with the list of models.
    """
    assert ollama(headers={"x-team": "a"}).encode_models().headers["x-team"] == "a"
