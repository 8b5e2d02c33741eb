"""Exports that are written to files."""

from __future__ import annotations

import asyncio
import io
import os

import pytest

from budwood_server.client import AsyncGatewayClient, ConnectionFailedError, GatewayClient, NotFoundError
from tests.plugins.server.client.test_calls import refuse
from tests.servers import CHUNKED, RESET, head, reply

PART = b"5\r\nabcde\r\n"
END = b"0\r\n\r\n"


@pytest.fixture
def connected(vendor, clock):
    """
    A client of the scripted server, on a clock that does not wait.
    """
    with GatewayClient(vendor.url, key="k", clock=clock) as client:
        yield client


def list_names(folder):
    """
    Return the names of the files in a folder.
    """
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_file_is_replaced_by_the_export(vendor, connected, tmp_path):
    """
    The callback follows its size.
    """
    target, sizes = tmp_path / "rows.jsonl", []
    target.write_bytes(b"old")
    vendor.play(head(**CHUNKED), PART, PART, END)

    assert connected.runs.export_to("run_1", target, "openai", progress=sizes.append) == 10
    assert target.read_bytes() == b"abcde" * 2
    assert sizes[-1] == 10
    assert vendor.requests[0].line.split()[1].startswith("/api/runs/run_1/export?format=openai")
    assert list_names(tmp_path) == ["rows.jsonl"]


def test_a_broken_export_begins_again(vendor, connected, tmp_path):
    """
    Nothing of the first attempt is in the file, also in one that the program has opened.
    """
    target = io.BytesIO(b"title\n")
    target.seek(6)
    for _ in range(2):
        vendor.play(head(**CHUNKED), PART, RESET).play(reply(body="xyz"))

    assert connected.runs.export_to("run_1", tmp_path / "rows") == 3
    assert connected.runs.export_to("run_1", target) == 3
    assert (tmp_path / "rows").read_bytes() == b"xyz"
    assert target.getvalue() == b"title\nxyz"


@pytest.mark.parametrize("script", [(refuse(404),), (head(**CHUNKED), PART, RESET), (head(**CHUNKED), PART)])
def test_a_failed_export_leaves_the_file_as_it_was(vendor, connected, tmp_path, script):
    """
    There is no half file, neither under its name nor under another one.
    """
    target = tmp_path / "rows.jsonl"
    target.write_bytes(b"old")
    vendor.play(*script, times=3)

    with pytest.raises((NotFoundError, ConnectionFailedError)):
        connected.telemetry.export_to(target)

    assert target.read_bytes() == b"old"
    assert list_names(tmp_path) == ["rows.jsonl"]


def test_a_broken_export_to_a_pipe_is_an_error(vendor, connected):
    """
    What was written cannot be taken back, so that it is not sent again.
    """
    source, sink = os.pipe()
    vendor.play(head(**CHUNKED), PART, RESET)
    with os.fdopen(source, "rb") as received, os.fdopen(sink, "wb", buffering=0) as target:
        with pytest.raises(ConnectionFailedError):
            connected.runs.export_to("run_1", target)
        assert received.read(5) == b"abcde"

    assert len(vendor.requests) == 1


def test_a_callback_that_raises_ends_the_export(vendor, connected, tmp_path):
    """
    Its error is that of the call, and the file is not created.
    """

    def stop(_):
        raise KeyboardInterrupt

    vendor.play(head(**CHUNKED), PART, END)

    with pytest.raises(KeyboardInterrupt):
        connected.runs.export_to("run_1", tmp_path / "rows", progress=stop)

    assert list_names(tmp_path) == []


def test_async_export(vendor, clock, tmp_path):
    """
    It has the same result.
    """
    vendor.play(head(**CHUNKED), PART, RESET).play(reply(body="xyz"))

    async def export():
        async with AsyncGatewayClient(vendor.url, key="k", clock=clock) as client:
            return await client.runs.export_to("run_1", tmp_path / "rows")

    assert asyncio.run(export()) == 3
    assert (tmp_path / "rows").read_bytes() == b"xyz"
