"""Transcripts at the command line, and as subtitles."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from functools import partial

import pytest

from budwood.errors import BadResponseError
from budwood.providing import make_wave_header
from budwood.types import TranscriptionResponse, TranscriptSegment, TranscriptWord
from budwood_cli.subtitles import to_lines, to_srt, to_vtt
from tests.plugins.cli.conftest import COMMAND

TEXT = "One two. Three?"
TRANSCRIBE = ("transcribe", "-m", "offline/transcription")


@pytest.fixture
def speech(budwood):
    """
    A WAV with a text.
    """
    budwood("speak", "-m", "offline/speech", TEXT, "-o", "speech.wav")
    return "speech.wav"


@pytest.mark.one_python
def test_the_text_goes_to_standard_output(budwood, speech):
    """
    Standard output is the text, ended by a newline.
    """
    run = budwood(*TRANSCRIBE, speech)

    assert (run.returncode, run.stdout, run.stderr) == (0, f"{TEXT}\n", "")


@pytest.mark.one_python
def test_text_is_printed_as_it_arrives(started, server, speech):
    """
    The beginning is printed before the vendor has sent the rest.
    """
    is_read = threading.Event()
    server.fault = lambda _number, _request: partial(stream_text, is_read)
    process = started("transcribe", "-m", "local/whisper", speech)
    try:
        assert process.stdout.read(4) == b"One ", process.stderr.read()
    finally:
        is_read.set()

    assert process.stdout.read().decode() == "two.\n".replace("\n", os.linesep)
    assert process.wait() == 0


@pytest.mark.one_python
def test_audio_may_come_from_standard_input(speech, tmp_path):
    """
    The argument - is standard input.
    """
    content = (tmp_path / speech).read_bytes()

    run = subprocess.run([*COMMAND, *TRANSCRIBE, "-"], input=content, capture_output=True, check=False)

    assert (run.returncode, run.stdout.decode().strip()) == (0, TEXT)


@pytest.mark.one_python
def test_formats_have_times(budwood, speech, tmp_path):
    """
    Subtitles ask for the times of segments; JSON has those that were asked for.
    """
    subtitles = budwood(*TRANSCRIBE, speech, "--format", "srt", "-o", "speech.srt")
    reply = json.loads(budwood(*TRANSCRIBE, speech, "--json", "--timestamps", "word").stdout)

    assert (subtitles.returncode, subtitles.stdout) == (0, "")
    assert (tmp_path / "speech.srt").read_text("utf-8") == (
        "1\n00:00:00,000 --> 00:00:00,480\nOne two.\n\n2\n00:00:00,540 --> 00:00:00,900\nThree?\n"
    )
    assert (reply["text"], reply["seconds"], reply["segments"]) == (TEXT, 0.9, [])
    assert reply["words"][0] == {"word": "One", "start": 0.0, "end": 0.18}


@pytest.mark.one_python
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("speech.wav", "--format", "doc"), "text, json, srt, vtt"),
        ((), "No audio given"),
        (("speech.wav", "-f", "other.wav"), "Only one file"),
        (("speech.wav", "--timestamps", "letter"), "segment or word"),
        (("none.wav",), "none.wav"),
    ],
)
def test_invalid_arguments_are_usage_errors(budwood, arguments, message):
    """
    The error names what is possible, or the file that does not exist.
    """
    run = budwood(*TRANSCRIBE, *arguments)

    assert run.returncode == 2
    assert message in run.stderr


@pytest.mark.one_python
def test_a_model_that_does_not_translate_is_an_error(budwood, speech):
    """
    --translate needs a model that can, and the error says what to do without one.
    """
    run = budwood(*TRANSCRIBE, speech, "--translate")

    assert run.returncode == 1
    assert "does not translate speech" in run.stderr


def test_words_become_subtitles_of_a_few_seconds():
    """
    Without segments, words are grouped; a pause of hours is written as such.
    """
    times = (0.0, 2.0, 4.0, 7.0, 3661.5)
    words = tuple(TranscriptWord(word=f"w{start:g}", start=start, end=start + 0.5) for start in times)

    assert to_vtt(TranscriptionResponse(text="…", words=words)) == (
        "WEBVTT\n"
        "\n00:00:00.000 --> 00:00:04.500\nw0 w2 w4\n"
        "\n00:00:07.000 --> 00:00:07.500\nw7\n"
        "\n01:01:01.500 --> 01:01:02.000\nw3661.5\n"
    )


def test_text_cannot_break_subtitles():
    """
    Blank lines are removed, and markup is escaped.
    """
    segments = (TranscriptSegment(text="a\n\n2 <b> & --> c", start=0, end=1, speaker="A"),)
    response = TranscriptionResponse(text="…", segments=segments)

    assert to_vtt(response).splitlines()[3:] == ["A: a", "2 &lt;b&gt; &amp; --&gt; c"]
    assert to_srt(response).splitlines()[2:] == ["A: a", "2 <b> & --> c"]


def test_subtitles_need_times():
    """
    A transcript without times is an error that says what to do; one without text has no subtitles.
    """
    with pytest.raises(BadResponseError, match="has no times"):
        to_srt(TranscriptionResponse(text="Hello"))

    assert to_srt(TranscriptionResponse(text="")) == ""


@pytest.mark.parametrize(
    ("times", "expected"), [(["word"], "b c"), (["segment"], "a b c"), (["segment", "word"], "b c")]
)
def test_text_has_the_times_that_were_asked_for(times, expected):
    """
    A line for each word, else for each segment.
    """
    response = TranscriptionResponse(
        text="a b c",
        segments=(TranscriptSegment(text="a\nb c", start=0.0, end=1.5),),
        words=tuple(TranscriptWord(word=word, start=1.0, end=1.25) for word in "bc"),
    )

    lines = to_lines(response, times).splitlines()

    assert " ".join(line.partition("  ")[2] for line in lines) == expected
    assert {line.partition("  ")[0] for line in lines} == {
        "00:00:01.000 --> 00:00:01.250" if "word" in times else "00:00:00.000 --> 00:00:01.500"
    }


@pytest.mark.one_python
def test_times_without_json_are_printed(budwood, speech):
    """
    What was asked for, and paid for, is shown.
    """
    run = budwood(*TRANSCRIBE, speech, "--timestamps", "word")

    assert run.returncode == 0
    assert [line.partition("  ")[2] for line in run.stdout.splitlines()] == TEXT.split()


@pytest.mark.one_python
def test_transcript_without_times_is_printed(budwood, server, tmp_path):
    """
    It is paid for. The file of the subtitles stays as it was.
    """
    (tmp_path / "a.wav").write_bytes(make_wave_header(8) + bytes(8))
    (tmp_path / "a.srt").write_text("old")
    server.fault = lambda _number, _request: lambda handler: handler.send(200, {"text": "Hello world."})

    run = budwood("transcribe", "-m", "local/any", "a.wav", "--format", "srt", "-o", "a.srt", "--force")

    assert (run.returncode, run.stdout) == (6, "Hello world.\n")
    assert "error: local: The reply has no times" in run.stderr
    assert (tmp_path / "a.srt").read_text() == "old"


def stream_text(is_read, handler):
    """
    Send a transcript whose second half follows once the first one was read.
    """
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    handler.wfile.write(b'data: {"type": "transcript.text.delta", "delta": "One "}\n\n')
    handler.wfile.flush()
    is_read.wait()
    handler.wfile.write(b'data: {"type": "transcript.text.delta", "delta": "two."}\n\n')
    handler.wfile.write(b'data: {"type": "transcript.text.done", "text": "One two."}\n\ndata: [DONE]\n\n')
