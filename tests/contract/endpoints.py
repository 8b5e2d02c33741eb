"""The endpoint of each recording, and the recordings that are excluded, with reasons."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.contract import recorded


class Endpoint(NamedTuple):
    """
    An endpoint of a provider, as named in the table at the end of the run.
    """

    provider: str
    name: str


COVERED = {
    Endpoint("openai", "chat/completions"): ("openai-chat", "/v1/chat/completions"),
    Endpoint("openai", "responses"): ("openai-responses", "/v1/responses"),
    Endpoint("openai", "responses/input_tokens"): ("openai-responses", "/v1/responses/input_tokens"),
    Endpoint("openai", "completions"): ("openai-completions", "/v1/completions"),
    Endpoint("openai", "embeddings"): ("openai-embeddings", "/v1/embeddings"),
    Endpoint("openai", "moderations"): ("openai-media", "/v1/moderations"),
    Endpoint("azure", "chat/completions"): ("azure", "/+(openai/deployments/[^/]+|models)/chat/completions"),
    Endpoint("azure", "responses"): ("azure", "/openai/v1/responses"),
    Endpoint("azure", "completions"): ("azure", "/+openai/deployments/[^/]+/completions"),
    Endpoint("azure", "embeddings"): ("azure", "/openai/v1/embeddings"),
    Endpoint("groq", "chat/completions"): ("groq", "/openai/v1/chat/completions"),
    Endpoint("anthropic", "messages"): ("anthropic", "/v1/messages"),
    Endpoint("anthropic", "messages/count_tokens"): ("anthropic", "/v1/messages/count_tokens"),
    Endpoint("gemini", "generateContent"): ("gemini", "/v1beta/models/[^/]+:generateContent"),
    Endpoint("gemini", "streamGenerateContent"): ("gemini", "/v1beta/models/[^/]+:streamGenerateContent"),
    Endpoint("gemini", "countTokens"): ("gemini", "/v1beta/models/[^/]+:countTokens"),
    Endpoint("gemini", "embedContent"): ("gemini", "/v1beta/models/[^/]+:embedContent"),
    Endpoint("gemini", "batchEmbedContents"): ("gemini", "/v1beta/models/[^/]+:batchEmbedContents"),
    Endpoint("ollama", "api/chat"): ("ollama", "/api/chat"),
    Endpoint("ollama", "api/embed"): ("ollama", "/api/embed"),
    Endpoint("ollama", "api/embeddings"): ("ollama", "/api/embeddings"),
    Endpoint("ollama", "v1/chat/completions"): ("ollama", "/v1/chat/completions"),
    Endpoint("openai-compatible", "chat/completions"): ("anthropic", "/v1/chat/completions"),
}
"""Where the recordings of an endpoint lie, and the path of their addresses. All are asked by POST."""

COVERED_FIXTURES = {
    r"anthropic/.*": Endpoint("anthropic", "messages"),
    r"azure/.*": Endpoint("azure", "responses"),
    r"gemini/.*\.chunks\.txt": Endpoint("gemini", "streamGenerateContent"),
    r"gemini/.*\.json": Endpoint("gemini", "generateContent"),
    r"groq/(?!.*transcription).*": Endpoint("groq", "chat/completions"),
    r"openai-chat/azure-.*": Endpoint("azure", "chat/completions"),
    r"openai-chat/openai-.*": Endpoint("openai", "chat/completions"),
    r"openai-compatible/.*": Endpoint("openai-compatible", "chat/completions"),
    r"openai-embeddings/.*": Endpoint("openai", "embeddings"),
    r"openai-responses/.*": Endpoint("openai", "responses"),
}
"""Of which endpoint the replies are that were recorded without their requests, by folder and name."""

LEFT_OUT = {
    ("openai-chat", "(GET|DELETE) .*|POST /v1/chat/completions/[^/]+"): "management of stored completions",
    ("openai-responses", "(GET|DELETE) .*"): "management of stored responses",
    ("openai-media", "POST /v1/audio/.*"): "speech and transcription: media other than images come later",
    ("openai-media", "POST /v1/images/.*"): "generation of images comes later",
    ("azure", "POST /openai/v1/realtime/.*"): "realtime sessions",
    ("anthropic", "(POST|DELETE) /v1/files.*"): "files",
    ("anthropic", "POST /v1/complete"): "the completions before Messages, which no current model serves",
    ("gemini", "(POST|DELETE) /(upload/)?v1beta/fileSearchStores.*"): "stores of files",
    ("gemini", "POST /v1beta/interactions"): "Interactions: another API, kept on the vendor's side",
    ("ollama", "POST /api/generate"): "completion of bare prompts: ours is chat",
}
"""Recordings of no endpoint of ours, by folder and by method with path, and why they are not replayed."""

LEFT_OUT_FIXTURES = {
    r"groq/.*transcription.*": "transcription: media other than images come later",
    r"openai-media/.*": "generation of images comes later",
}
"""The same of replies that were recorded without their requests."""


def exchanges():
    """
    Return the key and the index entry of every recorded exchange.
    """
    return {
        (recording["file"], number): entry
        for recording in recorded.index()
        for number, entry in enumerate(recording["interactions"])
    }


def fixtures():
    """
    Return the folder and name of every reply that was recorded without its request.
    """
    folder = recorded.CASSETTES / "response-fixtures"
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def places(key, entry):
    """
    Return the endpoints and the reasons for exclusion that match an exchange; exactly one is correct.
    """
    folder, path = key[0].partition("/")[0], urlsplit(entry["url"]).path
    covered = [
        endpoint
        for endpoint, (where, form) in COVERED.items()
        if (where, entry["method"]) == (folder, "POST") and re.fullmatch(form, path)
    ]
    asked = f"{entry['method']} {path}"
    left_out = [reason for (where, form), reason in LEFT_OUT.items() if where == folder and re.fullmatch(form, asked)]
    return covered + left_out


def places_of_fixture(name):
    """
    Return the same for a reply without its request.
    """
    rules = {**COVERED_FIXTURES, **LEFT_OUT_FIXTURES}
    return [place for form, place in rules.items() if re.fullmatch(form, name)]


def everything():
    """
    Return the place of each exchange and of each reply without a request, by key.
    """
    found = {key: places(key, entry) for key, entry in exchanges().items()}
    return {**found, **{name: places_of_fixture(name) for name in fixtures()}}
