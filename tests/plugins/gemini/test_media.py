from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ContentFilterError, PromptError, ServerError, UnsupportedError
from budwood.providing import make_wave_header
from budwood.types import (
    AudioPart,
    BodyFile,
    ChatRequest,
    DocumentPart,
    ImagePart,
    MediaDelta,
    MediaPreview,
    Message,
    ModelRules,
    ReplyHead,
    ToolResultPart,
    VideoPart,
)
from tests.plugins.gemini.conftest import REQUEST
from tests.plugins.gemini.replies import candidate, inline, reply, text

OLD = ModelRules(traits={"thinking_budget", "schema_or_tools"})
L16 = "audio/L16;codec=pcm;rate=16000"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (AudioPart(data=b"RIFF", media_type="audio/wav"), inline("audio/wav", b"RIFF")),
        (VideoPart(data=b"mp4", media_type="video/mp4"), inline("video/mp4", b"mp4")),
        (DocumentPart(data=b"%PDF", media_type="application/pdf"), inline("application/pdf", b"%PDF")),
        (DocumentPart(url="data:application/pdf;base64,JVBERg=="), inline("application/pdf", b"%PDF")),
        (
            VideoPart(url="https://www.youtube.com/watch?v=x"),
            {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}},
        ),
        (
            DocumentPart(url="https://example.org/a.pdf?x=1"),
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.org/a.pdf?x=1"}},
        ),
        (
            VideoPart(file_id="files/abc", media_type="video/mp4"),
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://example.com/v1/files/abc"}},
        ),
        (AudioPart(file_id="abc"), {"fileData": {"fileUri": "https://example.com/v1/files/abc"}}),
        (
            VideoPart(
                url="gs://b/v.mp4",
                provider="gemini",
                vendor_data={"videoMetadata": {"startOffset": "5s", "fps": 2}, "thoughtSignature": "S"},
            ),
            {
                "fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"},
                "videoMetadata": {"startOffset": "5s", "fps": 2},
            },
        ),
    ],
)
def test_media_of_every_kind_and_source(encode, part, expected):
    """
    Content is sent inline; URLs and stored files by their address; a user's part without the model's signature.
    """
    body, adaptations = encode(Message.user("Look", part), settings={"base_url": "https://example.com/v1"})

    assert body["contents"][0]["parts"] == [text("Look"), expected]
    assert adaptations == []


@pytest.mark.parametrize("kind", [AudioPart, VideoPart, DocumentPart])
def test_media_without_a_type_are_not_sent(encode, kind):
    """
    The error says which type to give.
    """
    with pytest.raises(PromptError, match="media_type"):
        encode(Message.user("Look", kind(data=b"?")))


def test_files_are_sent_in_blocks(gemini, tmp_path):
    """
    A file in a message stays a file in the body, so that it does not fill the memory.
    """
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mp4")
    message = Message.user("Look", VideoPart(path=path, media_type="video/mp4"))
    call = gemini().encode(ChatRequest(model="gemini-9", messages=(message,)), stream=False)

    assert [part for part in call.body if not isinstance(part, bytes)] == [BodyFile(path, base64=True)]
    before, _, after = call.body
    assert before.endswith(b'"inlineData":{"mimeType":"video/mp4","data":"')
    assert after.startswith(b'"')


def test_media_of_a_system_message_are_rejected(encode):
    """
    The API takes only text there.
    """
    with pytest.raises(UnsupportedError, match="audio"):
        encode(Message(role="system", parts=(AudioPart(data=b"", media_type="audio/wav"),)), Message.user("Hi"))


def test_results_of_tools_with_media(encode):
    """
    Images and documents are inside of the result; audio, videos and other URLs follow it.
    """
    content = (
        ImagePart(data=b"png", media_type="image/png"),
        DocumentPart(file_id="files/a", media_type="application/pdf"),
        DocumentPart(url="https://example.org/b.pdf"),
        AudioPart(data=b"RIFF", media_type="audio/wav"),
    )
    result = ToolResultPart(call_id="c1", name="get", content=content)
    body, adaptations = encode(Message.user("Hi"), Message.tool(result))

    stored = "https://generativelanguage.googleapis.com/v1beta/files/a"
    assert body["contents"][1]["parts"] == [
        {
            "functionResponse": {
                "id": "c1",
                "name": "get",
                "response": {},
                "parts": [
                    inline("image/png", b"png"),
                    {"fileData": {"mimeType": "application/pdf", "fileUri": stored}},
                ],
            }
        },
        text("Returned by get:"),
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.org/b.pdf"}},
        inline("audio/wav", b"RIFF"),
    ]
    assert adaptations == [("messages", "changed")]


def test_results_of_tools_with_media_for_older_models(encode):
    """
    All media follow the result.
    """
    result = ToolResultPart(call_id="c1", name="get", content=(ImagePart(data=b"png", media_type="image/png"),))
    body, adaptations = encode(Message.user("Hi"), Message.tool(result), rules=OLD)

    assert body["contents"][1]["parts"][1:] == [text("Returned by get:"), inline("image/png", b"png")]
    assert adaptations == [("messages", "changed")]


@pytest.mark.parametrize(
    ("rules", "details", "level", "levels"),
    [
        (None, ["low"], "LOW", [None]),
        (None, ["auto", None], None, [None, None]),
        (None, ["low", "low"], "LOW", [None, None]),
        (None, ["low", "high"], None, ["LOW", "HIGH"]),
        (None, [None, "high"], None, [None, "HIGH"]),
        (None, ["ultra_high"], None, ["ULTRA_HIGH"]),
        (None, ["original"], None, [None]),
        (OLD, ["low", "high"], "HIGH", [None, None]),
        (OLD, ["ultra_high"], "HIGH", [None]),
        (OLD, ["medium"], "MEDIUM", [None]),
    ],
)
def test_the_resolution_of_images(encode, rules, details, level, levels):
    """
    One resolution applies to the request. Different ones apply to each part, or the highest to all with older models.
    """
    images = [ImagePart(data=b"", media_type="image/png", detail=detail) for detail in details]
    body, adaptations = encode(Message.user("Look", *images), rules=rules)

    sent = [part.get("mediaResolution", {}).get("level") for part in body["contents"][0]["parts"][1:]]
    assert sent == [one and f"MEDIA_RESOLUTION_{one}" for one in levels]
    expected = {} if level is None else {"mediaResolution": f"MEDIA_RESOLUTION_{level}"}
    assert body.get("generationConfig", {}) == expected
    is_unchanged = "original" not in details and (rules is None or details == ["medium"])
    assert adaptations == ([] if is_unchanged else [("detail", "changed")])


def test_an_image_of_a_reply_is_sent_back_with_its_signature(read, streamed, encode):
    """
    It is the same complete and streamed; another user's message may contain it without the signature.
    """
    parts = [text("Here: "), inline("image/png", b"png", thoughtSignature="S"), text("Nice?", thoughtSignature="T")]
    response = read(candidate(*parts))

    assert streamed(*(reply(part) for part in parts)).message == response.message
    (image,) = response.media
    assert (type(image), image.data, image.media_type) == (ImagePart, b"png", "image/png")
    body, adaptations = encode(Message.user("Hi"), response.message, Message.user("Again", image))
    assert body["contents"][1]["parts"] == parts
    assert body["contents"][2]["parts"][1] == inline("image/png", b"png")
    assert adaptations == []


def test_samples_become_a_wave_file(read, streamed):
    """
    The rate is that of the media type, complete and streamed.
    """
    (audio,) = read(candidate(inline(L16, b"\1\0" * 8000))).media
    (joined,) = streamed(reply(inline(L16, b"\1\0" * 7999 + b"\1"), finish=None), reply(inline(L16, b"\0"))).media

    assert audio == joined
    assert (audio.media_type, audio.seconds) == ("audio/wav", 0.5)
    assert audio.data == make_wave_header(16000, rate=16000) + b"\1\0" * 8000


def test_streamed_audio_arrives_as_samples(gemini):
    """
    The media type of the deltas has the rate.
    """
    decoder = gemini().decoder(REQUEST, ReplyHead(200, {}))
    events = list(decoder.feed(_chunk(reply(inline(L16, b"\1\0")))))

    assert [event for event in events if isinstance(event, MediaDelta)] == [
        MediaDelta(0, b"\1\0", media_type="audio/pcm;rate=16000")
    ]


def test_a_draft_of_an_image_is_a_preview(gemini):
    """
    An image among the thoughts is shown, and kept for the next request.
    """
    decoder = gemini().decoder(REQUEST, ReplyHead(200, {}))
    draft = inline("image/png", b"draft", thought=True)
    events = [*decoder.feed(_chunk(reply(draft, inline("image/png", b"png")))), *decoder.close()]

    (preview,) = [event for event in events if isinstance(event, MediaPreview)]
    assert (preview.index, preview.image.data) == (0, b"draft")


def _chunk(payload):
    return b"data: " + json.dumps(payload).encode() + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("finish", "error", "retryable"),
    [
        ("IMAGE_SAFETY", ContentFilterError, False),
        ("IMAGE_PROHIBITED_CONTENT", ContentFilterError, False),
        ("IMAGE_RECITATION", ContentFilterError, False),
        ("NO_IMAGE", ServerError, False),
        ("IMAGE_OTHER", ServerError, False),
    ],
)
def test_a_missing_image_is_an_error(read, streamed, finish, error, retryable):
    """
    A reply with status 200 and without content has the error of its finish reason.
    """
    payload = {"finishReason": finish, "finishMessage": "Unable to show the image."}
    for decode in (lambda: read(payload), lambda: streamed({"candidates": [payload]})):
        with pytest.raises(error, match=f"{finish}.*Unable to show the image") as caught:
            decode()
        assert caught.value.retryable is retryable


def test_content_that_is_not_base64_is_an_error(read):
    """
    A truncated image is not returned.
    """
    with pytest.raises(BadResponseError, match="base64"):
        read(candidate({"inlineData": {"mimeType": "image/png", "data": "iVBO*"}}))


@pytest.mark.parametrize(
    ("part", "taken"),
    [
        (ImagePart(url="https://example.org/a.png"), True),
        (ImagePart(url="https://example.org/a", media_type="image/png"), True),
        (ImagePart(url="https://example.org/a"), False),
        (ImagePart(url="data:image/png;base64,cG5n"), True),
        (VideoPart(url="https://www.youtube.com/watch?v=x"), True),
        (VideoPart(url="https://youtu.be/x"), True),
        (VideoPart(url="https://example.org/watch?v=x"), False),
        (DocumentPart(url="https://generativelanguage.googleapis.com/v1beta/files/abc"), True),
        (DocumentPart(file_id="files/abc"), True),
    ],
)
def test_a_url_of_an_unknown_type_is_not_fetched_by_gemini(gemini, part, taken):
    """
    The API requires the type of what it fetches, except for videos of YouTube and its own files.
    """
    request = ChatRequest(model="gemini-9", messages=(Message.user("Look", part),))
    sources = gemini().media_sources(request, part.type)

    assert sources == ({"inline", "url", "file"} if taken else {"inline", "file"})
