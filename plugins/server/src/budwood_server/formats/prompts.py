"""Put the messages of a rendered prompt before those of a request, in the form of each API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budwood_server.gateway.prompts import RenderedPrompt

Body = dict[str, Any]


def prepend_to_chat(body: Body, prompt: RenderedPrompt | None) -> None:
    """Put the messages of a prompt, if there is one, into a request to Chat Completions."""
    if prompt is not None:
        _prepend(body, "messages", prompt.to_dicts())


def prepend_to_responses(body: Body, prompt: RenderedPrompt | None) -> None:
    """Put the messages of a prompt, if there is one, into a request to the Responses API."""
    if prompt is None:
        return
    if isinstance(text := body.get("input"), str):
        body["input"] = [{"role": "user", "content": text}] if text else []
    _prepend(body, "input", prompt.to_dicts())


def prepend_to_messages(body: Body, prompt: RenderedPrompt | None) -> None:
    """Put the messages of a prompt, if there is one, into a request to the Messages API: system messages are apart."""
    if prompt is None:
        return
    messages = prompt.to_dicts()
    system = [{"type": "text", "text": each["content"]} for each in messages if each["role"] == "system"]
    if isinstance(text := body.get("system"), str):
        body["system"] = [{"type": "text", "text": text}] if text else []
    if system:
        _prepend(body, "system", system)
    _prepend(body, "messages", [each for each in messages if each["role"] != "system"])


def _prepend(body: Body, name: str, items: list[dict[str, str]]) -> None:
    """Put items before those of a list, which may be absent. What is no list is left to those who read the field."""
    present = body.get(name)
    if present is None or isinstance(present, list):
        body[name] = [*items, *(present or ())]
