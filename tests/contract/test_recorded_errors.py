from __future__ import annotations

import pytest

from budwood.errors import (
    AuthenticationError,
    CapacityError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    QuotaExhaustedError,
    RateLimitError,
    UnsupportedParameterError,
)
from budwood.types import HTTPReply
from tests.contract import endpoints, recorded
from tests.contract.endpoints import Endpoint
from tests.contract.replay import parse_head

CLASSES = {
    ("openai", 400, "decimal_below_min_value"): InvalidRequestError,
    ("openai", 400, "empty_array"): InvalidRequestError,
    ("openai", 400, "integer_below_min_value"): InvalidRequestError,
    ("openai", 400, "invalid_function_parameters"): InvalidRequestError,
    ("openai", 400, "invalid_image_file"): InvalidRequestError,
    ("openai", 400, "invalid_image_url"): InvalidRequestError,
    ("openai", 400, "invalid_language_format"): InvalidRequestError,
    ("openai", 400, "invalid_request_error"): InvalidRequestError,
    ("openai", 400, "invalid_value"): InvalidRequestError,
    ("openai", 400, "model_not_found"): NotFoundError,
    ("openai", 400, "unsupported_file"): InvalidRequestError,
    ("openai", 400, "unsupported_parameter"): UnsupportedParameterError,
    ("openai", 400, "unsupported_value"): UnsupportedParameterError,
    ("openai", 401, "invalid_api_key"): AuthenticationError,
    ("openai", 404, "invalid_request_error: No such File"): NotFoundError,
    ("openai", 404, "model_not_found"): NotFoundError,
    ("azure", 401, "401"): AuthenticationError,
    ("azure", 404, "DeploymentNotFound"): NotFoundError,
    ("azure", 429, "RateLimitReached"): RateLimitError,
    ("groq", 400, "tool_use_failed"): InvalidRequestError,
    ("groq", 404, "model_not_found"): NotFoundError,
    ("anthropic", 400, "invalid_request_error: messages.0: Input"): InvalidRequestError,
    ("anthropic", 400, "invalid_request_error: This model does not support effort"): UnsupportedParameterError,
    ("anthropic", 401, "authentication_error"): AuthenticationError,
    ("anthropic", 404, "not_found_error"): NotFoundError,
    ("gemini", 400, "API_KEY_INVALID"): AuthenticationError,
    ("gemini", 404, "NOT_FOUND"): NotFoundError,
    ("gemini", 429, "RESOURCE_EXHAUSTED"): RateLimitError,
    ("ollama", 404, "None: model 'nonexistent-model:latest' not found"): NotFoundError,
    ("ollama", 400, "invalid_request_error: prompt too long;"): ContextLengthError,
    ("ollama", 401, "api_error: Unauthorized"): AuthenticationError,
}
"""
The class of each recorded error, by vendor, status and code.

If a vendor has one code for many errors, or none, the code is followed by the beginning of the message.
"""

DOCUMENTED = {
    ("openai", 400, "context_length_exceeded"): ContextLengthError,
    ("openai", 429, "insufficient_quota"): QuotaExhaustedError,
    ("openai", 429, "rate_limit_exceeded"): RateLimitError,
    ("azure", 400, "content_filter"): ContentFilterError,
    ("anthropic", 400, "invalid_request_error: prompt is too long"): ContextLengthError,
    ("anthropic", 413, "request_too_large"): InvalidRequestError,
    ("anthropic", 429, "rate_limit_error"): RateLimitError,
    ("anthropic", 529, "overloaded_error"): CapacityError,
}
"""The class of documented errors that are not recorded yet."""


def is_error(entry):
    """
    Return whether an exchange has an error.
    """
    return entry["status"] >= 400


def list_covered(file):
    """
    Return the exchanges with errors of covered endpoints, each with its endpoint.
    """
    placed = [(one, *endpoints.find_places(one.key, one.entry)) for one in recorded.select_exchanges(file, is_error)]
    return [(one, place) for one, place in placed if isinstance(place, Endpoint)]


def find_rows(provider, status, name):
    """
    Return the rows of the tables that match an error; there should be one.
    """
    return [row for row in (*CLASSES, *DOCUMENTED) if row[:2] == (provider, status) and name.startswith(row[2])]


@pytest.fixture
def make_providers(openai, azure, *, groq, claude, gemini, ollama, compatible):
    """
    Return the providers by vendor, and by endpoint if a vendor has several.
    """
    return {
        "openai": openai(),
        "azure": azure("https://recorded.openai.azure.com/"),
        "groq": groq(),
        "anthropic": claude,
        "gemini": gemini(),
        "ollama": ollama(),
        "v1/chat/completions": compatible(),
    }


def test_every_recorded_error_has_its_class(shared_folder, make_providers):
    """
    Each recorded error has exactly the class in the table, and each row of the table has an error.
    """
    used, missing, wrong = set(), [], []
    for case in recorded.list_files(is_error):
        for one, (provider, name) in list_covered(case.values[0]):
            instance = make_providers.get(name) or make_providers[provider]
            error = instance.error(HTTPReply(parse_head(one.response), one.response.body))
            message = error.message.removeprefix("The credential was rejected: ")
            error_text = f"{error.code}: {message.removeprefix(f'HTTP {one.response.status}: ')}"
            rows = find_rows(provider, one.response.status, error_text)
            if len(rows) != 1:
                missing.append(f"{provider} {one.response.status} {error_text}: {len(rows)} rows")
                continue
            used.update(rows)
            if (type(error), error.status) != ((CLASSES | DOCUMENTED)[rows[0]], rows[0][1]):
                wrong.append(f"{type(error).__name__} for {error_text}")

    assert (missing, wrong) == ([], [])
    assert used >= set(CLASSES)
