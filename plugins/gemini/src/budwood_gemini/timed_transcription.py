"""
Transcription by Interactions, which returns the times and the speakers of words.

Source: google-genai 3.6.1, ``TranscriptionConfig`` and ``WordInfo``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from budwood.errors import StreamInterruptedError
from budwood.providing import BaseEventDecoder, parse_duration
from budwood.types import (
    MediaCompleted,
    MediaEvent,
    ReplyHead,
    TranscriptDelta,
    TranscriptionRequest,
    TranscriptionResponse,
    TranscriptSegment,
    TranscriptWord,
)
from budwood.wire import ServerSentEvent, SSEDecoder
from budwood_gemini.encoding import Body, merge_extra
from budwood_gemini.errors import find_error, make_error_in_success
from budwood_gemini.interactions import check_interaction, encode_content, list_output, make_facts, make_input
from budwood_gemini.media import Form
from budwood_gemini.transcription import make_transcription

_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？")  # noqa: RUF001 - of Chinese and Japanese


def encode_timed_transcription(request: TranscriptionRequest, form: Form, *, stream: bool) -> Body:
    """Encode a request for Interactions."""
    config: dict[str, Any] = {}
    if request.language is not None:
        config["language_codes"] = [request.language]
    if request.timestamps:
        config["timestamp_granularities"] = ["word"]
    if request.diarize:
        config["diarization_mode"] = "speaker"
    if request.prompt is not None:
        config["custom_vocabulary"] = [words for part in request.prompt.split(",") if (words := part.strip())]
    generation: dict[str, Any] = {"transcription_config": config}
    if request.temperature is not None:
        generation["temperature"] = request.temperature
    body = {
        "model": request.model,
        "input": make_input(encode_content(request.audio, form)),
        "generation_config": generation,
        "store": False,
        **({"stream": True} if stream else {}),
    }
    return Body(merge_extra(body, request.extra))


def decode_timed_transcription(
    request: TranscriptionRequest, interaction: Mapping[str, Any], facts: Mapping[str, Any]
) -> TranscriptionResponse:
    """
    Decode the transcript of an interaction, with its words and segments.

    Raises:
        ProviderError: The interaction has failed.
    """
    facts = {**facts, "finish_reason": check_interaction(interaction)}
    content = [one for one in list_output(interaction) if one.get("type") == "text"]
    rows = [row for one in content for row in one.get("annotations") or ()]
    return make_timed_transcription(request, "".join(str(one.get("text") or "") for one in content), rows, facts)


def make_timed_transcription(
    request: TranscriptionRequest, text: str, annotations: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]
) -> TranscriptionResponse:
    """
    Return a transcript with words and segments.

    The API returns words; segments are sentences of one speaker, made of them.
    """
    rows = [row for row in annotations if row.get("type") == "word_info"]
    timed = [(row, _seconds(row.get("start_offset")), _seconds(row.get("end_offset"))) for row in rows]
    words = tuple(
        TranscriptWord(word=str(row.get("text") or ""), start=start, end=end)
        for row, start, end in timed
        if start is not None and end is not None
    )
    has_segments = request.diarize or "segment" in request.timestamps
    segments = tuple(_make_segment(group) for group in _group(rows)) if has_segments else ()
    shown = words if "word" in request.timestamps else ()
    response = make_transcription(text or " ".join(str(row.get("text") or "") for row in rows), facts)
    return response.model_copy(update={"words": shown, "segments": segments})


def _group(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Group words by sentences and speakers."""
    group: list[Mapping[str, Any]] = []
    for row in rows:
        if group and row.get("speaker") != group[-1].get("speaker"):
            yield group
            group = []
        group.append(row)
        if str(row.get("text") or "").endswith(_SENTENCE_ENDS):
            yield group
            group = []
    if group:
        yield group


def _make_segment(rows: list[Mapping[str, Any]]) -> TranscriptSegment:
    speaker = rows[0].get("speaker")
    return TranscriptSegment(
        text=" ".join(str(row.get("text") or "") for row in rows),
        start=_seconds(rows[0].get("start_offset")),
        end=_seconds(rows[-1].get("end_offset")),
        speaker=None if speaker is None else str(speaker),
    )


def _seconds(offset: object) -> float | None:
    return None if offset is None else parse_duration(offset)


class TimedTranscriptDecoder(BaseEventDecoder[ServerSentEvent, MediaEvent]):
    """Decodes the stream of an interaction that transcribes."""

    def __init__(self, request: TranscriptionRequest, head: ReplyHead, request_id: str | None) -> None:
        super().__init__(head, SSEDecoder(), decode_body=None)
        self._request = request
        self._request_id = request_id
        self._text: list[str] = []
        self._annotations: list[Mapping[str, Any]] = []
        self._interaction: dict[str, Any] = {}
        self._is_complete = False

    def _decode(self, frame: ServerSentEvent) -> Iterable[MediaEvent]:
        event = self._parse(frame.data, frame.event)
        if event is None:
            return
        if fields := find_error(event):
            raise make_error_in_success(self._head, fields)
        interaction, delta = event.get("interaction"), event.get("delta")
        if isinstance(interaction, Mapping):
            self._interaction |= interaction
            self._is_complete = event.get("event_type") == "interaction.completed"
        if isinstance(delta, Mapping):
            self._annotations += delta.get("annotations") or ()
            text = delta.get("text")
            if delta.get("type") == "text" and isinstance(text, str) and text:
                self._text.append(text)
                yield TranscriptDelta(text)

    def _end(self) -> Iterable[MediaEvent]:
        if not self._is_complete:
            raise StreamInterruptedError("The stream ended before the interaction was complete.")
        finish_reason = check_interaction(self._interaction)
        facts = make_facts(self._interaction, self._request_id) | {"raw": None, "finish_reason": finish_reason}
        yield MediaCompleted(make_timed_transcription(self._request, "".join(self._text), self._annotations, facts))
