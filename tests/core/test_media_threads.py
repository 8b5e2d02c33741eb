"""Async calls read files in threads, so that other tasks of the event loop do not wait for a disk."""

from __future__ import annotations

import asyncio
import base64
import threading
from functools import lru_cache

import pytest

from budwood import AsyncClient, Audio, Image, Message
from budwood.engine.chat import files
from budwood.errors import PromptError
from budwood.providing import make_wave_header
from budwood.types import media
from budwood_testing import FakeClock, ScriptedTransport, chat_reply
from tests.media_server import PNG

WAVE = make_wave_header(2) + b"\1\0"
IMAGE = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}
FILE = {"id": "file-1", "object": "file", "bytes": 9, "created_at": 1, "status": "processed"}
VIDEO = {"id": "v1_x", "status": "in_progress", "model": "gemini-omni-1.1-flash", "steps": []}
CALLS = {
    "transcribe": ("openai/whisper-1", {"text": "Hi"}, lambda client, folder: client.transcribe(folder / "a.wav")),
    "transcribe a part": (
        "openai/whisper-1",
        {"text": "Hi"},
        lambda client, folder: client.transcribe(Audio(path=folder / "a.wav")),
    ),
    "edit_image": (
        "openai/gpt-image-2",
        IMAGE,
        lambda client, folder: client.edit_image("a hat", [folder / "a.png"], mask=str(folder / "a.png")),
    ),
    "video": (
        "gemini/gemini-omni-1.1-flash",
        VIDEO,
        lambda client, folder: client.submit_video("a wave", images=[folder / "a.png"]),
    ),
    "upload": ("openai/gpt-4.1", FILE, lambda client, folder: client.files.upload(folder / "a.png")),
    "ask": ("openai/gpt-4.1", chat_reply("Hi"), lambda client, folder: client.ask("?", files=[folder / "a.png"])),
    "ask with a cache": (
        "openai/gpt-4.1",
        chat_reply("Hi"),
        lambda client, folder: client.ask([Message.user("?", Image(path=folder / "a.png"))]),
    ),
}
"""The model, the reply and the call, by the name of the call."""


@pytest.fixture
def threads(monkeypatch):
    """
    The threads in which files are opened or hashed.
    """
    found = []

    def recorded(function):
        def run(*arguments):
            found.append(threading.current_thread())
            return function(*arguments)

        return run

    open_file = recorded(files.open_file)
    monkeypatch.setattr(files, "open_file", open_file)
    monkeypatch.setattr("budwood.engine.chat.media.open_file", open_file)
    monkeypatch.setattr(media, "_digest_of_file", lru_cache(recorded(media._digest_of_file.__wrapped__)))
    return found


@pytest.fixture
def folder(tmp_path):
    """
    A folder with an image and audio.
    """
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "a.wav").write_bytes(WAVE)
    return tmp_path


async def run(model, reply, call, folder, **options):
    """
    Perform a call with an async client.
    """
    transport = ScriptedTransport().reply(200, reply)
    defaults = {"api_key": "test-key-123", "clock": FakeClock(), "cache": False, "retries": 0}
    async with AsyncClient(model, transport=transport.asynchronous, **{**defaults, **options}) as client:
        return await call(client, folder)


@pytest.mark.parametrize("name", CALLS)
def test_files_are_read_in_threads(threads, folder, name):
    """
    The digest of a file is its part of the key of a cache, which is computed in a thread as well.
    """
    options = {"cache": "memory"} if name == "ask with a cache" else {}

    asyncio.run(run(*CALLS[name], folder, **options))

    assert threads
    assert threading.main_thread() not in threads


def test_options_are_checked_before_files_are_read(threads, folder):
    """
    A wrong option is an error at once, also of a stream.
    """

    async def main():
        async with AsyncClient("openai/whisper-1", api_key="test-key-123", cache=False) as client:
            with pytest.raises(PromptError, match="not audio"):
                client.stream_transcription(PNG)
            with pytest.raises(PromptError, match="of the type ImagePart"):
                client.stream_transcription(Image(path=folder / "a.png"))
            with pytest.raises(PromptError, match="of the type int"):
                client.stream_transcription(5)

    asyncio.run(main())

    assert threads == [threading.main_thread()]  # the content in memory
