"""
Interactions, the API of what ``generateContent`` does not do: videos, and transcripts with times.

Source: google-genai 3.6.1, ``_gaos/types/interactions``; recorded traffic of texts alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.errors import ProviderError
from budwood.providing import inline_media, parse_count, parse_id
from budwood.types import AnyMedia, FinishReason, JobStatus, Usage
from budwood_gemini.media import Form, file_url, guess_media_type

_STATUS: Final[Mapping[str, JobStatus]] = {
    "queued": "queued",
    "completed": "succeeded",
    "failed": "failed",
    "incomplete": "failed",
    "budget_exceeded": "failed",
    "cancelled": "cancelled",
}


def encode_content(part: AnyMedia, form: Form) -> dict[str, Any]:
    """Encode media as content of an interaction."""
    inline = inline_media(part)
    if inline is None:
        url = file_url(part, form.base_url)
        media_type, source = part.media_type or guess_media_type(url), {"uri": url}
    else:
        media_type, source = inline.media_type, {"data": inline.base64}
    return {"type": part.type, **source, **({"mime_type": media_type} if media_type else {})}


def make_input(*content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return content as the input of an interaction: a step of the user, as Google's SDK sends it."""
    return [{"type": "user_input", "content": list(content)}]


def list_output(interaction: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the content that the model generated."""
    for step in interaction.get("steps") or ():
        if isinstance(step, Mapping) and step.get("type") == "model_output":
            yield from (one for one in step.get("content") or () if isinstance(one, Mapping))


def convert_status(interaction: Mapping[str, Any]) -> JobStatus:
    """Convert the status of an interaction. An unknown one is running."""
    return _STATUS.get(str(interaction.get("status")), "running")


def describe_failure(interaction: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the message and the code of the first error of an interaction."""
    steps = [step.get("error") for step in interaction.get("steps") or () if isinstance(step, Mapping)]
    for error in (*(interaction.get("errors") or ()), *steps):
        if isinstance(error, Mapping) and (error.get("message") or error.get("code")):
            return parse_id(error.get("message")), parse_id(error.get("code"))
    return None, None


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Convert usage. Results of Google's own tools count as input and thoughts as output, but are counted apart."""
    given, tools = parse_count(usage.get("total_input_tokens")), parse_count(usage.get("total_tool_use_tokens"))
    total_input = None if given is None else given + (tools or 0)
    cached = parse_count(usage.get("total_cached_tokens"))
    output, thoughts = parse_count(usage.get("total_output_tokens")), parse_count(usage.get("total_thought_tokens"))
    return Usage(
        input_tokens=total_input,
        uncached_input_tokens=None if total_input is None or cached is None else total_input - cached,
        cache_read_tokens=cached,
        output_tokens=None if output is None else output + (thoughts or 0),
        reasoning_tokens=thoughts,
        raw=dict(usage),
    )


def make_facts(interaction: Mapping[str, Any], request_id: str | None) -> dict[str, Any]:
    """Return the fields of a response that all services have."""
    usage = interaction.get("usage")
    return {
        "usage": decode_usage(usage) if isinstance(usage, Mapping) else Usage(),
        "id": parse_id(interaction.get("id")),
        "model": parse_id(interaction.get("model")) or "",
        "request_id": request_id,
        "raw": strip_content(interaction),
    }


def strip_content(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a reply without the content of its media, in either form of the API."""
    if isinstance(value, list):
        return [strip_content(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    is_media = "mimeType" in value or "mime_type" in value
    return {name: strip_content(one) for name, one in value.items() if not (is_media and name == "data")}


def check_interaction(interaction: Mapping[str, Any]) -> FinishReason:
    """
    Return why an interaction ended.

    Raises:
        ProviderError: It has failed.
    """
    status = str(interaction.get("status"))
    if status in {"failed", "cancelled", "budget_exceeded"}:
        message, code = describe_failure(interaction)
        raise ProviderError(f"Gemini ended the request as {status}: {message or 'no reason given'}.", code=code)
    return "length" if status == "incomplete" else "stop"
