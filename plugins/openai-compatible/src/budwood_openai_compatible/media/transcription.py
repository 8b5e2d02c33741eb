"""
Transcription and translation of speech: encode requests, and decode replies and streams.

Source: OpenAI's API description 2.3.0; openai 3.57.0; recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, isfinite
from typing import Any, Final

from budwood.errors import StreamInterruptedError
from budwood.providing import FieldNames, Parameters, adapt_fields, drop_fields, require_text
from budwood.types import (
    Adaptation,
    HTTPReply,
    MediaCompleted,
    MediaEvent,
    ModelRules,
    ReplyHead,
    SegmentArrived,
    TranscriptDelta,
    TranscriptionRequest,
    TranscriptionResponse,
    TranscriptSegment,
    TranscriptWord,
    Usage,
)
from budwood_openai_compatible.decoding import decode_usage, parse_request_id, reject_page
from budwood_openai_compatible.media.events import ConvertError, DecodeReply, MediaEventDecoder
from budwood_openai_compatible.media.subtitles import parse_subtitles

TRANSCRIPTION_FIELDS: Final[FieldNames] = {
    "language": "language",
    "prompt": "prompt",
    "temperature": "temperature",
    "timestamps": "timestamp_granularities",
    "diarize": "diarize",
}
"""The API's names of the fields of a request. ``diarize`` only chooses the format of the reply."""

_OF_TRANSLATION: Final = {
    "language": "the API detects the language of audio that it translates",
    "diarize": "the API does not tell speakers apart when it translates",
}


_SPEAKERS: Final = ("speaker_label", "speaker", "speaker_id")


def encode_transcription_fields(request: TranscriptionRequest, rules: ModelRules, *, stream: bool) -> Parameters:
    """
    Return the fields of the form except the file, and the adaptations.

    Times are only in the format ``verbose_json``, and speakers only in ``diarized_json``.
    """
    names, dropped = TRANSCRIPTION_FIELDS, drop_fields(request, _OF_TRANSLATION if request.translate else {})
    if request.translate:
        names = {field: name for field, name in names.items() if field not in _OF_TRANSLATION}
    values, adaptations = adapt_fields(request, rules, names)
    if values.pop("diarize", False):
        values["response_format"] = "diarized_json"
    elif "timestamp_granularities" in values:
        values["response_format"] = "verbose_json"
        if request.translate:
            adaptations += _drop_word_times(values.pop("timestamp_granularities"))
    if stream:
        values["stream"] = True
    return Parameters({"model": request.model, **values, **request.extra}, dropped + adaptations)


def _drop_word_times(wanted: tuple[str, ...]) -> tuple[Adaptation, ...]:
    """Return the adaptation for times of words, which translations do not have."""
    if "word" not in wanted:
        return ()
    reason = "the API has no times of words when it translates"
    return (Adaptation(parameter="timestamps", action="changed", reason=reason),)


def is_object(reply: HTTPReply) -> bool:
    """Return whether a reply is JSON, which some servers send as plain text."""
    return reply.body.lstrip()[:1] == b"{" or "json" in reply.headers.get("content-type", "")


def decode_text(reply: HTTPReply) -> TranscriptionResponse:
    """
    Decode a text or subtitles.

    Raises:
        BadResponseError: It is an HTML page.
    """
    reject_page(reply, "a transcript")
    text = reply.body.decode("utf-8", "replace").removeprefix("\ufeff")
    segments = parse_subtitles(text)
    return TranscriptionResponse(
        text=" ".join(segment.text for segment in segments) if segments else text.strip(),
        segments=segments,
        seconds=segments[-1].end if segments else None,
        request_id=parse_request_id(reply.headers),
        raw=text,
    )


def decode_transcript(body: Mapping[str, Any], head: ReplyHead) -> TranscriptionResponse:
    """Decode an object with a transcript."""
    usage, languages = body.get("usage"), body.get("languages")
    usage = usage if isinstance(usage, Mapping) else {}
    seconds = body.get("duration") or usage.get("prompt_audio_seconds")  # the latter: Mistral
    language = body.get("language") or (languages[0] if isinstance(languages, list) and languages else None)
    return TranscriptionResponse(
        text=require_text(body.get("text"), "text").strip(),
        language=language if isinstance(language, str) else None,
        seconds=float(seconds) if isinstance(seconds, int | float | str) and seconds else None,
        segments=tuple(decode_segment(row) for row in body.get("segments") or ()),
        words=tuple(
            TranscriptWord(word=row["word"], start=row["start"], end=row["end"]) for row in body.get("words") or ()
        ),
        usage=_decode_usage(usage, body.get("duration")),
        model=body.get("model") or "",
        request_id=parse_request_id(head.headers),
        raw=dict(body),
    )


def _decode_usage(usage: Mapping[str, Any], duration: object) -> Usage:
    """Return usage with the seconds that the vendor charges for; without usage, the duration, rounded up."""
    known = decode_usage(usage) if usage else Usage()
    seconds = usage.get("seconds") if usage.get("type") == "duration" else usage.get("prompt_audio_seconds")
    if not usage and isinstance(duration, int | float) and isfinite(duration):
        seconds = ceil(duration)
    return known.model_copy(update={"audio_seconds": seconds}) if isinstance(seconds, int | float) else known


def decode_segment(row: Mapping[str, Any]) -> TranscriptSegment:
    """Decode one segment. Mistral calls its speaker ``speaker_id``; OpenRouter has numbers, or ``speaker_label``."""
    speaker = next((row[name] for name in _SPEAKERS if row.get(name) is not None), None)
    return TranscriptSegment(
        text=str(row.get("text") or "").strip(),
        start=row.get("start"),
        end=row.get("end"),
        speaker=None if speaker is None else str(speaker),
    )


class TranscriptDecoder(MediaEventDecoder):
    """Decodes a stream of text; its last event has the complete text."""

    def __init__(self, head: ReplyHead, *, decode_reply: DecodeReply, convert_error: ConvertError) -> None:
        super().__init__(head, decode_reply=decode_reply, convert_error=convert_error)
        self._segments: list[TranscriptSegment] = []
        self._response: TranscriptionResponse | None = None

    def _show(self, response: Any) -> Iterator[MediaEvent]:  # noqa: ANN401 - see the base class
        yield TranscriptDelta(response.text)
        for segment in response.segments:
            yield SegmentArrived(segment)

    def _decode_event(self, kind: str, event: dict[str, Any]) -> Iterator[MediaEvent]:
        if kind.endswith(".delta"):
            if text := require_text(event.get("delta") or event.get("text"), "delta"):
                yield TranscriptDelta(text)
        elif kind.endswith(".segment"):
            segment = decode_segment(event)
            self._segments.append(segment)
            yield SegmentArrived(segment)
        elif kind.endswith(".done"):
            self._response = decode_transcript(event, self._head)

    def _end(self) -> Iterator[MediaEvent]:
        if self._response is None:
            raise StreamInterruptedError("The stream ended before the transcript was complete.")
        response = self._response
        if self._segments and not response.segments:
            response = response.model_copy(update={"segments": tuple(self._segments)})
        yield MediaCompleted(response)
