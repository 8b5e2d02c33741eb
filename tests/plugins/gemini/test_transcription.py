from __future__ import annotations

import json

import pytest

from budwood.errors import ProviderError, StreamInterruptedError
from budwood.providing import make_wave_header
from budwood.types import TranscriptDelta, TranscriptSegment, TranscriptWord
from budwood_testing import sse
from tests.plugins.gemini.replies import inline, reply, text

MODEL = "gemini-3.8-flash"
WAVE = make_wave_header(2) + b"\1\0"
USAGE = {"total_input_tokens": 9, "total_output_tokens": 5, "total_thought_tokens": 2, "total_tokens": 16}


def word(value, start, end, speaker="spk_1"):
    """
    Create the annotation of a word.
    """
    times = {"start_offset": f"{start}s", "end_offset": f"{end}s"}
    return {"type": "word_info", "text": value, "speaker": speaker, **times}


WORDS = [word("Hello.", 0, 0.5), word("How", 0.6, 0.8), word("are", 0.8, 1), word("Fine!", 1.5, 2, "spk_2")]


def interaction(status="completed", annotations=(), words="Hello. How are Fine!"):
    """
    Create an interaction with a transcript.
    """
    content = {"type": "text", "text": words, "annotations": list(annotations)}
    steps = [{"type": "thought"}, {"type": "model_output", "content": [content]}]
    return {"id": "v1_x", "status": status, "model": "gemini-9", "steps": steps, "usage": USAGE}


def test_a_transcript(client_of, scripted):
    """
    The audio follows the words that ask for a transcript, which mention what is known.
    """
    scripted.reply(200, reply(text("Hello ")))
    response = client_of(MODEL).transcribe(WAVE, language="de", prompt="Budwood", temperature=0.0)

    assert (response.text, response.usage.total_tokens) == ("Hello", 12)
    words, audio = scripted.sent()["contents"][0]["parts"]
    assert "transcript alone" in words["text"]
    assert "The language is de." in words["text"]
    assert words["text"].endswith("Budwood")
    assert audio == inline("audio/wav", WAVE)
    assert scripted.sent()["generationConfig"] == {"temperature": 0.0}


def test_a_translation(client_of, scripted):
    """
    It is asked for in English; times are not returned with it.
    """
    scripted.reply(200, reply(text("Hello")))
    response = client_of(MODEL).translate_audio(WAVE, timestamps=["word"])

    assert "in English" in scripted.sent()["contents"][0]["parts"][0]["text"]
    assert [adaptation.parameter for adaptation in response.adaptations] == ["timestamps"]


def test_silence_is_an_empty_transcript(client_of, scripted):
    """
    Nothing was said.
    """
    scripted.reply(200, reply(text("")))

    assert client_of(MODEL).transcribe(WAVE).text == ""


def test_a_streamed_transcript(client_of, scripted):
    """
    The text arrives as events.
    """
    scripted.reply(200, chunks=sse(reply(text("Hel"), finish=None), reply(text("lo")), done=False))
    with client_of(MODEL).stream_transcription(WAVE) as stream:
        assert list(stream) == [TranscriptDelta("Hel"), TranscriptDelta("lo")]

    assert stream.response.text == "Hello"


def test_times_and_speakers(client_of, scripted):
    """
    Interactions return them; segments are the sentences of a speaker.
    """
    scripted.reply(200, interaction(annotations=WORDS))
    response = client_of(MODEL).transcribe(
        WAVE, language="en", prompt="Budwood, plugin", timestamps=["word", "segment"], diarize=True
    )

    assert scripted.calls[0].url.endswith("/v1beta/interactions")
    data = inline("audio/wav", WAVE)["inlineData"]["data"]
    assert scripted.sent() == {
        "model": MODEL,
        "input": [{"type": "user_input", "content": [{"type": "audio", "data": data, "mime_type": "audio/wav"}]}],
        "generation_config": {
            "transcription_config": {
                "language_codes": ["en"],
                "timestamp_granularities": ["word"],
                "diarization_mode": "speaker",
                "custom_vocabulary": ["Budwood", "plugin"],
            }
        },
        "store": False,
    }
    assert response.text == "Hello. How are Fine!"
    assert response.words[1] == TranscriptWord(word="How", start=0.6, end=0.8)
    assert response.segments == (
        TranscriptSegment(text="Hello.", start=0, end=0.5, speaker="spk_1"),
        TranscriptSegment(text="How are", start=0.6, end=1, speaker="spk_1"),
        TranscriptSegment(text="Fine!", start=1.5, end=2, speaker="spk_2"),
    )
    assert (response.usage.input_tokens, response.usage.output_tokens, response.id) == (9, 7, "v1_x")


def test_streamed_times(client_of, scripted):
    """
    Text and annotations of the deltas are joined.
    """
    events = [
        {"event_type": "interaction.created", "interaction": {"id": "v1_x", "status": "in_progress"}},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hello. "}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "How are"}},
        {"event_type": "step.delta", "delta": {"type": "text_annotation_delta", "annotations": WORDS[:3]}},
        {"event_type": "interaction.completed", "interaction": {"status": "completed", "usage": USAGE}},
    ]
    scripted.reply(200, chunks=sse(*events))
    with client_of(MODEL).stream_transcription(WAVE, timestamps=["word"]) as stream:
        assert [event.text for event in stream] == ["Hello. ", "How are"]

    assert scripted.sent()["stream"] is True
    assert (stream.response.text, len(stream.response.words), stream.response.segments) == ("Hello. How are", 3, ())
    assert stream.response.usage.total_tokens == 16


def test_a_truncated_stream_of_times_is_an_error(client_of, scripted):
    """
    Without its last event the transcript may be incomplete.
    """
    created = {"event_type": "interaction.created", "interaction": {"id": "v1_x", "status": "in_progress"}}
    delta = {"event_type": "step.delta", "delta": {"type": "text", "text": "Hel"}}
    scripted.reply(200, chunks=sse(created, delta))
    with (
        client_of(MODEL, retries=0).stream_transcription(WAVE, timestamps=["word"]) as stream,
        pytest.raises(StreamInterruptedError),
    ):
        list(stream)


def test_a_failed_interaction_is_an_error(client_of, scripted):
    """
    The error has the message of the interaction.
    """
    scripted.reply(200, interaction("failed") | {"errors": [{"code": "bad_audio", "message": "Damaged."}]})
    with pytest.raises(ProviderError, match="failed: Damaged") as caught:
        client_of(MODEL).transcribe(WAVE, timestamps=["word"])
    assert caught.value.code == "bad_audio"


def read(client, *, streaming, **options):
    """
    Ask for a transcript, complete or streamed.
    """
    if not streaming:
        return client.transcribe(WAVE, **options)
    with client.stream_transcription(WAVE, **options) as stream:
        list(stream)
    return stream.response


@pytest.mark.parametrize("streaming", [False, True])
def test_a_truncated_transcript_says_so(client_of, scripted, streaming):
    """
    A reply that reached the token limit is returned with that reason.
    """
    payload = reply(text("Hello the"), finish="MAX_TOKENS")
    scripted.reply(200, chunks=sse(payload, done=False) if streaming else [json.dumps(payload).encode()])

    response = read(client_of(MODEL), streaming=streaming)

    assert (response.text, response.finish_reason) == ("Hello the", "length")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_truncated_interaction_says_so(client_of, scripted, streaming):
    """
    So does a transcript with times.
    """
    payload = interaction("incomplete", WORDS)
    events = sse({"event_type": "interaction.completed", "interaction": payload}, done=False)
    scripted.reply(200, chunks=events if streaming else [json.dumps(payload).encode()])

    response = read(client_of(MODEL), streaming=streaming, timestamps=["word"])

    assert response.finish_reason == "length"
