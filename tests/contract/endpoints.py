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
"""The folder of the recordings of each endpoint, and the pattern of their paths. All are POST requests."""

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
"""The endpoint of replies that were recorded without their requests, by folder and name."""

EXCLUDED = {
    ("openai-chat", "(GET|DELETE) .*|POST /v1/chat/completions/[^/]+"): "management of stored completions",
    ("openai-responses", "(GET|DELETE) .*"): "management of stored responses",
    ("openai-media", "POST /v1/audio/.*"): "speech and transcription: only images are supported",
    ("openai-media", "POST /v1/images/.*"): "generation of images is not supported",
    ("azure", "POST /openai/v1/realtime/.*"): "realtime sessions",
    ("anthropic", "(POST|DELETE) /v1/files.*"): "files",
    ("anthropic", "POST /v1/complete"): "the API before Messages, which no current model supports",
    ("gemini", "(POST|DELETE) /(upload/)?v1beta/fileSearchStores.*"): "file stores",
    ("gemini", "POST /v1beta/interactions"): "Interactions: another API, with state at the vendor",
    ("ollama", "POST /api/generate"): "completion of a prompt; the plugin supports only chat",
}
"""Excluded recordings by folder and by method with path, with reasons."""

EXCLUDED_FIXTURES = {
    r"groq/.*transcription.*": "transcription: only images are supported",
    r"openai-media/.*": "generation of images is not supported",
}
"""Excluded replies that were recorded without their requests, with reasons."""


def list_exchanges():
    """
    Return the key and the index entry of every recorded exchange.
    """
    return {
        (recording["file"], number): entry
        for recording in recorded.read_index()
        for number, entry in enumerate(recording["interactions"])
    }


def list_fixtures():
    """
    Return the folder and name of every reply that was recorded without its request.
    """
    folder = recorded.CASSETTES / "response-fixtures"
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def find_places(key, entry):
    """
    Return the endpoints and the reasons for exclusion that match an exchange; exactly one is correct.
    """
    folder, path = key[0].partition("/")[0], urlsplit(entry["url"]).path
    covered = [
        endpoint
        for endpoint, (where, form) in COVERED.items()
        if (where, entry["method"]) == (folder, "POST") and re.fullmatch(form, path)
    ]
    request_line = f"{entry['method']} {path}"
    excluded = [
        reason for (where, form), reason in EXCLUDED.items() if where == folder and re.fullmatch(form, request_line)
    ]
    return covered + excluded


def find_places_of_fixture(name):
    """
    Return the endpoints and the reasons for exclusion that match a reply without its request.
    """
    rules = {**COVERED_FIXTURES, **EXCLUDED_FIXTURES}
    return [place for form, place in rules.items() if re.fullmatch(form, name)]


def map_recordings():
    """
    Return the endpoints and reasons of each exchange and of each reply without a request, by key.
    """
    found = {key: find_places(key, entry) for key, entry in list_exchanges().items()}
    return {**found, **{name: find_places_of_fixture(name) for name in list_fixtures()}}
