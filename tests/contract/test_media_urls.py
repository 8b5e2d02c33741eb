"""Media at URLs: vendors that fetch them get the URL, and others the content, which Budwood downloads."""

from __future__ import annotations

import asyncio

import pytest

from budwood import AsyncClient, Client
from budwood.errors import PromptError, ProviderError
from budwood.wire import public_addresses
from tests.contract.media_calls import CALLS, NAMES, PARTS, ROWS, count_received, make_client
from tests.media import make_mp4, make_pdf, make_png, make_wav
from tests.servers import reply

CONTENTS = {"image": make_png(), "audio": make_wav(), "video": make_mp4(), "document": make_pdf()}
CONTENTS = {kind: content + bytes(1000) for kind, content in CONTENTS.items()}

VEO = "gemini/veo-3.1-generate-preview"
FETCHED = {
    ("ask", "image"): {"ollama"},
    ("ask", "audio"): {"openai", "azure", "openai-compatible", "openrouter"},
    ("ask", "document"): {"openai", "azure", "openai-compatible"},
    ("tool result", "image"): {"ollama"},
    ("edit_image", "image"): {"azure"},
    ("mask", "image"): {"azure"},
    ("transcribe", "audio"): {"openai", "azure", "openai-compatible"},
    ("timestamps", "audio"): {"openai"},
    ("translate_audio", "audio"): {"openai", "azure", "openai-compatible"},
    ("video of images", "image"): {VEO},
    ("video of a video", "video"): {"openai-compatible"},
    ("upload", "document"): {"openai", "azure", "openai-compatible", "groq", "mistral", "xai", "anthropic", "gemini"},
}
"""The vendors that do not fetch URLs themselves, by call and kind."""

DOWNLOADED = [(call, kind, name) for call, kind, name in ROWS if name in FETCHED.get((call, kind), set())]


@pytest.fixture
def vendor(loopback_server, monkeypatch):
    """
    A server that has files, rejects everything else, and whose address counts as public.
    """
    check = public_addresses.is_public
    monkeypatch.setattr(public_addresses, "is_public", lambda address: address == "127.0.0.1" or check(address))

    def answer(request):
        method, path, _ = request.line.split()
        if method == "GET":
            kind = next(kind for kind, name in NAMES.items() if path == f"/store/{name}")
            return reply(200, CONTENTS[kind], connection="keep-alive")
        if request.headers.get("x-goog-upload-command") == "start":
            return reply(x_goog_upload_url=f"{loopback_server.url}/upload/1", connection="keep-alive")
        return reply(400, {"error": {"message": "Received."}}, connection="keep-alive")

    loopback_server.answer = answer
    return loopback_server


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_url_is_passed_on_or_downloaded(vendor, clock, row):
    """
    The vendor gets either the URL or the content, never both.
    """
    call, kind, name = row
    url = f"{vendor.url}/store/{NAMES[kind]}"

    with make_client(Client, name, vendor, clock) as client, pytest.raises(ProviderError, match=r"Received"):
        CALLS[call](client, PARTS[kind](url=url))

    is_fetched = row in DOWNLOADED
    assert count_received(vendor, CONTENTS[kind]) == is_fetched
    assert [request.line.split()[0] for request in vendor.requests].count("GET") == is_fetched
    assert any(url.encode() in request.body for request in vendor.requests) != is_fetched


@pytest.mark.parametrize("row", DOWNLOADED, ids="-".join)
@pytest.mark.parametrize("host", ["169.254.169.254", "localhost:1", "[::ffff:10.0.0.1]", "0x7f000001"])
def test_url_in_a_private_network_is_refused(loopback_server, clock, row, host):
    """
    Nothing is sent, neither there nor to the vendor, by either client.
    """
    call, kind, name = row
    part = PARTS[kind](url=f"http://{host}/{NAMES[kind]}")

    async def send():
        async with make_client(AsyncClient, name, loopback_server, clock) as client:
            await CALLS[call](client, part)

    with (
        make_client(Client, name, loopback_server, clock) as client,
        pytest.raises(PromptError, match=r"which is not public.*Download it yourself"),
    ):
        CALLS[call](client, part)
    with pytest.raises(PromptError, match="which is not public"):
        asyncio.run(send())
    assert loopback_server.accepted == 0


@pytest.mark.parametrize("row", DOWNLOADED, ids="-".join)
def test_redirect_into_a_private_network_is_refused(vendor, clock, row):
    """
    Every address on the way is checked.
    """
    call, kind, name = row
    vendor.play(reply(302, location="http://169.254.169.254/latest/meta-data"))

    with (
        make_client(Client, name, vendor, clock) as client,
        pytest.raises(PromptError, match=r"169\.254\.169\.254, which is not public"),
    ):
        CALLS[call](client, PARTS[kind](url=f"{vendor.url}/store/{NAMES[kind]}"))
    assert len(vendor.requests) == 1


def test_content_of_another_kind_is_refused(vendor, clock):
    """
    What is at the URL decides, not its name.
    """
    with (
        make_client(Client, "openai", vendor, clock) as client,
        pytest.raises(PromptError, match=r"a\.png is image/png, not audio"),
    ):
        client.transcribe(f"{vendor.url}/store/a.png")


def test_video_at_a_url_is_transcribed(vendor, clock):
    """
    Vendors transcribe the sound of videos, as of those that are passed as a path.
    """
    with make_client(Client, "openai", vendor, clock) as client, pytest.raises(ProviderError, match="Received"):
        client.transcribe(f"{vendor.url}/store/a.mp4")

    assert count_received(vendor, CONTENTS["video"]) == 1
