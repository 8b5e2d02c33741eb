"""Media in chat with a server with OpenAI's API, in and out, over both APIs."""

from __future__ import annotations

import base64
import json

import pytest

from budwood import Client
from budwood.errors import UnsupportedError
from budwood.types import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    HTTPReply,
    ImagePart,
    MediaClosed,
    MediaDelta,
    MediaPreview,
    Message,
    ReplyHead,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VideoPart,
)
from budwood_testing import sse
from tests.media import make_wav

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7\n"
OURS = "my-server"
AUDIO = {"id": "audio_1", "data": base64.b64encode(b"ID3sound").decode(), "transcript": "Hello.", "expires_at": 2e9}


def encode(provider, *messages, **options):
    """
    Return the body of a request.
    """
    request = ChatRequest(model="m", messages=messages, **options)
    call = provider.encode(request, stream=False)
    return json.loads(call.body), call


def content(provider, *parts):
    """
    Return the content parts of a user message.
    """
    return encode(provider, Message.user("See", *parts))[0]["messages"][0]["content"][1:]


def data_url(media_type, data):
    """
    Return a data URL.
    """
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def test_media_of_chat_completions(new_provider):
    """
    Each kind has its own content part; the type of bytes without one is detected.
    """
    parts = content(
        new_provider(),
        ImagePart(data=PNG, detail="low"),
        AudioPart(data=b"ID3", media_type="audio/mpeg"),
        AudioPart(data=b"RIFF", media_type="audio/x-wav"),
        VideoPart(url="https://files.example/a.mp4"),
        DocumentPart(data=PDF, name="a.pdf"),
        DocumentPart(data=PDF, media_type="application/pdf"),
        DocumentPart(file_id="file-1"),
    )

    assert parts == [
        {"type": "image_url", "image_url": {"url": data_url("image/png", PNG), "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"ID3").decode(), "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"RIFF").decode(), "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://files.example/a.mp4"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url("application/pdf", PDF)}},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": data_url("application/pdf", PDF)}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        AudioPart(url="https://files.example/a.mp3"),
        AudioPart(file_id="file-1"),
        DocumentPart(url="https://files.example/a.pdf"),
        ImagePart(file_id="file-1"),
    ],
    ids=["audio URL", "audio id", "document URL", "image id"],
)
def test_sources_that_chat_completions_does_not_take(new_provider, part):
    """
    The encoder refuses them, and the sources that the provider states do not include them.
    """
    provider = new_provider()
    request = ChatRequest(model="m", messages=(Message.user("See", part),))

    with pytest.raises(UnsupportedError, match="does not take"):
        provider.encode(request, stream=False)
    source = "url" if part.url else "file"
    assert source not in provider.media_sources(request, part.type)


def test_media_of_responses(new_provider):
    """
    Images and documents come from bytes, a URL or an id.
    """
    provider = new_provider(api="responses")
    body, _ = encode(
        provider,
        Message.user(
            "See",
            ImagePart(data=PNG, detail="high"),
            ImagePart(file_id="file-1"),
            DocumentPart(data=PDF, name="a.pdf"),
            DocumentPart(url="https://files.example/a.pdf"),
            DocumentPart(file_id="file-2"),
        ),
    )

    assert body["input"][0]["content"][1:] == [
        {"type": "input_image", "image_url": data_url("image/png", PNG), "detail": "high"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": data_url("application/pdf", PDF)},
        {"type": "input_file", "file_url": "https://files.example/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
    ]
    with pytest.raises(UnsupportedError, match="does not take audio"):
        encode(provider, Message.user("Hear", AudioPart(data=b"ID3")))


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (AudioPart(data=b"ID3", media_type="audio/mpeg"), "/chat/completions"),
        (ImagePart(file_id="file-1"), "/responses"),
        (DocumentPart(url="https://files.example/a.pdf"), "/responses"),
        (DocumentPart(data=b"PK", media_type="application/msword"), "/responses"),
        (DocumentPart(data=PDF, media_type="application/pdf"), "/chat/completions"),
    ],
    ids=["audio", "stored image", "document URL", "other document", "PDF"],
)
def test_media_choose_the_api(new_provider, part, path):
    """
    With ``auto``, what only one of the APIs takes chooses it.
    """
    _, call = encode(new_provider(api="auto"), Message.user("See", part))

    assert call.url.endswith(path)


def test_a_path_is_sent_in_blocks(new_provider, tmp_path):
    """
    The body contains the path of a file in place of its content, in both APIs.
    """
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    message = Message.user("See", DocumentPart(path=path, media_type="application/pdf"))
    for api in ("chat", "responses"):
        call = new_provider(api=api).encode(ChatRequest(model="m", messages=(message,)), stream=False)
        assert [part.path for part in call.body if not isinstance(part, bytes)] == [path]


def test_media_in_results_of_tools(new_provider):
    """
    Chat Completions gets them in a user message after all results; Responses gets them in the result.
    """
    messages = (
        Message.user("Go"),
        Message(role="assistant", parts=(ToolCallPart(id="c1", name="get"), ToolCallPart(id="c2", name="get"))),
        Message.tool(
            ToolResultPart(call_id="c1", name="get", content=(DocumentPart(data=PDF, name="a.pdf"),)),
            ToolResultPart(call_id="c2", name="get", content="plain"),
        ),
    )
    body, call = encode(new_provider(), *messages)

    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool", "tool", "user"]
    assert body["messages"][2]["content"] == "The result is the document below."
    assert [part["type"] for part in body["messages"][4]["content"]] == ["text", "file"]
    assert [(one.parameter, one.action) for one in call.adaptations] == [("messages", "changed")]
    body, call = encode(new_provider(api="responses"), *messages)
    assert [part["type"] for part in body["input"][3]["output"]] == ["input_file"]
    assert call.adaptations == ()


def decode(provider, message, **options):
    """
    Decode a reply with a message.
    """
    body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    request = ChatRequest(model="m", messages=(Message.user("Speak"),), **options)
    return provider.decode(request, HTTPReply(ReplyHead(200, {}), json.dumps(body).encode()))


def test_audio_of_a_reply_returns_by_its_id(new_provider):
    """
    Audio is a part with its transcript. As long as the server has it, the next turn refers to it.
    """
    provider = new_provider()
    response = decode(
        provider, {"role": "assistant", "content": None, "audio": AUDIO}, extra={"audio": {"format": "mp3"}}
    )
    (part,) = response.media

    assert (part.data, part.media_type, part.transcript) == (b"ID3sound", "audio/mpeg", "Hello.")
    body, call = encode(provider, Message.user("Speak"), response.message, Message.user("Again"))
    assert body["messages"][1] == {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    assert call.adaptations == ()


@pytest.mark.parametrize(
    "part",
    [
        AudioPart(data=b"x", transcript="Hello.", provider=OURS, vendor_data={"id": "audio_1", "expires_at": 1}),
        AudioPart(data=b"x", transcript="Hello.", provider="gemini"),
    ],
    ids=["expired", "of another vendor"],
)
def test_other_audio_returns_as_its_transcript(new_provider, part):
    """
    Audio that the server does not have is sent as text, and the adaptation says so.
    """
    message = Message(role="assistant", parts=(part,))
    body, call = encode(new_provider(), Message.user("Speak"), message, Message.user("Again"))

    assert body["messages"][1] == {"role": "assistant", "content": "Hello."}
    assert "transcript" in call.adaptations[0].reason
    body, call = encode(new_provider(api="responses"), Message.user("Speak"), message, Message.user("Again"))
    assert body["input"][1] == {"role": "assistant", "content": "Hello."}
    assert "transcript" in call.adaptations[0].reason


def test_samples_of_a_reply_get_a_header(new_provider):
    """
    Audio without a header becomes a WAV file.
    """
    audio = AUDIO | {"data": base64.b64encode(bytes(8)).decode()}
    response = decode(new_provider(), {"content": None, "audio": audio}, extra={"audio": {"format": "pcm16"}})

    assert (response.media[0].media_type, len(response.media[0].data)) == ("audio/wav", 44 + 8)


def test_wrong_sizes_in_the_audio_of_a_reply_are_corrected(new_provider):
    """
    Servers write WAV as a stream, whose sizes they do not know in advance.
    """
    whole = make_wav(0.5)
    broken = whole[:4] + b"\xff" * 4 + whole[8:40] + b"\xff" * 4 + whole[44:]
    reply = {"content": None, "audio": AUDIO | {"data": base64.b64encode(broken).decode()}}
    (audio,) = decode(new_provider(), reply).media

    assert (audio.data, audio.media_type, audio.seconds) == (whole, "audio/wav", 0.5)


def test_streamed_audio(scripted, clock):
    """
    Samples and transcript arrive as deltas, with complete samples; the reply has a WAV file with its id.
    """
    chunks = [
        {"audio": {"id": "audio_1", "transcript": "Hel"}},
        {"audio": {"data": base64.b64encode(b"abc").decode()}},
        {"audio": {"data": base64.b64encode(b"defgh").decode(), "transcript": "lo."}},
        {"audio": {"expires_at": 2_000_000_000}},
    ]
    rows = [{"id": "1", "choices": [{"index": 0, "delta": delta}]} for delta in chunks]
    scripted.reply(chunks=sse(*rows, {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    options = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
    client = Client("openai/gpt-audio", api_key="k", transport=scripted, clock=clock, cache=False)
    with client, client.stream("Speak", extra=options) as stream:
        events = list(stream)
    deltas = [event for event in events if isinstance(event, MediaDelta)]

    assert [event.data for event in deltas] == [b"", b"ab", b"cdefgh"]
    assert {event.media_type for event in deltas} == {"audio/pcm;rate=24000"}
    (part,) = stream.response.media
    assert (part.data[44:], part.transcript, part.media_type) == (b"abcdefgh", "Hello.", "audio/wav")
    assert part.vendor_data == {"id": "audio_1", "expires_at": 2_000_000_000}
    assert scripted.sent(0)["audio"] == options["audio"]


def test_images_of_a_gateway(new_provider):
    """
    Images beside the text of a message, as OpenRouter sends them, are parts; another vendor gets them from the user.
    """
    image = {"type": "image_url", "image_url": {"url": data_url("image/png", PNG)}}
    response = decode(new_provider(), {"content": "Here.", "images": [image]})

    assert [part.data for part in response.media] == [PNG]
    body, call = encode(new_provider(), Message.user("Draw"), response.message, Message.user("Bigger"))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "user"]
    assert body["messages"][1]["content"] == "Here."
    assert body["messages"][2]["content"] == [{"type": "text", "text": "Returned by the assistant:"}, image]
    assert call.adaptations[0].parameter == "messages"


ITEM = {
    "id": "ig_1",
    "type": "image_generation_call",
    "status": "completed",
    "result": base64.b64encode(PNG).decode(),
    "revised_prompt": "A cat.",
}


def test_generated_image_of_responses_returns_unchanged(new_provider):
    """
    An image of the server's tool is a part, and the next turn has its item as it was received.
    """
    provider = new_provider(api="responses")
    body = {"id": "resp_1", "status": "completed", "output": [ITEM]}
    request = ChatRequest(model="m", messages=(Message.user("Draw"),))
    response = provider.decode(request, HTTPReply(ReplyHead(200, {}), json.dumps(body).encode()))

    assert [(part.data, part.media_type) for part in response.media] == [(PNG, "image/png")]
    sent, call = encode(provider, Message.user("Draw"), response.message, Message.user("Bigger"))
    assert sent["input"][1] == ITEM
    assert call.adaptations == ()
    other, call = encode(new_provider(), Message.user("Draw"), response.message.model_copy(), Message.user("Bigger"))
    assert [message["role"] for message in other["messages"]] == ["user", "assistant", "user", "user"]


def test_blocked_image_of_responses_is_kept(new_provider):
    """
    An item without an image, such as one that was blocked, is kept as the vendor sent it.
    """
    item = ITEM | {"status": "failed", "result": None, "error": {"code": "moderation_blocked"}}
    body = {"id": "resp_1", "status": "completed", "output": [item]}
    request = ChatRequest(model="m", messages=(Message.user("Draw"),))
    response = new_provider(api="responses").decode(request, HTTPReply(ReplyHead(200, {}), json.dumps(body).encode()))

    assert response.media == ()
    assert response.message.parts[0].data == item


def test_streamed_image_of_responses(new_provider):
    """
    Unfinished images are previews; the item at the end completes the image.
    """
    request = ChatRequest(model="m", messages=(Message.user("Draw"),))
    decoder = new_provider(api="responses").decoder(request, ReplyHead(200, {}))
    partial = {
        "type": "response.image_generation_call.partial_image",
        "output_index": 0,
        "item_id": "ig_1",
        "partial_image_b64": ITEM["result"],
        "partial_image_index": 0,
    }
    last = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [ITEM]}}
    done = {"type": "response.output_item.done", "output_index": 0, "item": ITEM}
    events = [event for chunk in sse(partial, done, last) for event in decoder.feed(chunk)]

    media = [event for event in events if isinstance(event, MediaPreview | MediaClosed)]
    assert [(type(event), event.index) for event in media] == [(MediaPreview, 0), (MediaClosed, 0)]
    assert (media[0].image.data, media[1].part.data) == (PNG, PNG)


def test_text_beside_audio_is_kept(new_provider):
    """
    A message with text and audio of another vendor is sent as the text and the transcript.
    """
    parts = (TextPart(text="Listen:"), AudioPart(data=b"x", transcript="Hello.", provider="gemini"))
    body, _ = encode(new_provider(), Message.user("Speak"), Message(role="assistant", parts=parts), Message.user("Go"))

    assert body["messages"][1]["content"] == "Listen:\nHello."
