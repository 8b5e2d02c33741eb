"""Errors of models that do not offer a service name a call that works, or a model."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.errors import UnsupportedError
from budwood_testing import FakeClock, ScriptedTransport
from tests.media import make_wav

CALLS = {
    "ask": lambda client: client.ask("Hi"),
    "complete": lambda client: client.complete("Hi"),
    "image": lambda client: client.image("A cat"),
    "submit": lambda client: client.submit("Hi"),
    "submit_batch": lambda client: client.submit_batch(["Hi"]),
    "transcribe": lambda client: client.transcribe(make_wav()),
    "video": lambda client: client.video("A cat"),
}


def make_client(model, transport):
    """
    Create a client.
    """
    return Client(model, api_key="sk-test", transport=transport, clock=FakeClock(), cache=False)


@pytest.mark.parametrize(
    ("model", "call", "hint"),
    [
        ("openai/gpt-image-2", "submit", "Call client.image(…), or choose a chat model."),
        ("openai/gpt-image-2", "complete", "Call client.image(…), or choose a chat model."),
        ("openai/tts-1", "submit", "Call client.speak(…), or choose a chat model."),
        ("groq/whisper-large-v3", "submit_batch", "Call client.transcribe(…), or choose a chat model."),
        ("gemini/gemini-omni-1.1-flash", "submit", "Call client.video(…), or choose a chat model."),
        ("mistral/mistral-large-latest", "submit", "Call client.ask(…)."),
        ("openai/sora-2", "ask", "Choose a chat model."),
        ("openai/sora-2", "submit", "Choose a chat model."),
        ("openai/gpt-realtime-2", "ask", "Choose a chat model."),
    ],
)
def test_hint_names_a_call_that_the_model_has(model, call, hint):
    """
    A vendor may have given up the API of a kind of model; then there is no call for it.
    """
    transport = ScriptedTransport()
    with make_client(model, transport) as client, pytest.raises(UnsupportedError) as caught:
        CALLS[call](client)

    assert caught.value.hint == hint
    assert transport.calls == []


@pytest.mark.parametrize("call", ["image", "transcribe", "video"])
@pytest.mark.parametrize("model", ["gemini/imagen-4.0-generate-001", "gemini/gemini-2.5-flash-preview-tts"])
def test_hint_names_no_model_that_was_shut_down(model, call):
    """
    The catalog knows their last days. Imagen is left on Vertex alone, whose API Budwood does not have.
    """
    transport = ScriptedTransport()
    with make_client(model, transport) as client, pytest.raises(UnsupportedError) as caught:
        CALLS[call](client)

    assert "such as gemini/gemini-3" in caught.value.hint or "such as gemini/gemini-omni" in caught.value.hint
    assert not any(name in caught.value.hint for name in ("gemini-1.0", "imagen", "veo"))
    assert transport.calls == []
