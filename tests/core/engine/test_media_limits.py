"""Media that a model does not take are refused before anything is sent, with what it takes."""

from __future__ import annotations

import pytest

from budwood.catalog import Catalog
from budwood.errors import UnsupportedError
from budwood.types import AudioPart, DocumentPart, ImagePart, Message
from budwood_testing import chat_reply
from tests.media import make_png

PNG = make_png(40, 30)
IMAGE = ImagePart(data=PNG, media_type="image/png", name="a.png")


def settings(**limits):
    """
    Return settings in which images have limits, and no handler converts those that exceed them.
    """
    return {"plugins": {"disabled": ["pillow"]}, "models": {"openai/*": {"media": {"image": limits}}}}


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"bytes": 10}, rf"at most 10 bytes.*a\.png \(image/png, {len(PNG)} bytes\)"),
        ({"count": 1}, "at most 1 .*got 2"),
        ({"width": 39}, "39 pixels in width; got 40 × 30"),
        ({"height": 29}, "29 pixels in height"),
        ({"pixels": 1199}, "1,199 pixels"),
        ({"media_types": ["image/jpeg"]}, "takes only image/jpeg"),
        ({"request_bytes": 100}, "at most 100 bytes of media in a request.*in base64"),
    ],
)
def test_limit_is_checked_before_sending(make_client, scripted, limits, error):
    """
    The error names the limit and the file.
    """
    with pytest.raises(UnsupportedError, match=error):
        make_client(settings=settings(**limits)).ask(Message.user("?", IMAGE, IMAGE))

    assert scripted.calls == []


@pytest.mark.parametrize(
    ("limits", "part", "hint"),
    [
        ({"image": {"count": 1}}, IMAGE, "Send fewer in each request."),
        ({"image": {"media_types": ["image/jpeg"]}}, IMAGE, "Convert it. budwood-media-pillow converts images"),
        ({"image": {"width": 3}}, IMAGE, "Scale it down."),
        ({"audio": {"media_types": ["audio/wav"]}}, AudioPart(data=b"ID3", media_type="audio/mpeg"), "Convert it."),
        ({"audio": {"seconds": 5}}, AudioPart(data=b"ID3", media_type="audio/mpeg", seconds=6), "Split it."),
    ],
)
def test_hint_fits_the_limit(make_client, limits, part, hint):
    """
    Audio in a format that the model does not take is not to be split.
    """
    model = "openai/gpt-audio-1.5" if isinstance(part, AudioPart) else "openai/gpt-5.1"
    client = make_client(model, settings={"plugins": {"disabled": ["pillow"]}, "models": {model: {"media": limits}}})
    with pytest.raises(UnsupportedError) as caught:
        client.ask(Message.user("?", part, part))

    assert caught.value.hint.startswith(hint)


def test_media_within_the_limits_are_sent(make_client, scripted):
    """
    A limit is the largest value that is taken.
    """
    limits = {"bytes": len(PNG), "count": 1, "width": 40, "height": 30, "pixels": 1200, "media_types": ["image/png"]}
    scripted.reply(body=chat_reply())

    assert make_client(settings=settings(**limits)).ask(Message.user("?", IMAGE))


def test_pages_of_all_documents_count(make_client, scripted):
    """
    Unknown numbers of pages are not checked.
    """
    rows = {"models": {"gemini/*": {"media": {"document": {"pages": 5}}}}}
    pages = [DocumentPart(data=b"%PDF-", media_type="application/pdf", pages=count) for count in (3, 3, None)]
    client = make_client("gemini/gemini-3-pro", settings=rows)

    with pytest.raises(UnsupportedError, match="at most 5 pages in a request; got 6"):
        client.ask(Message.user("?", *pages))
    assert scripted.calls == []


def test_catalog_has_limits_of_vendors_and_models():
    """
    Those of an exact pattern replace those of the vendor, kind by kind; those of the settings replace both.
    """
    catalog = Catalog({"openai/gpt-image-2.5": {"media": {"audio": {"seconds": 5}}}})
    image = catalog.rules("openai", "openai", "gpt-image-2.5").media["image"]

    assert (image.count, image.source) == (16, "PyPI openai 3.57.0, images.edit")
    assert catalog.rules("openai", "openai", "gpt-image-2.5").media["audio"].seconds == 5
    assert catalog.rules("openai", "openai", "gpt-5").media["image"].bytes == 15_728_640
    assert catalog.rules("a", "azure", "gpt-5", fallbacks=("openai",)).media["image"].bytes == 15_728_640
    assert catalog.rules("x", "x", "y").media == {}
