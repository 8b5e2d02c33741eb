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
    Endpoint("openai", "chat/completions"): ("openai-(chat|media|files)", "/v1/chat/completions"),
    Endpoint("openai", "responses"): ("openai-(responses|files)", "/v1/responses"),
    Endpoint("openai", "responses/input_tokens"): ("openai-responses", "/v1/responses/input_tokens"),
    Endpoint("openai", "completions"): ("openai-completions", "/v1/completions"),
    Endpoint("openai", "embeddings"): ("openai-embeddings", "/v1/embeddings"),
    Endpoint("openai", "moderations"): ("openai-media", "/v1/moderations"),
    Endpoint("openai", "images"): ("openai-media", "/v1/images/(generations|edits)"),
    Endpoint("openai", "audio/speech"): ("openai-media", "/v1/audio/speech"),
    Endpoint("openai", "audio/transcriptions"): ("openai-media", "/v1/audio/(transcriptions|translations)"),
    Endpoint("openai", "files"): (
        "openai-.*",
        "(GET|POST|DELETE) /v1/files(/[^/]+(/content)?)?",
    ),
    Endpoint("openai", "uploads"): ("openai-files", "/v1/uploads(/[^/]+/(parts|complete))?"),
    Endpoint("openai", "batches"): ("openai-batches", "POST /v1/batches(/[^/]+/cancel)?|GET /v1/batches/[^/]+"),
    Endpoint("azure", "chat/completions"): ("azure", "/+(openai/deployments/[^/]+|models)/chat/completions"),
    Endpoint("azure", "responses"): ("azure", "/openai/v1/responses"),
    Endpoint("azure", "completions"): ("azure", "/+openai/deployments/[^/]+/completions"),
    Endpoint("azure", "embeddings"): ("azure", "/openai/v1/embeddings"),
    Endpoint("groq", "chat/completions"): ("groq", "/openai/v1/chat/completions"),
    Endpoint("groq", "audio/transcriptions"): ("groq", "/openai/v1/audio/transcriptions"),
    Endpoint("anthropic", "messages"): ("anthropic", "/v1/messages"),
    Endpoint("anthropic", "messages/count_tokens"): ("anthropic", "/v1/messages/count_tokens"),
    Endpoint("anthropic", "messages/batches"): (
        "anthropic",
        "POST /v1/messages/batches|(GET|POST) /v1/messages/batches/.*",
    ),
    Endpoint("anthropic", "files"): ("anthropic", "POST /v1/files|DELETE /v1/files/[^/]+"),
    Endpoint("gemini", "generateContent"): ("gemini", "/v1beta/models/[^/]+:generateContent"),
    Endpoint("gemini", "streamGenerateContent"): ("gemini", "/v1beta/models/[^/]+:streamGenerateContent"),
    Endpoint("gemini", "countTokens"): ("gemini", "/v1beta/models/[^/]+:countTokens"),
    Endpoint("gemini", "embedContent"): ("gemini", "/v1beta/models/[^/]+:embedContent"),
    Endpoint("gemini", "batchEmbedContents"): ("gemini", "/v1beta/models/[^/]+:batchEmbedContents"),
    Endpoint("gemini", "interactions"): ("gemini", "/v1beta/interactions"),
    Endpoint("gemini", "predictLongRunning"): (
        "gemini",
        "(GET|POST) /.*(:predictLong|/operations/|:download).*",
    ),
    Endpoint("gemini", "files"): ("gemini", "/upload/v1beta/files"),
    Endpoint("gemini", "batches"): (
        "gemini",
        "POST /v1beta/models/[^/]+:batch[^/]+Content|GET /v1beta/batches/.*",
    ),
    Endpoint("ollama", "api/chat"): ("ollama", "/api/chat"),
    Endpoint("ollama", "api/embed"): ("ollama", "/api/embed"),
    Endpoint("ollama", "api/embeddings"): ("ollama", "/api/embeddings"),
    Endpoint("ollama", "v1/chat/completions"): ("ollama", "/v1/chat/completions"),
    Endpoint("openai-compatible", "chat/completions"): ("anthropic", "/v1/chat/completions"),
    Endpoint("mistral", "chat/completions"): ("mistral", "/v1/chat/completions"),
    Endpoint("mistral", "audio"): ("mistral", "/v1/audio/(speech|transcriptions)"),
    Endpoint("mistral", "files"): ("mistral", "/v1/files"),
    Endpoint("mistral", "batch/jobs"): ("mistral", "POST /v1/batch/jobs|GET /v1/batch/jobs/[^/]+"),
    Endpoint("xai", "images"): ("xai", "/v1/images/edits"),
    Endpoint("xai", "tts"): ("xai", "/v1/tts"),
    Endpoint("xai", "videos"): ("xai", "POST /v1/videos/generations|GET /v1/videos/[^/]+|GET /xai-vidgen.*"),
    Endpoint("xai", "files"): ("xai", "/v1/files"),
    Endpoint("openrouter", "images"): ("openrouter", "/api/v1/images"),
    Endpoint("openrouter", "audio/speech"): ("openrouter", "/api/v1/audio/speech"),
}
"""The patterns of the folder of each endpoint, and of the paths of POST requests, or of methods with paths."""

COVERED_FIXTURES = {
    r"anthropic/.*": Endpoint("anthropic", "messages"),
    r"azure/.*": Endpoint("azure", "responses"),
    r"gemini/.*\.chunks\.txt": Endpoint("gemini", "streamGenerateContent"),
    r"gemini/.*\.json": Endpoint("gemini", "generateContent"),
    r"groq/(?!.*transcription).*": Endpoint("groq", "chat/completions"),
    r"groq/.*transcription.*": Endpoint("groq", "audio/transcriptions"),
    r"openai-chat/azure-.*": Endpoint("azure", "chat/completions"),
    r"openai-chat/openai-.*": Endpoint("openai", "chat/completions"),
    r"openai-compatible/.*": Endpoint("openai-compatible", "chat/completions"),
    r"openai-embeddings/.*": Endpoint("openai", "embeddings"),
    r"openai-media/.*": Endpoint("openai", "images"),
    r"openai-responses/.*": Endpoint("openai", "responses"),
}
"""The endpoint of replies that were recorded without their requests, by folder and name."""

EXCLUDED = {
    ("openai-chat", "(GET|DELETE) /v1/chat/.*|POST /v1/chat/completions/[^/]+"): "management of stored completions",
    ("openai-responses", "(GET|DELETE) /v1/responses/.*"): "management of stored responses",
    ("openai-files", "POST /v1/uploads/[^/]+/cancel"): "cancelled uploads: incomplete ones expire within an hour",
    ("openai-batches", "GET /v1/batches"): "lists of batches: they are searched only after a lost reply",
    ("azure", "POST /openai/v1/realtime/.*"): "realtime sessions",
    ("anthropic", "GET /v1/messages/batches"): "lists of batches: they are searched only after a lost reply",
    ("anthropic", "POST /v1/complete"): "the API before Messages, which no current model supports",
    ("gemini", "(POST|DELETE) /(upload/)?v1beta/fileSearchStores.*"): "file stores",
    ("mistral", "POST /v1/ocr"): "recognition of text; chat with a document has the same model",
    ("ollama", "POST /api/generate"): "completion of a prompt; the plugin supports only chat",
    ("xai", "GET /xai-imgen/.*"): "an image at its URL, which the engine downloads",
    ("xai", "(GET|POST) /v1/batches.*"): "batches without lines: requests are added one by one",
}
"""Excluded recordings by folder and by method with path, with reasons."""


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
    folder, request_line = key[0].partition("/")[0], f"{entry['method']} {urlsplit(entry['url']).path}"
    covered = [
        endpoint
        for endpoint, (where, form) in COVERED.items()
        if re.fullmatch(where, folder) and re.fullmatch(form if " " in form else f"POST ({form})", request_line)
    ]
    excluded = [
        reason for (where, form), reason in EXCLUDED.items() if where == folder and re.fullmatch(form, request_line)
    ]
    return covered + excluded


def find_places_of_fixture(name):
    """
    Return the endpoints that match a reply without its request.
    """
    return [place for form, place in COVERED_FIXTURES.items() if re.fullmatch(form, name)]


def map_recordings():
    """
    Return the endpoints and reasons of each exchange and of each reply without a request, by key.
    """
    found = {key: find_places(key, entry) for key, entry in list_exchanges().items()}
    return {**found, **{name: find_places_of_fixture(name) for name in list_fixtures()}}
