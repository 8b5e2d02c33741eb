"""Media reach every vendor unchanged, in whatever form its API takes them: what a server receives is compared."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess

import pytest

from budwood import AsyncClient, Client
from budwood.errors import ProviderError
from tests.contract.media_calls import (
    CALLS,
    CAPABILITIES,
    IDS,
    NAMES,
    PARTS,
    ROWS,
    TAKEN,
    VENDORS,
    count_received,
    make_client,
)
from tests.media import make_mp4, make_pdf, make_png
from tests.servers import reply


@pytest.fixture(scope="session")
def speech(tmp_path_factory):
    """
    Speech in a WAV file by espeak-ng, converted by sox; without these the test is skipped, and fails in CI.
    """
    if not (shutil.which("espeak-ng") and shutil.which("sox")):
        if os.environ.get("CI"):
            pytest.fail("espeak-ng and sox are missing: run `apt-get install espeak-ng sox`")
        pytest.skip("espeak-ng and sox are missing: run `apt-get install espeak-ng sox`")
    folder = tmp_path_factory.mktemp("speech")
    subprocess.run(["espeak-ng", "-w", folder / "spoken.wav", "A shoot is grafted onto a rootstock."], check=True)
    subprocess.run(["sox", folder / "spoken.wav", "-r", "16000", "-c", "1", folder / "a.wav"], check=True)
    return (folder / "a.wav").read_bytes()


@pytest.fixture
def file(request, tmp_path):
    """
    Return a function that creates a file of a kind, which has any bytes and spans several blocks.
    """
    anything = random.Random(13).randbytes(600_001)
    made = {"image": make_png(), "video": make_mp4(), "document": make_pdf()}

    def make(kind):
        path = tmp_path / NAMES[kind]
        speech = request.getfixturevalue("speech") if kind == "audio" else b""
        path.write_bytes(speech or made[kind] + b"\r\n--\r\n" + anything)
        return path

    return make


@pytest.fixture
def vendor(loopback_server):
    """
    A server that continues uploads of several steps, and rejects everything else.
    """

    def answer(request):
        if request.headers.get("x-goog-upload-command") == "start":
            return reply(x_goog_upload_url=f"{loopback_server.url}/upload/1", connection="keep-alive")
        return reply(400, {"error": {"message": "Received."}}, connection="keep-alive")

    loopback_server.answer = answer
    return loopback_server


@pytest.mark.parametrize("source", ["data", "path"])
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_media_arrive_byte_for_byte(vendor, clock, file, row, source):
    """
    The server finds exactly the content, once, whether it was passed as bytes or as a path.
    """
    call, kind, name = row
    path = file(kind)
    part = PARTS[kind](**({"data": path.read_bytes()} if source == "data" else {"path": path}))

    with make_client(Client, name, vendor, clock) as client, pytest.raises(ProviderError, match=r"Received"):
        CALLS[call](client, part)

    assert count_received(vendor, path.read_bytes()) == 1


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_async_client_sends_media_byte_for_byte(vendor, clock, file, row):
    """
    Files are read in threads while they are sent.
    """
    call, kind, name = row
    path = file(kind)

    async def send():
        async with make_client(AsyncClient, name, vendor, clock) as client:
            with pytest.raises(ProviderError, match=r"Received"):
                await CALLS[call](client, PARTS[kind](path=path))

    asyncio.run(send())
    assert count_received(vendor, path.read_bytes()) == 1


@pytest.mark.parametrize("plugin", sorted({plugin for plugin, _ in VENDORS.values()}))
def test_table_has_all_that_a_vendor_takes(vendor, clock, plugin):
    """
    No call of any vendor is left out.
    """
    names = [name for name, (of, _) in VENDORS.items() if of == plugin]
    capabilities = set()
    for name in names:
        with make_client(Client, name, vendor, clock) as client:
            capabilities |= client.capabilities()

    for row, capability in CAPABILITIES.items():
        assert (capability in capabilities) == any(name in TAKEN[row] for name in names), (row, capability)
