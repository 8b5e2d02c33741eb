"""Transcriptions and translations: requests as calls of the core, and its replies in OpenAI's form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.types import SegmentArrived, TranscriptDelta
from budwood_server.formats.openai.events import DONE, encode_event, encode_failure
from budwood_server.formats.openai.json_values import Check, is_flag, is_number_from_0, is_text
from budwood_server.formats.openai.media_fields import convert_fields
from budwood_server.formats.openai.subtitles import encode_srt, encode_vtt
from budwood_server.gateway.reply_headers import describe_end
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import TranscriptionResponse, TranscriptSegment
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.web.problems import Problem

FORM_VALUES: Final = ("temperature", "stream", "diarize")
"""Fields of a form that are numbers or booleans."""

FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_TEXTS: Final = ("text", "srt", "vtt")
_TIMED: Final = ("srt", "vtt", "verbose_json", "diarized_json")

_FIELDS: Final[dict[str, tuple[str, Check]]] = {
    "language": ("language", is_text),
    "prompt": ("prompt", is_text),
    "temperature": ("temperature", is_number_from_0),
    "diarize": ("diarize", is_flag),
}


class TranscriptionCall(NamedTuple):
    """
    A call for a transcript.

    Attributes:
        options: Options of the call.
        form: The format of the reply: one of `FORMATS`, or one that only the vendor knows.
        translate: Whether the text is translated into English.
        is_streamed: Whether the reply is streamed.
    """

    options: dict[str, Any]
    form: str
    translate: bool
    is_streamed: bool


def parse_transcription(body: dict[str, Any], plan: CallPlan, *, translate: bool) -> TranscriptionCall:
    """
    Return the call for a request, without its model and its file.

    Raises:
        ProblemError: A field is not valid, or cannot be translated.
    """
    streamed = body.pop("stream", None)
    if streamed not in (None, True, False):
        raise reject("The field 'stream' must be true or false.", param="stream")
    form = body.get("response_format") or "json"
    if plan.api != "openai":
        _translate_times(body, form)
    options = convert_fields(body, _FIELDS, plan)
    if "timestamps" in body:
        options["timestamps"] = body["timestamps"]
    if form == "diarized_json" and plan.api != "openai":
        options["diarize"] = True
    return TranscriptionCall(options | plan.options, str(form), translate, bool(streamed) and not translate)


def _translate_times(body: dict[str, Any], form: object) -> None:
    """Replace the format of the reply, and the times in it, by the times that the core is asked for."""
    if form not in FORMATS:
        raise reject(f"The field 'response_format' must be one of: {', '.join(FORMATS)}.", param="response_format")
    body.pop("response_format", None)
    wanted = body.pop("timestamp_granularities", None)
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted is not None and not (isinstance(wanted, list) and all(each in ("word", "segment") for each in wanted)):
        raise reject(
            "The field 'timestamp_granularities' must contain 'word' or 'segment'.", param="timestamp_granularities"
        )
    if form in _TIMED:
        body["timestamps"] = [*dict.fromkeys(wanted or ["segment"])]


def encode_transcript(response: TranscriptionResponse, call: TranscriptionCall) -> dict[str, Any] | str:
    """
    Return a reply in the requested format: that of the vendor, if it has the same API.

    Raises:
        ProblemError: Subtitles are asked for, but the vendor returned no times.
    """
    if call.form in _TEXTS:
        if isinstance(response.raw, str):
            return response.raw
        return _encode_text(response, call.form)
    if isinstance(response.raw, dict) and "text" in response.raw:
        return response.raw
    reply: dict[str, Any] = {"text": response.text}
    if call.form == "verbose_json":
        reply = _encode_verbose(response, translate=call.translate)
    elif call.form == "diarized_json":
        segments = [_encode_speaker(segment, number) for number, segment in enumerate(response.segments)]
        reply = {"task": "transcribe", "duration": response.seconds, "text": response.text, "segments": segments}
    if (usage := _encode_usage(response)) is not None:
        reply["usage"] = usage
    return reply


def _encode_text(response: TranscriptionResponse, form: str) -> str:
    if form == "text":
        return response.text + "\n"
    timed = [each for each in response.segments if each.start is not None and each.end is not None]
    if not timed and response.text:
        raise reject(
            f"The vendor returned no times, which the format {form!r} needs.",
            param="response_format",
            code="unsupported_field",
            hint="Use 'json' or 'text', or another model.",
        )
    return encode_srt(timed) if form == "srt" else encode_vtt(timed)


def _encode_verbose(response: TranscriptionResponse, *, translate: bool) -> dict[str, Any]:
    segments = [
        {"id": number, "start": segment.start, "end": segment.end, "text": segment.text}
        for number, segment in enumerate(response.segments)
    ]
    words = [{"word": word.word, "start": word.start, "end": word.end} for word in response.words]
    return {
        "task": "translate" if translate else "transcribe",
        "language": response.language,
        "duration": response.seconds,
        "text": response.text,
        **({"segments": segments} if segments or not words else {}),
        **({"words": words} if words else {}),
    }


def _encode_speaker(segment: TranscriptSegment, number: int) -> dict[str, Any]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number}",
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "speaker": segment.speaker,
    }


def _encode_usage(response: TranscriptionResponse) -> dict[str, Any] | None:
    usage = response.usage
    if usage.input_tokens is not None and usage.output_tokens is not None:
        total = usage.input_tokens + usage.output_tokens
        counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "total_tokens": total}
        return {"type": "tokens", **counts}
    return None if response.seconds is None else {"type": "duration", "seconds": response.seconds}


class TranscriptStreamEncoder:
    """
    Encodes a stream of text; see `budwood_server.gateway.calls.StreamEncoder`.

    Args:
        plan: What the request asks for.
    """

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        self._segments = 0

    def start(self) -> bytes:
        """Return what comes first: nothing."""
        return b""

    def encode(self, events: Sequence[Any]) -> bytes:
        """Encode texts and segments."""
        return b"".join(self._encode(event) for event in events)

    def _encode(self, event: object) -> bytes:
        if isinstance(event, TranscriptDelta):
            return encode_event({"type": "transcript.text.delta", "delta": event.text})
        if isinstance(event, SegmentArrived):
            self._segments += 1
            return encode_event(_encode_speaker(event.segment, self._segments - 1))
        return b""

    def finish(self, response: TranscriptionResponse) -> bytes:
        """Encode the last event, with the text and the usage: that of the vendor, if it has the same API."""
        raw = response.raw if isinstance(response.raw, dict) and "text" in response.raw else None
        done = raw or {"text": response.text, "usage": _encode_usage(response)}
        end = {"budwood": describe_end(response, self._plan.adaptations)}
        return encode_event({**done, "type": "transcript.text.done", **end}) + DONE

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Encode a failure."""
        return encode_failure(problem, request_id)
