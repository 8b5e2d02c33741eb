"""Files that are damaged, endless or made to do harm are typed errors, with bounded memory, before anything is sent."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from budwood import AsyncClient, Audio, Client, Image
from budwood.errors import PromptError, UnsupportedError
from budwood_testing import chat_reply
from tests.media import make_mp4, make_pdf, make_png, make_wav, make_webm

TWO_GB = 2 * 1024**3
MAX_MEMORY = 128 * 1024**2


@pytest.fixture(params=["core", "plugins"])
def client(request, scripted, clock):
    """
    A client with the built-in handlers only, and one with the plugins for media.
    """
    disabled = [] if request.param == "plugins" else ["budwood-media", "budwood-media-pillow", "budwood-media-office"]
    settings = {"plugins": {"disabled": disabled}}
    with Client("anthropic/claude-opus-4-5", api_key="k", transport=scripted, clock=clock, settings=settings) as made:
        yield made


def ask(client, scripted, *files):
    """
    Ask with files, and check that nothing was sent and little memory was used.
    """
    tracemalloc.start()
    try:
        client.ask("?", files=list(files))
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MAX_MEMORY
        assert scripted.calls == []


@pytest.mark.parametrize("name", ["a.png", "a.txt", "a.pdf", "a.csv", "a.mp3"])
def test_empty_file(client, scripted, tmp_path, name):
    """
    A file of zero bytes has no type.
    """
    (tmp_path / name).touch()

    with pytest.raises(PromptError, match=rf"{name} is empty"):
        ask(client, scripted, tmp_path / name)
    with pytest.raises(PromptError, match="file 1 is empty"):
        ask(client, scripted, b"")
    with pytest.raises(PromptError, match="file 1 is empty"):
        ask(client, scripted, io.BytesIO())


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.webp", "a.pdf", "a.mp3", "a.wav", "a.mp4", "a.docx"])
@pytest.mark.parametrize("content", [b"\0\1\2\3" * 100, b"<html>Not found</html>", b"MZ\x90\0\3\0\0\0"])
def test_wrong_header(client, scripted, tmp_path, name, content):
    """
    A name promises a format that the content does not have.
    """
    (tmp_path / name).write_bytes(content)

    with pytest.raises(PromptError, match=rf"{name}"):
        ask(client, scripted, tmp_path / name)


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_sparse_file_of_two_gigabytes(client, scripted, tmp_path, name):
    """
    Its content is not read, since its beginning is no text.
    """
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(TWO_GB)

    with pytest.raises(PromptError, match=name):
        ask(client, scripted, path)


@pytest.mark.parametrize("content", [b"Text. ", b"%PDF-1.7\n", make_wav(), make_mp4(), make_webm()])
def test_file_of_two_gigabytes_with_a_valid_header(client, scripted, tmp_path, content):
    """
    It stays on the disk, and is larger than the model takes, or damaged, or of a kind that it does not take.
    """
    path = tmp_path / "a.bin"
    with path.open("wb") as file:
        file.write(content.ljust(100_000) if content.startswith(b"Text") else content)
        file.truncate(TWO_GB)

    with pytest.raises((PromptError, UnsupportedError)):
        ask(client, scripted, path)


def test_image_of_two_gigabytes(scripted, clock, tmp_path):
    """
    The model's limit of bytes is checked by the size of the file.
    """
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.write(make_png())
        file.truncate(TWO_GB)
    settings = {"plugins": {"disabled": ["budwood-media-pillow"]}}
    with (
        Client("anthropic/claude-opus-4-5", api_key="k", transport=scripted, clock=clock, settings=settings) as client,
        pytest.raises(UnsupportedError, match=r"at most 5,242,880 bytes.*a\.png \(image/png, 2,147,483,648 bytes\)"),
    ):
        ask(client, scripted, path)


def test_pipe_device_socket_and_folder(client, scripted, tmp_path):
    """
    They could block or never end, and are refused before they are read, also by a link.
    """
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket")  # relative to the current folder, since such paths are short
    with listener:
        for path in (tmp_path / "pipe", "/dev/zero", "/dev/random", tmp_path / "link", tmp_path / "socket"):
            with pytest.raises(PromptError, match="is no regular file"):
                ask(client, scripted, path)
    with pytest.raises(PromptError, match="is a folder"):
        ask(client, scripted, tmp_path)


def test_links_that_lead_nowhere(client, scripted, tmp_path):
    """
    A link to itself, or to a file that does not exist, cannot be read.
    """
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")

    for name in ("loop", "dangling"):
        with pytest.raises(PromptError, match=f"Cannot read .*{name}"):
            ask(client, scripted, tmp_path / name)


def test_endless_file_object(client, scripted, monkeypatch):
    """
    A file object is read up to a limit.
    """
    monkeypatch.setattr("budwood.engine.chat.files.MAX_STREAM_BYTES", 5_000_000)

    class Endless:
        name = "endless"

        def read(self, size):
            return b"x" * size

    with pytest.raises(PromptError, match="endless has more than 5,000,000 bytes"):
        ask(client, scripted, Endless())
    with Path("/dev/zero").open("rb") as device, pytest.raises(PromptError, match="more than 5,000,000 bytes"):
        ask(client, scripted, device)


@pytest.mark.parametrize("returned", [None, 5, "\ud800"])
def test_file_object_that_returns_something_else(client, scripted, returned):
    """
    It must return bytes or text.
    """

    class Broken:
        def read(self, _size):
            return returned

    with pytest.raises(PromptError, match="file 1"):
        ask(client, scripted, Broken())


def test_polyglots_are_what_their_first_bytes_say(scripted, clock):
    """
    A PNG image that is also a ZIP file or HTML is sent as PNG: nothing that follows is executed or parsed.
    """
    for tail in (b"PK\x03\x04" + bytes(100), b"<script>alert(1)</script>", make_pdf()):
        scripted.reply(body=chat_reply())
        data = make_png() + tail
        with Client("openai/gpt-4o", api_key="k", transport=scripted, clock=clock, cache=False) as client:
            client.ask("?", files=[data])

        url = scripted.sent()["messages"][-1]["content"][0]["image_url"]["url"]
        assert url == "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.mark.parametrize("url", ["http://localhost:{}/a.csv", "http://127.0.0.1:{}/a", "http://[::1]:{}/a.txt"])
def test_url_of_this_machine(client, scripted, loopback_server, url):
    """
    What the vendor cannot fetch is fetched by us, but not from a private network.
    """
    with pytest.raises(PromptError, match="which is not public"):
        ask(client, scripted, url.format(loopback_server.port))

    assert loopback_server.accepted == 0


@pytest.mark.parametrize("part", [Audio(url="http://169.254.169.254/a.mp3"), Image(url="http://localhost/a.png")])
def test_url_in_a_message_is_checked_when_we_fetch_it(scripted, clock, part):
    """
    As for a model that does not fetch URLs; async calls are checked likewise.
    """
    settings = {"providers": {"ollama": {}}}

    async def ask_async():
        transport = scripted.asynchronous
        async with AsyncClient("ollama/llava", transport=transport, clock=clock, settings=settings) as client:
            await client.ask([{"role": "user", "content": [part]}])

    with (
        Client("ollama/llava", transport=scripted, clock=clock, settings=settings) as client,
        pytest.raises((PromptError, UnsupportedError), match=r"not public|does not take audio"),
    ):
        client.ask([{"role": "user", "content": [part]}])
    with pytest.raises((PromptError, UnsupportedError), match=r"not public|does not take audio"):
        asyncio.run(ask_async())
    assert scripted.calls == []
