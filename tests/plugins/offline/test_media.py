"""Images, speech and transcripts of the offline provider."""

from __future__ import annotations

import asyncio
import io
import itertools
import math
import struct
import wave
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budwood import AsyncClient, Client
from budwood.errors import InvalidRequestError, NotFoundError, PromptError, UnsupportedError
from budwood.types import AudioDelta, ImageArrived
from budwood_offline.font import draw_line, to_font

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def painter():
    """
    A client of the model for images.
    """
    with Client("offline/image") as client:
        yield client


@pytest.fixture
def speaker():
    """
    A client of the model for speech.
    """
    with Client("offline/speech") as client:
        yield client


def chunks(png):
    """
    Return the chunks of a PNG by name, whose checksums are valid.
    """
    assert png.startswith(PNG)
    found, place = {}, len(PNG)
    while place < len(png):
        (size,) = struct.unpack_from(">I", png, place)
        name, data = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", png, place + 8 + size)[0] == zlib.crc32(name + data)
        found[name] = data
        place += size + 12
    return found


def rows_of(png):
    """
    Return the rows of pixels of a PNG with a colour table.
    """
    found = chunks(png)
    width, height = struct.unpack_from(">II", found[b"IHDR"])
    pixels = zlib.decompress(found[b"IDAT"])
    assert len(pixels) == (width + 1) * height
    return [pixels[start + 1 : start + 1 + width] for start in range(0, len(pixels), width + 1)]


def test_an_image_shows_its_prompt(painter):
    """
    The picture contains the letters of the prompt, enlarged, and the prompt as text.
    """
    image = painter.image("Hi", size="100x60").image

    rows = rows_of(image.read())
    letters = draw_line("Hi", 3)
    assert any(
        [row[left : left + len(letters[0])] for row in rows[top : top + len(letters)]] == letters
        for top in range(60 - len(letters) + 1)
        for left in range(40)
    )
    assert chunks(image.read())[b"iTXt"].endswith(b"\0Hi")
    assert (image.media_type, image.width, image.height) == ("image/png", 100, 60)


@pytest.mark.parametrize(
    ("size", "expected"), [(None, (512, 512)), ("64x32", (64, 32)), ("16:9", (512, 288)), ("1:2", (256, 512))]
)
def test_sizes_are_pixels_or_aspect_ratios(painter, size, expected):
    """
    A size is WIDTHxHEIGHT, or an aspect ratio with 512 pixels on the longer side.
    """
    image = painter.image("A boat", **({"size": size} if size else {})).image

    assert (image.width, image.height) == expected
    assert len(rows_of(image.read())) == expected[1]


@pytest.mark.parametrize("options", [{"size": "15x64"}, {"size": "64x2049"}, {"size": "1:300"}, {"n": 17}])
def test_impossible_images_are_rejected(painter, options):
    """
    A size or number out of bounds is an error that names what is possible.
    """
    with pytest.raises(InvalidRequestError, match=r"Pass .* to "):
        painter.image("A boat", **options)


def test_several_images_differ_and_are_repeatable(painter):
    """
    Images of one reply differ; the same request gives the same bytes, and another seed other ones.
    """
    first = [image.read() for image in painter.image("A boat", n=3, seed=1).images]
    again = [image.read() for image in painter.image("A boat", n=3, seed=1).images]
    other = painter.image("A boat", n=3, seed=2)

    assert len(set(first)) == 3
    assert first == again
    assert other.image.seed == 2
    assert other.image.read() not in first


def test_changed_images_are_named(painter, tmp_path):
    """
    A picture of an edit names the images and the mask, and their sizes.
    """
    file = tmp_path / "boat.png"
    painter.image("A boat").save(file)

    mask = painter.image("Mask").image
    old, size = file.stat().st_size, len(mask.read())

    image = painter.edit_image("Make it red", [file], mask=mask).image

    text = chunks(image.read())[b"iTXt"].decode()
    assert text.endswith(f"Make it red\n(changes boat.png, {old:,} bytes)\n(within an image, {size:,} bytes)")


@settings(max_examples=50, deadline=None)
@given(
    prompt=st.text(min_size=1, max_size=400).filter(str.strip), width=st.integers(16, 300), height=st.integers(16, 90)
)
def test_any_prompt_fits_any_picture(prompt, width, height):
    """
    Each text gives a valid picture of the size that was asked for; what does not fit is cut.
    """
    with Client("offline/image") as client:
        rows = rows_of(client.image(prompt, size=f"{width}x{height}").image.read())

    assert [len(row) for row in rows] == [width] * height


def test_letters_without_a_shape_become_boxes():
    """
    Accents are removed, and letters of other scripts are drawn as boxes.
    """
    assert to_font("Caf\u00e9 \u2013 \u201c\u03a9\u201d") == 'Cafe - "\x7f"'


def test_unused_parameters_are_adaptations(painter, speaker):
    """
    What the provider does not use is reported, and an error if that is asked for.
    """
    reply = painter.image("A boat", quality="high", format="jpeg", size="1K")
    speech = speaker.speak("Hi", voice="alloy", format="mp3", instructions="Slowly.")

    assert {item.parameter for item in reply.adaptations} == {"quality", "format", "size"}
    assert {item.parameter for item in speech.adaptations} == {"voice", "format", "instructions"}
    with pytest.raises(UnsupportedError, match="quality"):
        painter.image("A boat", quality="high", on_unsupported="error")


def test_speech_is_audible(speaker):
    """
    Speech is a WAV with a tone for each letter, silence for spaces, and the duration that the reply states.
    """
    audio = speaker.speak("a b").audio

    with wave.open(io.BytesIO(audio.read())) as file:
        samples = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
        assert file.getnframes() / file.getframerate() == audio.seconds
    third = len(samples) // 3
    loudness = [max(map(abs, samples[place : place + third])) for place in (0, third, 2 * third)]
    assert loudness[1] == 0
    assert min(loudness[0], loudness[2]) > 5000
    assert audio.transcript == "a b"


def test_voices_and_speed_change_the_speech(speaker):
    """
    A high voice has twice the frequency of the middle one, and twice the speed half the duration.
    """
    counts = {}
    for voice in ("middle", "high"):
        data = speaker.speak("a" * 20, voice=voice).audio.read()
        samples = struct.unpack_from(f"<{(len(data) - 200) // 2}h", data, 44)
        counts[voice] = sum(first < 0 <= second for first, second in itertools.pairwise(samples))

    assert math.isclose(counts["high"] / counts["middle"], 2, rel_tol=0.1)
    assert speaker.speak("Hello", speed=2).audio.seconds == speaker.speak("Hello").audio.seconds / 2


@settings(max_examples=50, deadline=None)
@given(text=st.text(min_size=1, max_size=200).filter(str.strip))
def test_a_transcript_is_the_spoken_text(text):
    """
    The transcript of speech is exactly its text, whatever that contains.
    """
    with Client() as client:
        audio = client.speak(text, model="offline/speech").audio

        assert client.transcribe(audio, model="offline/transcription").text == text


def test_words_and_segments_have_their_times(speaker, tmp_path):
    """
    Each letter lasts equally long, so that words and sentences have exact times, also of a file.
    """
    file = speaker.speak("One two. Three?").save(tmp_path / "speech.wav")

    reply = speaker.transcribe(file, model="offline/transcription", timestamps=["word", "segment"])

    assert reply.seconds == pytest.approx(15 * 0.06)
    assert [(word.word, word.start, word.end) for word in reply.words] == [
        ("One", 0.0, 0.18),
        ("two.", 0.24, 0.48),
        ("Three?", 0.54, 0.9),
    ]
    assert [(part.text, part.start, part.end) for part in reply.segments] == [
        ("One two.", 0.0, 0.48),
        ("Three?", 0.54, 0.9),
    ]


@pytest.mark.parametrize(
    "content", [b"RIFF\x04\0\0\0WAVE", b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xff", b"ID3\x04"]
)
def test_other_audio_is_rejected(speaker, content):
    """
    The provider does not recognize speech: audio of others is an error that says so.
    """
    with pytest.raises(InvalidRequestError, match="does not recognize speech"):
        speaker.transcribe(content, model="offline/transcription")


def test_impossible_speech_is_rejected(speaker):
    """
    Texts that are too long or no valid text, and speeds out of bounds, are errors.
    """
    for text, speed in (("a" * 10_001, 1), ("a", 5), ("\ud800", 1)):
        with pytest.raises(InvalidRequestError):
            speaker.speak(text, speed=speed)


def test_missing_files_are_errors(speaker):
    """
    A file that does not exist is an error with its name.
    """
    with pytest.raises(PromptError, match=r"none\.wav"):
        speaker.transcribe("none.wav", model="offline/transcription")
    with pytest.raises(PromptError, match=r"none\.png"):
        speaker.edit_image("Red", "none.png", model="offline/image")


def test_unknown_models_are_errors(speaker):
    """
    The error for a model that does not exist names the models.
    """
    with pytest.raises(NotFoundError, match="offline/image, offline/speech, offline/transcription"):
        speaker.speak("Hi", model="offline/other")


def test_streams_have_one_event():
    """
    A stream of media yields the whole content at once.
    """

    async def read():
        async with AsyncClient("offline/speech") as client, client.stream_speech("Hi") as stream:
            return [event async for event in stream], stream.response.audio.read()

    with Client("offline/image") as client, client.stream_image("A boat") as stream:
        (image,) = stream
    (speech,), content = asyncio.run(read())

    assert isinstance(image, ImageArrived)
    assert image.image == stream.response.image
    assert isinstance(speech, AudioDelta)
    assert speech.data == content


@pytest.mark.parametrize(
    ("model", "method", "hint"),
    [
        ("extractive", "image", "Call client.ask(…), or choose an image model, such as offline/image."),
        ("speech", "image", "Call client.speak(…), or choose an image model, such as offline/image."),
        ("image", "speak", "Call client.image(…), or choose a speech model, such as offline/speech."),
        ("image", "ask", "Call client.image(…), or choose a chat model."),
    ],
)
def test_models_of_another_kind_name_the_call_and_the_model(model, method, hint):
    """
    The error says which call the model is for, and which models offer the service.
    """
    with Client(f"offline/{model}") as client, pytest.raises(UnsupportedError) as caught:
        getattr(client, method)("A boat")

    assert caught.value.hint == hint
