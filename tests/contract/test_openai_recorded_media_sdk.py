"""OpenAI's SDK and Budwood decode the same recorded images, speech and transcripts of a local server equally."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

import pytest

from budwood.errors import ProviderError
from budwood.providing import repair_wave
from budwood.types import TranscriptDelta
from tests.contract import media_recordings, recorded, sdk, sdk_media
from tests.contract.sdk_media import WAVE
from tests.servers import reply

openai = sdk.import_sdk("openai", "openai")

SPOKEN = ("hello.wav", WAVE, "audio/wav")


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return openai.OpenAI(api_key="sk-test", base_url=url, max_retries=0)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    return sdk_media.make_client(openai={"base_url": url, "api_key": "sk-test"})


def transcribe_with_sdk(client):
    """
    Return the text of a transcript; subtitles as the SDK returns them.
    """
    answer = client.audio.transcriptions.create(file=SPOKEN, model="gpt-4o-transcribe")
    return (answer if isinstance(answer, str) else answer.text).strip()


def transcribe_with_budwood(client):
    """
    Return the text of a transcript; subtitles as they were received.
    """
    response = client.transcribe(WAVE, model="openai/gpt-4o-transcribe")
    return (response.raw if isinstance(response.raw, str) else response.text).strip()


def stream_transcript_with_sdk(client):
    """
    Return the parts of a transcript, and the complete text.
    """
    events = list(client.audio.transcriptions.create(file=SPOKEN, model="gpt-4o-transcribe", stream=True))
    parts = [event.delta for event in events if event.type == "transcript.text.delta"]
    return parts, events[-1].text.strip()


def stream_transcript_with_budwood(client):
    """
    Return the parts of a transcript, and the complete text.
    """
    with client.stream_transcription(WAVE, model="openai/gpt-4o-transcribe") as stream:
        parts = [event.text for event in stream if isinstance(event, TranscriptDelta)]
        return parts, stream.response.text


def stream_speech_with_sdk(client):
    """
    Return the audio of events, which the SDK does not decode.
    """
    options = {"model": "gpt-4o-mini-tts", "input": "Hello", "voice": "coral", "stream_format": "sse"}
    lines = client.audio.speech.create(**options).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    return b"".join(base64.b64decode(event.get("audio", "")) for event in events)


def stream_speech_with_budwood(client):
    """
    Return the audio of a stream.
    """
    with client.stream_speech("Hello", model="openai/gpt-4o-mini-tts", voice="coral") as stream:
        return b"".join(event.data for event in stream)


def make_images_with_sdk(client):
    """
    Return the images of a reply.
    """
    rows = client.images.generate(model="gpt-image-2", prompt="a cat").data
    return [base64.b64decode(row.b64_json) if row.b64_json else row.url for row in rows]


def make_images_with_budwood(client):
    """
    Return the images of a reply; their URLs are not fetched.
    """
    response = client.image("a cat", model="openai/gpt-image-2", download=False)
    return [image.data or image.url for image in response.images]


def speak_with_sdk(client):
    """
    Return audio as it was received, but that of a WAV file without its header, which may have wrong sizes.
    """
    return drop_header(repair_wave(client.audio.speech.create(model="tts-1", input="Hello", voice="coral").content))


def speak_with_budwood(client):
    """
    Return audio, but that of a WAV file without its header, which Budwood adds to samples.
    """
    return drop_header(client.speak("Hello", model="openai/tts-1", voice="coral").audio.data)


def drop_header(audio):
    """
    Return the samples of a WAV file, and any other content unchanged.
    """
    return audio.partition(b"data")[2][4:] if audio.startswith(b"RIFF") else audio


ASKED = {
    "/images/generations": (make_images_with_sdk, make_images_with_budwood),
    "/images/edits": (make_images_with_sdk, make_images_with_budwood),
    "/audio/speech": (speak_with_sdk, speak_with_budwood),
    "/audio/speech streamed": (stream_speech_with_sdk, stream_speech_with_budwood),
    "/audio/transcriptions": (transcribe_with_sdk, transcribe_with_budwood),
    "/audio/transcriptions streamed": (stream_transcript_with_sdk, stream_transcript_with_budwood),
}
"""How both ask, by the path of the recorded request."""


@pytest.mark.parametrize(
    ("file", "number"),
    [
        case
        for path in ("/images/generations", "/images/edits", "/audio/speech", "/audio/transcriptions")
        for case in media_recordings.list_exchanges("openai-media", path=path)
    ],
)
@pytest.mark.usefixtures("shared_folder")
def test_recorded_replies_are_decoded_equally(shared_server, sdk_client, budwood_client, file, number):
    """
    Images, audio, texts and errors of recorded replies are equal, and so are streams.
    """
    one = recorded.read_exchanges(file)[number]
    content_type = media_recordings.content_type(one.response)
    path = urlsplit(one.request.url).path.removeprefix("/v1")
    if content_type.startswith("text/event-stream"):
        path += " streamed"
    served = reply(one.response.status, one.response.body, content_type=content_type)
    shared_server.clear_replies().play(served, times=2)
    ask_sdk, ask_budwood = ASKED[path]
    if one.response.status >= 400:
        with pytest.raises(openai.APIStatusError) as sdk_error:
            ask_sdk(sdk_client)
        with pytest.raises(ProviderError) as error:
            ask_budwood(budwood_client)
        assert error.value.status == sdk_error.value.status_code
        assert " ".join(sdk_error.value.body["message"].split())[:200] in str(error.value)
    else:
        assert ask_budwood(budwood_client) == ask_sdk(sdk_client)
