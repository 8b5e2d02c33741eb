"""Images and documents in messages and in results of tools."""

from __future__ import annotations

import base64
import json

import pytest

from budwood.errors import PromptError, UnsupportedError
from budwood.types import (
    AudioPart,
    BodyFile,
    ChatRequest,
    DocumentPart,
    ImagePart,
    Message,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VideoPart,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
PDF = b"%PDF-1.7\n%%EOF"


@pytest.fixture
def encode(make_provider):
    """
    Return a function that encodes parts of a user message and returns their blocks.
    """

    def run(*parts):
        request = ChatRequest(model="m", messages=(Message(role="user", parts=parts),))
        return json.loads(make_provider().encode(request, stream=False).body)["messages"][0]["content"]

    return run


def in_base64(data):
    """
    Return bytes in base64.
    """
    return base64.b64encode(data).decode()


def test_the_media_type_is_that_of_the_bytes(encode):
    """
    The API rejects images whose media type differs from their content.
    """
    stated = ImagePart(data=PNG, media_type="image/jpeg")
    linked = ImagePart(url=f"data:image/jpeg;base64,{in_base64(PNG)}")

    blocks = encode(ImagePart(data=PNG), stated, linked)

    expected = {"type": "base64", "media_type": "image/png", "data": in_base64(PNG)}
    assert [block["source"] for block in blocks] == [expected] * 3


@pytest.mark.parametrize("kind", [ImagePart, DocumentPart])
def test_urls_and_ids_are_passed_on(encode, kind):
    """
    The vendor fetches URLs, and knows its own files.
    """
    blocks = encode(kind(url="https://example.com/a"), kind(file_id="file_1"))

    assert blocks[0]["source"] == {"type": "url", "url": "https://example.com/a"}
    assert blocks[1]["source"] == {"type": "file", "file_id": "file_1"}


def test_documents_have_a_title(encode):
    """
    The name of a document is its title; further fields of the block are those of ``vendor_data``.
    """
    extra = {"citations": {"enabled": True}, "context": "A contract."}

    (block,) = encode(
        DocumentPart(data=PDF, name="rent.pdf", cache="1h", provider="anthropic", vendor_data=extra), TextPart(text=" ")
    )

    assert block == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": in_base64(PDF)},
        "title": "rent.pdf",
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
        **extra,
    }


def test_data_of_other_vendors_is_not_sent(encode):
    """
    ``vendor_data`` of another vendor means nothing to the API.
    """
    (block,) = encode(ImagePart(data=PNG, provider="gemini", vendor_data={"thoughtSignature": "x"}))

    assert set(block) == {"type", "source"}


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown; charset=utf-8", "text/csv", "application/json"])
def test_texts_are_documents_of_text(encode, media_type):
    """
    Documents of text are sent as text, which the API calls plain.
    """
    (block,) = encode(DocumentPart(data="größer".encode(), media_type=media_type))

    assert block["source"] == {"type": "text", "media_type": "text/plain", "data": "größer"}


def test_files_are_sent_in_blocks(make_provider, tmp_path):
    """
    The provider does not read the file.
    """
    path = tmp_path / "a.pdf"
    part = DocumentPart(path=path, media_type="application/pdf")

    call = make_provider().encode(ChatRequest(model="m", messages=(Message(role="user", parts=(part,)),)), stream=False)

    assert BodyFile(path, base64=True) in call.body


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (DocumentPart(data=b"PK\3\4", media_type="application/zip"), "takes no document of the type application/zip"),
        (ImagePart(data=b"II*\0", media_type="image/tiff"), "takes no image of the type image/tiff"),
        (AudioPart(data=b"RIFF", media_type="audio/wav"), "takes no audio"),
        (VideoPart(url="https://example.com/a.mp4"), "takes no video"),
    ],
)
def test_other_media_are_refused_with_a_cure(encode, part, message):
    """
    The hint says what to pass instead.
    """
    with pytest.raises(UnsupportedError, match=message) as caught:
        encode(part)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (DocumentPart(data=b"\0\1"), "media type of the document is not known"),
        (ImagePart(url="data:image/png;base64,&&&&"), "not valid base64"),
        (DocumentPart(data=b"\xff\xfe", media_type="text/plain"), "not in UTF-8"),
    ],
)
def test_unreadable_media_are_refused(encode, part, message):
    """
    The error names the problem before anything is sent.
    """
    with pytest.raises(PromptError, match=message):
        encode(part)


def test_a_text_document_from_a_path_is_refused(encode, tmp_path):
    """
    The file would have to be read to be escaped in JSON.
    """
    with pytest.raises(UnsupportedError, match="cannot be sent from its path"):
        encode(DocumentPart(path=tmp_path / "a.txt", media_type="text/plain"))


def test_results_of_tools_contain_images_and_documents(make_provider):
    """
    Media are in the content of the result, where the model expects them.
    """
    result = ToolResultPart(
        call_id="a", name="look", content=(TextPart(text="Here:"), ImagePart(data=PNG), DocumentPart(file_id="file_1"))
    )
    messages = (
        Message.user("Look."),
        Message(role="assistant", parts=(ToolCallPart(id="a", name="look", arguments="{}"),)),
        Message(role="tool", parts=(result,)),
    )

    body = json.loads(make_provider().encode(ChatRequest(model="m", messages=messages), stream=False).body)

    (block,) = body["messages"][2]["content"]
    assert [one["type"] for one in block["content"]] == ["text", "image", "document"]


def test_an_error_with_media_is_sent_as_no_error(make_provider):
    """
    The API takes only text in errors; the adaptation says so.
    """
    result = ToolResultPart(call_id="a", name="look", content=(DocumentPart(file_id="file_1"),), is_error=True)
    messages = (
        Message.user("Look."),
        Message(role="assistant", parts=(ToolCallPart(id="a", name="look", arguments="{}"),)),
        Message(role="tool", parts=(result,)),
    )

    call = make_provider().encode(ChatRequest(model="m", messages=messages), stream=False)

    assert "is_error" not in json.loads(call.body)["messages"][2]["content"][0]
    assert [one.parameter for one in call.adaptations] == ["messages"]


def test_media_sources(make_provider):
    """
    Images and documents are sent in every way; the API takes no audio and no video.
    """
    provider, request = make_provider(), ChatRequest(model="m", messages=(Message.user("a"),))

    assert provider.media_sources(request, "document") == {"inline", "url", "file"}
    assert provider.media_sources(request, "audio") == provider.media_sources(request, "video") == frozenset()
