"""Streams of media: saved while they arrive, and of vendors that do not stream."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import sys
import threading
import wave
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from budwood import AsyncClient, Client
from budwood.errors import RateLimitError, StreamInterruptedError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.providing import make_wave_header, repair_wave
from budwood.types import (
    AudioDelta,
    Capability,
    GeneratedAudio,
    GeneratedImage,
    HTTPCall,
    ImageArrived,
    ImageResponse,
    MediaCompleted,
    SpeechResponse,
    TranscriptDelta,
    TranscriptionResponse,
)
from tests.plugins.testing.mutants.registering import registry_of

SAMPLES = bytes(range(200)) * 8
WAVE = make_wave_header(len(SAMPLES)) + SAMPLES
LYING = make_wave_header(0xFFFFFFFF - 36)

PNG = b"\x89PNG\r\n\x1a\n"


class Settings(BaseModel):
    api_key: SecretStr | None = None


class Whole:
    """
    A vendor of media without streams.
    """

    capabilities = frozenset({Capability.IMAGES, Capability.SPEECH, Capability.TRANSCRIPTION, Capability.STREAM})

    def __init__(self, settings, context):
        self.context = context

    def authorize(self, call, credential):
        return call

    def error(self, reply):
        return RateLimitError(f"HTTP {reply.status}", status=reply.status)

    def _encode(self, request, *, stream):
        return HTTPCall(method="POST", url="https://acme.example/media", body=b"stream" if stream else b"whole")

    encode_image = encode_speech = encode_transcription = _encode

    def decode_image(self, request, reply):
        return ImageResponse(images=(GeneratedImage(data=reply.body, media_type="image/png"),))

    def decode_speech(self, request, reply):
        return SpeechResponse(audio=GeneratedAudio(data=reply.body, media_type="audio/wav"))

    def decode_transcription(self, request, reply):
        return TranscriptionResponse(text=reply.body.decode())


class SpeechDecoder:
    """
    Yields audio as it arrives. The complete reply has a valid header, also that of samples.
    """

    def __init__(self):
        self._content = b""

    def feed(self, data):
        self._content += data
        return [AudioDelta(data)]

    def close(self):
        if not self._content.endswith(b"\xc7"):
            raise StreamInterruptedError("The audio is not complete.")
        content = self._content
        if not content.startswith(b"RIFF"):
            content = make_wave_header(len(content)) + content
        audio = GeneratedAudio(data=repair_wave(content), media_type="audio/wav")
        return [MediaCompleted(SpeechResponse(audio=audio))]


class ImageDecoder:
    """
    Yields an unfinished image, then the complete one.
    """

    def feed(self, data):
        image = GeneratedImage(data=data, media_type="image/png")
        if data.startswith(b"half"):
            return [ImageArrived(image, partial=True)]
        return [ImageArrived(image), MediaCompleted(ImageResponse(images=(image,)))]

    def close(self):
        return []


class Streaming(Whole):
    """
    A vendor that streams.
    """

    def speech_decoder(self, request, head):
        return SpeechDecoder()

    def image_decoder(self, request, head):
        return ImageDecoder()


def registry(provider):
    """
    Return a registry with a provider.
    """
    spec = ProviderSpec(
        name="acme",
        settings=lambda: Settings,
        build=provider,
        requires_api=(2, 0),
        summary="A vendor of media.",
        capabilities=provider.capabilities,
    )
    return registry_of(PROVIDER, spec, "acme")


@pytest.fixture
def client_of(scripted, clock):
    """
    Make a client of a provider.
    """
    clients = []

    def make(provider):
        clients.append(Client("acme/m", registry=registry(provider), api_key="k", transport=scripted, clock=clock))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def read_wave(content):
    """
    Return the samples of a WAV whose header states their size.
    """
    assert int.from_bytes(content[4:8], "little") == len(content) - 8
    with wave.open(io.BytesIO(content)) as file:
        return file.readframes(file.getnframes())


@pytest.mark.parametrize("start", [LYING, b""], ids=["lying header", "samples without a header"])
def test_saved_audio_has_a_valid_header(client_of, scripted, tmp_path, start):
    """
    The header of streamed audio cannot know its size, and samples have none: the saved file has a valid one.
    """
    scripted.reply(chunks=[start + SAMPLES[:500], SAMPLES[500:]])

    with client_of(Streaming).stream_speech("Hello") as stream:
        path = stream.save(tmp_path / "speech.wav")

    assert read_wave(path.read_bytes()) == SAMPLES
    assert path.read_bytes() == stream.response.audio.read()
    assert not list(tmp_path.glob(".speech*"))


def test_audio_is_yielded_as_it_arrives(client_of, scripted):
    """
    `audio` yields the bytes of the vendor, unchanged.
    """
    scripted.reply(chunks=[LYING + SAMPLES[:500], SAMPLES[500:]])

    with client_of(Streaming).stream_speech("Hello") as stream:
        blocks = list(stream.audio())

    assert blocks == [LYING + SAMPLES[:500], SAMPLES[500:]]


def test_an_interrupted_stream_leaves_the_old_file(client_of, scripted, tmp_path):
    """
    A file is replaced once its stream is complete; if that fails, nothing of it remains.
    """
    path = tmp_path / "speech.wav"
    path.write_bytes(b"old")
    scripted.reply(chunks=[SAMPLES[:500]])

    with client_of(Streaming).stream_speech("Hello") as stream, pytest.raises(StreamInterruptedError):
        stream.save(path)

    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(".speech*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in the file system")
def test_a_pipe_receives_audio_as_it_arrives(client_of, scripted, tmp_path):
    """
    A pipe, as that of a player, is written directly, with the bytes of the vendor.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    scripted.reply(chunks=[LYING + SAMPLES[:500], SAMPLES[500:]])

    with client_of(Streaming).stream_speech("Hello") as stream:
        stream.save(pipe)
    reader.join()

    assert received == [LYING + SAMPLES]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_last_state_of_an_image_is_saved(client_of, scripted, tmp_path):
    """
    Unfinished images are events, and the file has the complete one.
    """
    scripted.reply(chunks=[PNG[:9], PNG])

    with client_of(Streaming).stream_image("A boat") as stream:
        path = stream.save(tmp_path / "boat.png")

    assert path.read_bytes() == PNG


def test_a_vendor_without_streams_yields_one_event(client_of, scripted):
    """
    The vendor is asked for a complete reply, which is one event.
    """
    client = client_of(Whole)
    events = []
    for stream_of in (client.stream_image, client.stream_speech, client.stream_transcription):
        scripted.reply(200, {client.stream_image: PNG, client.stream_speech: WAVE}.get(stream_of, b"content"))
        with stream_of("Hello" if stream_of != client.stream_transcription else WAVE) as stream:
            events += stream
            assert stream.response.attempts[0].status == 200

    assert [call.body for call in scripted.calls] == [b"whole"] * 3
    image, audio, text = events
    assert (image.image.data, image.partial) == (PNG, False)
    assert (audio, text) == (AudioDelta(WAVE), TranscriptDelta("content"))


def test_transcripts_are_saved_as_text(client_of, scripted, tmp_path):
    """
    `text_deltas` yields the text, and the file has it in UTF-8.
    """
    scripted.reply(200, "Grüße".encode()).reply(200, "Grüße".encode())
    client = client_of(Whole)

    with client.stream_transcription(WAVE) as stream:
        assert list(stream.text_deltas()) == ["Grüße"]
    with client.stream_transcription(WAVE) as stream:
        path = stream.save(tmp_path / "text.txt")

    assert path.read_text("utf-8") == "Grüße"


def test_async_streams_are_saved(scripted, clock, tmp_path):
    """
    The async client saves streams in the same way, and yields audio and text.
    """
    scripted.reply(chunks=[LYING + SAMPLES[:500], SAMPLES[500:]]).reply(chunks=[SAMPLES])

    async def run():
        client = AsyncClient(
            "acme/m", registry=registry(Streaming), api_key="k", transport=scripted.asynchronous, clock=clock
        )
        async with client:
            async with client.stream_speech("Hello") as stream:
                path = await stream.save(tmp_path / "speech.wav")
            async with client.stream_speech("Hello") as stream:
                return path, [block async for block in stream.audio()]

    path, blocks = asyncio.run(run())

    assert read_wave(path.read_bytes()) == SAMPLES
    assert blocks == [SAMPLES]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_saved_media_have_usual_permissions(tmp_path):
    """
    A new file has the permissions that the process gives to its files, and a device is not replaced.
    """
    media = GeneratedImage(data=b"image", media_type="image/png")
    (tmp_path / "usual").write_bytes(b"")

    path = media.save(tmp_path / "a.png")
    media.save(os.devnull)

    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_folder_is_no_file(tmp_path):
    """
    The error for a folder names it.
    """
    with pytest.raises(IsADirectoryError) as caught:
        GeneratedImage(data=b"image", media_type="image/png").save(tmp_path)

    assert caught.value.filename == str(tmp_path)
