"""``/v1/audio/speech``: requests as calls of the core, and audio and events as OpenAI documents them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.providing import sniff_media_type
from budwood.types import AudioDelta
from budwood_server.formats.openai.events import encode_event, encode_failure
from budwood_server.formats.openai.images import encode_usage
from budwood_server.formats.openai.json_values import Check, is_number_from_0, is_text
from budwood_server.formats.openai.media_fields import convert_fields
from budwood_server.gateway.reply_headers import describe_end
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import SpeechResponse
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.web.problems import Problem

TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""The media types of the formats. Source: recorded traffic of OpenAI."""

DEFAULT_FORMAT: Final = "mp3"

_FIELDS: Final[dict[str, tuple[str, Check]]] = {
    "voice": ("voice", is_text),
    "response_format": ("format", is_text),
    "speed": ("speed", lambda value: is_number_from_0(value) and value > 0),
    "instructions": ("instructions", is_text),
    "language": ("language", is_text),
}


class SpeechCall(NamedTuple):
    """
    A call for speech.

    Attributes:
        text: The text to speak.
        options: Options of the call.
        with_events: Whether the reply consists of events, and not of the audio alone.
    """

    text: str
    options: dict[str, Any]
    with_events: bool


def parse_speech(body: dict[str, Any], plan: CallPlan) -> SpeechCall:
    """
    Return the call for a request, without its model.

    Raises:
        ProblemError: A field is not valid, or cannot be translated.
    """
    text, form = body.pop("input", None), body.pop("stream_format", None)
    if not isinstance(text, str) or not text.strip():
        raise reject("The field 'input' must be a text that is not empty.", param="input")
    if form not in (None, "audio", "sse"):
        raise reject("The field 'stream_format' must be 'audio' or 'sse'.", param="stream_format")
    if isinstance(voice := body.get("voice"), dict) and plan.api != "openai":
        body["voice"] = voice.get("id")
    return SpeechCall(text, convert_fields(body, _FIELDS, plan) | plan.options, form == "sse")


def find_content_type(head: bytes, options: dict[str, Any]) -> str:
    """
    Return the media type of audio: that of its first bytes, or else that of the format that was requested.

    Args:
        head: The first bytes.
        options: The options of the call.
    """
    requested = options.get("format") or options.get("extra", {}).get("response_format") or DEFAULT_FORMAT
    named = TYPES.get(str(requested), "application/octet-stream")
    found = sniff_media_type(head)
    if found is None or (found, named) == ("audio/ogg", "audio/opus"):  # Opus is in the container Ogg
        return named
    return found if found.startswith("audio/") else named


class SpeechStreamEncoder:
    """
    Encodes a stream of audio as events; see `budwood_server.gateway.calls.StreamEncoder`.

    Args:
        plan: What the request asks for.
    """

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan

    def start(self) -> bytes:
        """Return what comes first: nothing."""
        return b""

    def encode(self, events: Sequence[Any]) -> bytes:
        """Encode audio that arrived together as one event."""
        data = b"".join(event.data for event in events if isinstance(event, AudioDelta))
        if not data:
            return b""
        return encode_event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})

    def finish(self, response: SpeechResponse) -> bytes:
        """Encode the last event, with the usage."""
        event = {"type": "speech.audio.done", "usage": encode_usage(response.usage)}
        return encode_event(event | {"budwood": describe_end(response, self._plan.adaptations)})

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Encode a failure."""
        return encode_failure(problem, request_id)
