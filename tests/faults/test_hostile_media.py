"""Hostile files in calls other than ask: each is a typed error, with bounded memory and time, and nothing is sent."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import tracemalloc
from pathlib import Path

import pytest

from budwood import AsyncClient, Audio, Client, Document, Image, Message
from budwood.errors import PromptError, UnsupportedError
from budwood.wire import uploads
from budwood_testing.scripted import ScriptedReply
from tests.media import make_pdf, make_png, make_wav

MAX_MEMORY = 128 * 1024**2
MAX_SECONDS = 60

PNG_HEAD = 33
"""The size of the signature and the header of a PNG, before its pixels."""

CALLS = {
    "edit_image": (Image, lambda client, file: client.edit_image("Blue.", file)),
    "mask": (Image, lambda client, file: client.edit_image("Blue.", make_png(), mask=file)),
    "transcribe": (Audio, lambda client, file: client.transcribe(file)),
    "translate_audio": (Audio, lambda client, file: client.translate_audio(file)),
    "video": (Image, lambda client, file: client.submit_video("A cat.", images=[file])),
    "upload": (Document, lambda client, file: client.files.upload(file)),
    "ask": (Image, lambda client, file: client.ask("?", files=[file])),
    "message": (Image, lambda client, file: client.ask([Message.user("?", file)])),
    "upload in ask": (Image, lambda client, file: client.ask([Message.user("?", file)], upload="always")),
}

MODELS = {
    "ask": "openai/gpt-4o",
    "transcribe": "openai/whisper-1",
    "edit_image": "openai/gpt-image-2",
    "upload": "openai/gpt-4o",
}
"""The models of some calls."""


@pytest.fixture(params=["memory", None], ids=["cached", "not cached"])
def cache(request):
    """
    The cache of a client; its keys depend on the content of files.
    """
    return request.param


@pytest.fixture(params=CALLS)
def call(request, scripted, clock, cache):
    """
    Return a function that passes a file to a call of the public interface, and checks what it cost.
    """
    kind, send = CALLS[request.param]
    providers = {"openai-compatible": {"base_url": "http://a.test/v1", "offers": ["files", "videos"]}}

    def run(file, media_type=None):
        if media_type is not None or request.param in ("message", "upload in ask"):
            file = kind(path=file, media_type=media_type)
        with (
            Client(
                "openai-compatible/m",
                api_key="k",
                transport=scripted,
                clock=clock,
                cache=cache or False,
                settings={"providers": providers},
            ) as client,
            bounded(),
        ):
            send(client, file)

    yield run
    assert scripted.calls == []


class bounded:  # noqa: N801 - a context manager
    """
    Fails if a call takes much memory, or blocks.
    """

    def __enter__(self):
        self._before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it blocks"))
        signal.alarm(MAX_SECONDS)
        tracemalloc.start()

    def __exit__(self, *_):
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self._before)
        assert peak < MAX_MEMORY


@pytest.mark.parametrize("media_type", [None, "image/png"])
def test_what_is_no_regular_file(call, tmp_path, media_type):
    """
    A pipe, a device or a socket could block or never end, whether or not its type is stated.
    """
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path / "link", Path("socket")):
            with pytest.raises(PromptError, match="regular file"):
                call(path, media_type)


@pytest.mark.parametrize("media_type", [None, "image/png"])
def test_what_cannot_be_read(call, tmp_path, media_type):
    """
    A folder, a missing file, and links that lead nowhere.
    """
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "loop", tmp_path / "dangling"):
        with pytest.raises(PromptError, match=r"folder|Cannot (read|send)"):
            call(path, media_type)


@pytest.mark.parametrize("name", ["transcribe", "edit_image", "upload"])
def test_empty_file(scripted, clock, tmp_path, name):
    """
    A file of zero bytes has no type, in whatever form it is passed.
    """
    (tmp_path / "a.png").touch()
    with Client("openai/m", api_key="k", transport=scripted, clock=clock) as client:
        for file in (tmp_path / "a.png", b"", io.BytesIO()):
            with pytest.raises(PromptError, match="is empty"):
                CALLS[name][1](client, file)
    assert scripted.calls == []


@pytest.mark.parametrize(
    "row", [("transcribe", "openai/whisper-1", make_wav()), ("edit_image", "openai/gpt-image-2", make_png()[:PNG_HEAD])]
)
def test_file_of_two_gigabytes(scripted, clock, tmp_path, row):
    """
    The limit of the model is checked by the size of the file, which is not read. No handler can scale such an image.
    """
    name, model, content = row
    path = tmp_path / "a.bin"
    with path.open("wb") as file:
        file.write(content)
        file.truncate(2 * 1024**3)

    with (
        Client(model, api_key="k", transport=scripted, clock=clock) as client,
        bounded(),
        pytest.raises(UnsupportedError, match=r"takes at most .* bytes.*2,147,483,648 bytes"),
    ):
        CALLS[name][1](client, path)
    assert scripted.calls == []


@pytest.mark.parametrize("name", ["ask", "transcribe", "edit_image"])
def test_sparse_file_of_two_gigabytes(scripted, clock, tmp_path, name):
    """
    Its beginning is not what its name promises, and the rest is not read.
    """
    path = tmp_path / ("a.wav" if name == "transcribe" else "a.png")
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)

    with (
        Client(MODELS[name], api_key="k", transport=scripted, clock=clock) as client,
        bounded(),
        pytest.raises((PromptError, UnsupportedError), match=path.name),
    ):
        CALLS[name][1](client, path)
    assert scripted.calls == []


@pytest.mark.parametrize("name", ["ask", "transcribe", "edit_image", "upload"])
def test_hostile_files_of_async_calls(scripted, clock, tmp_path, name):
    """
    Those that a thread opens are errors of the call; none of them keeps the thread, and with it the event loop, busy.
    """
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "empty").touch()
    paths = [tmp_path, *(tmp_path / file for file in ("pipe", "zero", "loop", "empty", "missing"))]

    async def main():
        async with AsyncClient(MODELS[name], api_key="k", transport=scripted.asynchronous, clock=clock) as client:
            for path in paths:
                with pytest.raises(PromptError, match=path.name):
                    await CALLS[name][1](client, path)

    with bounded():
        asyncio.run(main())
    assert scripted.calls == []


@pytest.mark.parametrize("content", [b"\0\1\2\3" * 100, b"<html>Not found</html>", b"MZ\x90\0\3\0\0\0", make_pdf()])
@pytest.mark.parametrize("name", ["transcribe", "translate_audio", "edit_image", "mask", "video"])
def test_wrong_header(scripted, clock, tmp_path, name, content):
    """
    A name promises a format that the content does not have.
    """
    path = tmp_path / ("a.wav" if CALLS[name][0] is Audio else "a.png")
    path.write_bytes(content)
    providers = {"openai-compatible": {"base_url": "http://a.test/v1", "offers": ["videos"]}}
    with (
        Client("openai-compatible/m", transport=scripted, clock=clock, settings={"providers": providers}) as client,
        pytest.raises(PromptError, match=path.name),
    ):
        CALLS[name][1](client, path)
    assert scripted.calls == []


def shrink(path):
    """
    Cut a file off.
    """
    os.truncate(path, 10)


def grow(path):
    """
    Add to a file.
    """
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path):
    """
    Write other content of the same size.
    """
    with path.open("r+b") as file:
        file.write(bytes(100))
    os.utime(path, ns=(0, 0))  # the clock of the file system may be coarse


@pytest.fixture(params=[shrink, grow, rewrite])
def changing(request, tmp_path):
    """
    A file of 6 MB, and a function that changes it.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(make_wav() + bytes(6_000_000))
    return path, lambda: request.param(path)


@pytest.mark.parametrize("transport", ["blocking", "default", "httptools", "aiohttp"])
@pytest.mark.parametrize("name", ["transcribe", "upload", "message"])
def test_file_that_changes_while_it_is_sent(loopback_server, changing, monkeypatch, name, transport):
    """
    What was sent of it is not a file that ever existed, so the server does not get a complete request.
    """
    (path, change), read = changing, uploads._read_block

    def read_and_change(found, position):
        block = read(found, position)
        if position == 0:
            change()
        return block

    monkeypatch.setattr(uploads, "_read_block", read_and_change)
    file = Audio(path=path) if name == "message" else path
    model = "openai/gpt-audio" if name == "message" else "openai/m"
    options = {"model": model, "api_key": "k", "base_url": loopback_server.url, "retries": 0, "cache": False}
    with pytest.raises(PromptError, match=r"a\.bin changed while it was sent"):
        send_with(transport, lambda client: CALLS[name][1](client, file), options)

    assert all(len(sent.body) < int(sent.headers["content-length"]) for sent in loopback_server.requests)


def send_with(transport, send, options):
    """
    Perform a call with a blocking client, or with an async one that has a transport.
    """
    if transport == "blocking":
        with Client(**options) as client:
            send(client)
        return

    async def main():
        async with AsyncClient(transport=transport, **options) as client:
            await send(client)

    asyncio.run(main())


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_file_that_changes_between_the_requests_of_an_upload(scripted, changing, monkeypatch, provider):
    """
    Its size was announced, or parts of it were sent.
    """
    path, change = changing
    monkeypatch.setattr("budwood_openai.OpenAI.max_upload", 5_000_000)

    def start(_call):
        change()
        return ScriptedReply(200, {"x-goog-upload-url": "https://a.test/upload"}, (b'{"id": "upload_1"}',))

    scripted.answer(start)
    with (
        Client(f"{provider}/m", api_key="k", transport=scripted, retries=0) as client,
        pytest.raises(PromptError, match=r"a\.bin changed while it was sent"),
    ):
        client.files.upload(path)

    assert len(scripted.calls) == 1
