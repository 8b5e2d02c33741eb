"""Lines of batches with files, in flat memory."""

from __future__ import annotations

import base64
import tracemalloc

import pytest

from budwood import Client, Image, Message, ServerError
from budwood_testing import FakeClock
from tests.batch_server import BatchServer, succeed

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MEGABYTE = 1024 * 1024


def test_files_are_in_the_lines_byte_for_byte(tmp_path):
    """
    An image by its path is base64 within its line.
    """
    path = tmp_path / "large.png"
    path.write_bytes(PIXEL + bytes(2 * MEGABYTE))
    prompts = [Message.user(str(number), Image(path=path, media_type="image/png")) for number in range(12)]
    received = []

    def handle(line):
        text, image = line["body"]["messages"][0]["content"]
        received.append(base64.b64decode(image["image_url"]["url"].partition(",")[2]) == path.read_bytes())
        line["body"]["messages"][0]["content"] = text["text"]
        return succeed(line)

    with BatchServer(states=("validating", "completed"), handle=handle) as server:
        with Client("openai/gpt-4.1-mini", api_key="sk-a", base_url=server.url, clock=FakeClock()) as client:
            results = client.batch(prompts)

        assert [result.text for result in results] == [str(number) for number in range(12)]
        assert received == [True] * 12


def test_lines_are_written_in_flat_memory(tmp_path, monkeypatch):
    """
    A batch of 32 MB needs the memory of a few blocks before it is submitted.
    """
    path = tmp_path / "large.png"
    path.write_bytes(PIXEL + bytes(2 * MEGABYTE))
    prompts = [Message.user(str(number), Image(path=path, media_type="image/png")) for number in range(12)]
    submitted = []

    def stop(_call, _kind, batch, _creating):
        submitted.append((batch.size, tracemalloc.get_traced_memory()[1]))
        raise ServerError("enough")

    monkeypatch.setattr("budwood.engine.jobs.submit", stop)
    with Client("openai/gpt-4.1-mini", api_key="sk-a", clock=FakeClock()) as client:
        client.check()
        tracemalloc.start()
        try:
            with pytest.raises(ServerError, match="enough"):
                client.submit_batch(prompts)
        finally:
            tracemalloc.stop()

    ((size, peak),) = submitted
    assert size > 32 * MEGABYTE
    assert peak < 8 * MEGABYTE
