"""Arguments of calls for media that cannot be meant: each is an error before anything is sent, with a cure."""

from __future__ import annotations

import pytest

from budwood import Audio, Client, ConfigurationError, Image, PromptError, UnsupportedError
from budwood.engine.caching.keys import key_of
from budwood.errors import CredentialError
from budwood.plugins.first_party import install_hint
from budwood.types import AnyMedia, ChatRequest, ChatResponse, DocumentPart, ImagePart, Message
from budwood_testing import ScriptedTransport
from tests.media_server import PNG


@pytest.fixture
def client():
    """
    Return a client whose models run without a network.
    """
    with Client("offline/image", cache=False) as made:
        yield made


@pytest.mark.parametrize("file", [b"text", b"%PDF-1.4\n"])
def test_a_file_of_another_kind_is_refused(client, file):
    """
    The error says what the content is, and what is needed.
    """
    with pytest.raises(PromptError, match=r", not an image. Pass an image\."):
        client.edit_image("Make it blue", file)


def test_a_part_of_another_kind_is_refused(client):
    """
    An image is not transcribed.
    """
    with pytest.raises(PromptError, match=r"ImagePart\. Pass audio\."):
        client.transcribe(Image(data=PNG, media_type="image/png"), model="offline/transcription")


def test_no_audio_is_refused(client):
    """
    None is no audio, and the error says what to pass.
    """
    with pytest.raises(PromptError, match="Pass a path, a URL"):
        client.transcribe(None, model="offline/transcription")


def test_a_single_kind_of_timestamps_is_accepted(client):
    """
    `timestamps="word"` means the same as a list with this one.
    """
    audio = client.speak("Buds grow.", model="offline/speech").audio

    reply = client.transcribe(audio, model="offline/transcription", timestamps="word")

    assert [word.word for word in reply.words] == ["Buds", "grow."]


@pytest.mark.parametrize("lane", ["fast", None])
def test_unknown_lane_is_refused(client, lane):
    """
    The error lists the lanes.
    """
    with pytest.raises(ConfigurationError, match=r'Invalid lane.*"batch", "live" or "auto"'):
        client.batch(["Hi"], model="offline/extractive", lane=lane)


def test_preset_without_the_service_names_the_plugin_to_install():
    """
    If a preset is used for a vendor whose plugin is not installed, the cure is the plugin, not the same model again.
    """
    settings = {"providers": {"xai": {"plugin": "openai-compatible", "base_url": "https://api.x.ai/v1"}}}
    transport = ScriptedTransport()
    made = Client("xai/grok-imagine-video", api_key="test-key-123", settings=settings, transport=transport)
    with made, pytest.raises(UnsupportedError, match="does not generate videos") as caught:
        made.video("A boat")

    assert caught.value.hint == install_hint("budwood-xai")
    assert transport.calls == []


def test_vendors_that_take_images_are_named(client):
    """
    The hint has names of vendors, not patterns.
    """
    with pytest.raises(UnsupportedError, match="one of anthropic, gemini, groq") as caught:
        client.ask("What is it?", model="offline/extractive", files=[PNG])

    assert "*" not in str(caught.value)


def test_vendor_without_files_has_a_cure(client):
    """
    The hint says how a file reaches the model.
    """
    with pytest.raises(UnsupportedError, match=r"does not store files.*files=\[…\]"):
        client.files.list()


@pytest.mark.parametrize("arguments", [("boat.png",), ()])
def test_media_without_a_named_source_are_refused(arguments):
    """
    The error lists the sources. A text alone could be a path or a URL.
    """
    with pytest.raises(TypeError, match=r"Image takes its source by name: Image\(path=…\)"):
        Image(*arguments)


def test_reply_in_place_of_its_media_is_refused(client):
    """
    The hint says where the media are.
    """
    with pytest.raises(PromptError, match=r"SpeechResponse. Pass reply\.audio\."):
        client.transcribe(client.speak("Hi", model="offline/speech"), model="offline/transcription")
    with pytest.raises(PromptError, match=r"ImageResponse. Pass reply\.image\."):
        client.edit_image("Make it blue", client.image("A boat"))


def test_reply_of_a_chat_in_place_of_its_media_is_refused(client):
    """
    A reply with media has a hint of its own; one of text alone has the usual one.
    """
    text = ChatResponse(message=Message.assistant("Hi"), finish_reason="stop")
    part = ImagePart(data=PNG, media_type="image/png")
    drawn = ChatResponse(message=Message(role="assistant", parts=(part,)), finish_reason="stop")
    with pytest.raises(PromptError, match=r"Pass reply\.media\[0\]\."):
        client.edit_image("Make it blue", drawn)
    with pytest.raises(PromptError, match="Pass a path, a URL"):
        client.edit_image("Make it blue", text)


@pytest.mark.parametrize("timestamps", ["nonsense", ["word", "nonsense"], 5, [[]]])
def test_unknown_timestamps_are_refused(client, timestamps):
    """
    The error lists the values.
    """
    with pytest.raises(ConfigurationError, match=r'Invalid timestamps .*Pass "segment", "word"'):
        client.transcribe(Audio(data=b"RIFF"), model="offline/transcription", timestamps=timestamps)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.ask("Hi"),
        lambda client: client.stream("Hi"),
        lambda client: client.chat().stream("Hi"),
        lambda client: client.check(),
        lambda client: client.ask_many(["Hi"]).in_order(),
        lambda client: client.stream_completion("Hi"),
        lambda client: client.stream_speech("Hi"),
    ],
)
def test_what_a_model_cannot_do_is_reported_before_a_missing_key(call):
    """
    A key would not help.
    """
    made = Client("openai/gpt-image-1", transport=ScriptedTransport(), cache=False)
    with made, pytest.raises(UnsupportedError):
        call(made)


def test_streams_without_a_key_are_refused_at_once():
    """
    The error does not wait for the first read.
    """
    with Client("openai/gpt-image-1", transport=ScriptedTransport(), cache=False) as made:
        with pytest.raises(CredentialError, match="no API key"):
            made.stream("Hi", model="openai/gpt-5.1")
        with pytest.raises(CredentialError, match="no API key"):
            made.stream_image("A boat")


def test_name_of_an_image_does_not_change_its_cache_key():
    """
    Models see the names of documents only.
    """

    def key(part: AnyMedia) -> str:
        request = ChatRequest(model="m", messages=(Message(role="user", parts=(part,)),))
        return key_of("n", "e", "chat", request)

    image, document = ImagePart(data=PNG, name="a.png"), DocumentPart(data=b"%PDF-1.4", name="a.pdf")

    assert key(image) == key(image.model_copy(update={"name": "b.png"}))
    assert key(document) != key(document.model_copy(update={"name": "b.pdf"}))
