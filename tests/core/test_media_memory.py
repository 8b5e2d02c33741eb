"""Media of 200 MB are sent in flat memory, by each way in which a request contains them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.media import make_mp4, make_wav
from tests.media_server import MediaServer, failure
from tests.peak_memory import STATUS

ROOT = Path(__file__).parents[2]
SIZE = 200_000_000
LARGE = 600_000_000
"""More than OpenAI takes in one request, so that it is uploaded in parts."""

IN_BASE64 = (SIZE + 2) // 3 * 4
LIMIT = 50_000_000
WAIT = 120.0
"""Seconds after which a process has failed."""

CODE = """
import asyncio, sys
from budwood import AsyncClient, Client
from budwood.errors import ProviderError
from tests.peak_memory import read_peak_memory

url, path, transport, call = sys.argv[1:]
openai = {"base_url": url, "api_key": "k", "offers": ["video_input", "files"]}
gemini = {"base_url": url + "beta", "api_key": "k"}
settings = {"providers": {"openai-compatible": openai, "gemini": gemini}}

def send(client):
    match call:
        case "base64":
            return client.ask("?", files=[path], upload="never")
        case "form":
            return client.transcribe(path)
        case "file" | "parts":
            return client.files.upload(path)
        case _:
            return client.files.upload(path, provider="gemini")

async def send_async(options):
    async with AsyncClient("openai-compatible/m", **options) as client:
        await send(client)

options = {"settings": settings, "retries": 0, "cache": False}
with Client("openai-compatible/m", **options) as client:
    client.check()
import budwood.providing, budwood.wire.multipart
before = read_peak_memory()
try:
    if transport == "blocking":
        with Client("openai-compatible/m", **options) as client:
            send(client)
    else:
        asyncio.run(send_async({**options, "transport": transport}))
except ProviderError as error:
    assert error.status == 404, error
print(read_peak_memory() - before)
"""


def measure(folder, call, transport):
    """
    Send a file in another process; return by how much its memory grew, and the size of what was sent.
    """
    path = folder / "a.bin"
    with path.open("wb") as file:
        file.write(make_wav() if call == "form" else make_mp4())
        file.truncate(LARGE if call == "parts" else SIZE)

    def answer(_, request):
        if request.path.endswith("/upload/v1beta/files"):
            return lambda handler: handler.send(200, {}, **{"x-goog-upload-url": f"{vendor.origin}/upload/1"})
        if request.path == "/v1/uploads":
            return lambda handler: handler.send(200, {"id": "upload_1"})
        if request.path == "/v1/uploads/upload_1/parts":
            return lambda handler: handler.send(200, {"id": "part_1"})
        return failure(404)

    with MediaServer(fault=answer) as vendor:
        command = [sys.executable, "-c", CODE, vendor.url, str(path), transport, call]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT, check=False)

    assert ended.returncode == 0, ended.stderr
    sizes = [request.size for request in vendor.requests]
    return int(ended.stdout), sum(sizes) if call == "parts" else max(sizes)


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux has this measure")
@pytest.mark.parametrize(
    ("call", "transport"),
    [(call, "blocking") for call in ("base64", "form", "file", "parts", "resumable")]
    + [("base64", transport) for transport in ("default", "httptools", "aiohttp")]
    + [("parts", "default")],
)
def test_memory_does_not_grow_with_a_file(tmp_path, call, transport):
    """
    A file is read in blocks while it is sent: within JSON in base64, in a form, and by an upload of several steps.
    """
    growth, received = measure(tmp_path, call, transport)

    size = {"base64": IN_BASE64, "parts": LARGE}.get(call, SIZE)
    assert 0 <= received - size < 10_000
    assert growth < LIMIT
