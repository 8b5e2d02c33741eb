"""
Recorded requests with the input tokens that the vendor reported.

Requests with state at the vendor (conversations, prompts, files) or with server-side tools are excluded, because their
input is not only what was sent.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from budwood.types import AudioPart, ChatRequest, DocumentPart, VendorPart, VideoPart
from tests.contract import (
    naive,
    naive_anthropic,
    naive_gemini,
    naive_ollama,
    naive_requests,
    naive_responses_requests,
    recorded,
    test_anthropic_requests,
)

SERVER_STATE = (
    "previous_response_id",
    "conversation",
    "prompt",
    "context_management",
    "cachedContent",
    "background",
)
"""Parameters with which the input differs from the content of the request."""


class CountedRequest(NamedTuple):
    """
    A request with its input tokens; ``api`` is the folder of the recording, or its API.
    """

    api: str
    file: str
    model: str
    request: ChatRequest
    input_tokens: int

    @property
    def text_only(self):
        """
        Return whether the model reads only text that a tokenizer can count.
        """
        return all(
            part.type in ("text", "tool_call", "tool_result") for one in self.request.messages for part in one.parts
        )


@cache
def list_counted_requests():
    """
    Return all recorded requests with input tokens.
    """
    found = []
    for entry in recorded.read_index():
        for one in recorded.read_exchanges(entry["file"]):
            if one.request.method == "POST" and one.response.status == 200 and one.request.body.startswith(b"{"):
                found.extend(_read_exchange(entry["file"], one))
    return tuple(found)


def _read_exchange(file, one):
    folder, path = file.partition("/")[0], urlsplit(one.request.url).path
    reader = next((ending for ending in READERS if path.endswith(ending)), None)
    if reader is None or (reader == "/responses" and folder == "azure"):
        return
    read, usage = READERS[reader]
    try:
        request, tokens = read(path, one.request.json()), usage(one)
    except READ_ERRORS:
        return
    if tokens and not _has_other_input(request):
        yield CountedRequest("responses" if "/responses" in reader else folder, file, request.model, request, tokens)


READ_ERRORS = (KeyError, TypeError, ValueError)
"""Raised if a reply has no counts, or a request has no model."""


def _has_other_input(request):
    if request.vendor_tools or any(name in request.extra for name in SERVER_STATE):
        return True
    kinds = (VendorPart, AudioPart, VideoPart, DocumentPart)  # no vendor documents the tokens of the last three
    return any(isinstance(part, kinds) for message in request.messages for part in message.parts)


def _read_chat(path, body):
    if "/deployments/" in path:
        body = {**body, "model": unquote(path.split("/deployments/")[1].split("/")[0])}
    return naive_requests.read_request(body, "openai")


def _read_chat_usage(one):
    if b"data:" in one.response.body[:2000] and not one.response.body.startswith(b"{"):
        return naive.find_last_usage(naive.split_chunks(one.response.body))["prompt_tokens"]
    return one.response.json()["usage"]["prompt_tokens"]


def _read_responses_usage(one):
    if one.response.body.startswith(b"{"):
        return one.response.json()["usage"]["input_tokens"]
    events = naive.split_chunks(one.response.body)
    return events[-1]["response"]["usage"]["input_tokens"]


def _read_anthropic_usage(one):
    if one.response.body.startswith(b"{"):
        usage = one.response.json()["usage"]
    else:
        usage = naive_anthropic.read_stream(naive_anthropic.split_events(one.response.body))["usage"]
    cached = (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)
    return usage["input_tokens"] + cached


def _read_gemini(path, body):
    model = path.rpartition("/")[2].partition(":")[0]
    return naive_gemini.read_request(model, body.get("generateContentRequest", body))[0]


def _read_gemini_usage(one):
    return naive_gemini.find_usage(naive_gemini.split_chunks(one.response.body))["promptTokenCount"]


READERS = {
    "/chat/completions": (_read_chat, _read_chat_usage),
    "/responses": (lambda _, body: naive_responses_requests.read_request(body, "openai"), _read_responses_usage),
    "/responses/input_tokens": (
        lambda _, body: naive_responses_requests.read_request(body, "openai"),
        lambda one: one.response.json()["input_tokens"],
    ),
    "/v1/messages": (lambda _, body: test_anthropic_requests.read_request(body), _read_anthropic_usage),
    "/v1/messages/count_tokens": (
        lambda _, body: test_anthropic_requests.read_request(body),
        lambda one: one.response.json()["input_tokens"],
    ),
    ":generateContent": (_read_gemini, _read_gemini_usage),
    ":streamGenerateContent": (_read_gemini, _read_gemini_usage),
    ":countTokens": (_read_gemini, lambda one: one.response.json()["totalTokens"]),
    "/api/chat": (
        lambda _, body: naive_ollama.read_request(body),
        lambda one: naive_ollama.read_reply(naive_ollama.split_lines(one.response.body)).last["prompt_eval_count"],
    ),
}
"""Functions that read the requests of an endpoint, and the input tokens of its replies."""
