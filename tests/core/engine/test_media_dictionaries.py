"""Media in dictionaries in the forms of vendors."""

from __future__ import annotations

import base64

import pytest

from budwood.engine.chat.functions import format_result
from budwood.engine.chat.prompts import parse_prompt
from budwood.errors import PromptError
from budwood.types import AudioPart, DocumentPart, ImagePart, TextPart, VideoPart
from tests.media import make_pdf, make_png, make_wav


def encode(data: bytes) -> str:
    """
    Return content in base64.
    """
    return base64.b64encode(data).decode()


PDF, PNG, WAV = make_pdf(), make_png(), make_wav()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "input_audio", "input_audio": {"data": encode(WAV), "format": "wav"}},
            AudioPart(data=WAV, media_type="audio/wav"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": encode(WAV), "format": "mp3"}},
            AudioPart(data=WAV, media_type="audio/mpeg"),
        ),
        ({"type": "input_audio", "input_audio": encode(WAV)}, AudioPart(data=WAV)),
        (
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{encode(PDF)}", "filename": "a.pdf"}},
            DocumentPart(data=PDF, media_type="application/pdf", name="a.pdf"),
        ),
        ({"type": "file", "file": {"file_id": "f1"}}, DocumentPart(file_id="f1")),
        ({"type": "input_file", "file_url": "https://x/a.pdf"}, DocumentPart(url="https://x/a.pdf")),
        (
            {"type": "input_file", "file_data": f"data:image/png;base64,{encode(PNG)}"},
            ImagePart(data=PNG, media_type="image/png"),
        ),
        ({"type": "input_image", "file_id": "f1", "detail": "low"}, ImagePart(file_id="f1", detail="low")),
        ({"type": "input_image", "image_url": "https://x/a.png"}, ImagePart(url="https://x/a.png")),
        ({"type": "video_url", "video_url": {"url": "https://x/a.mp4"}}, VideoPart(url="https://x/a.mp4")),
        (
            {"type": "document_url", "document_url": "https://x/a.pdf", "document_name": "a"},
            DocumentPart(url="https://x/a.pdf", name="a"),
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": encode(PDF)},
                "title": "a",
                "cache_control": {"type": "ephemeral"},
            },
            DocumentPart(data=PDF, media_type="application/pdf", name="a", cache="default"),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Größe"}},
            DocumentPart(data="Größe".encode(), media_type="text/plain"),
        ),
        ({"type": "document", "source": {"type": "file", "file_id": "f1"}}, DocumentPart(file_id="f1")),
        ({"type": "image", "source": {"type": "url", "url": "https://x/a.png"}}, ImagePart(url="https://x/a.png")),
    ],
)
def test_media_in_the_forms_of_vendors_become_parts(part, expected):
    """
    Each form has one meaning, whoever receives the request.
    """
    (message,) = parse_prompt([{"role": "user", "content": [part]}])

    assert message.parts == (expected,)


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"type": "input_audio", "input_audio": {"data": "%", "format": "wav"}}, "data is not valid base64"),
        ({"type": "file", "file": 5}, "file is of the type int"),
        ({"type": "file", "file": {"filename": "a"}}, "'file_data' is missing"),
        ({"type": "document", "source": {"type": "smell"}}, "source of the type 'smell'"),
        ({"type": "document", "source": {"type": "url", "url": 5}}, "url is of the type int"),
        ({"type": "document", "source": {}, "context": "x"}, "'context' is not supported"),
        ({"type": "video_url", "video_url": {"url": "x", "fps": 2}}, "'fps' is not supported"),
    ],
)
def test_invalid_media_are_prompt_errors(part, error):
    """
    The error names the field; no field is dropped silently.
    """
    with pytest.raises(PromptError, match=f"Message 0: .*{error}"):
        parse_prompt([{"role": "user", "content": [part]}])


def test_results_of_tools_may_hold_media():
    """
    Media stay as they are, beside text and JSON; a result in a dictionary may hold them, too.
    """
    image, document = ImagePart(data=PNG, media_type="image/png"), DocumentPart(data=PDF, media_type="application/pdf")

    assert format_result([document, {"a": 1}]) == (document, TextPart(text='{"a":1}'))
    assert format_result(image) == (image,)
    assert format_result([1]) == "[1]"
    result = {"role": "tool", "tool_call_id": "c", "content": [{"type": "file", "file": {"file_id": "f"}}]}
    (message,) = parse_prompt([result])
    assert message.parts[0].media == (DocumentPart(file_id="f"),)
