"""Replies that are written to files, by both drivers."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from budwood import Client
from budwood.clock import SystemClock
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Close, Open, Save
from budwood.errors import BadResponseError, ConfigurationError, ConnectionFailedError, InvalidRequestError
from budwood.types import HTTPCall, SavedReply, Timing
from budwood_openai_compatible.provider import OpenAICompatible
from budwood_testing import ScriptedTransport

TIMING = Timing(connect_timeout=1, idle_timeout=1, deadline=1e9)


@pytest.fixture
def script():
    """
    Return a transport for the responses of the server.
    """
    return ScriptedTransport()


@pytest.fixture(params=["blocking", "async"])
def run(request, script):
    """
    Return the `run` method of a driver of either kind.
    """
    if request.param == "blocking":
        return BlockingDriver(lambda: script, SystemClock()).run
    driver = AsyncDriver(lambda: script.asynchronous, SystemClock())
    return lambda flow: asyncio.run(driver.run(flow))


def save(path, limit=None):
    """
    Send a call, and write its reply to a file.
    """
    exchange = yield Open(HTTPCall(method="GET", url="http://x"), TIMING)
    try:
        return (yield Save(exchange, path, limit))
    finally:
        yield Close(exchange)


def test_reply_is_written_in_any_number_of_chunks(run, script, tmp_path):
    """
    The file contains the reply; the result has its path and size.
    """
    script.reply(chunks=[b"%07d" % number for number in range(400_000)])

    assert run(save(tmp_path / "out")) == SavedReply(tmp_path / "out", 2_800_000)
    assert (tmp_path / "out").read_bytes() == b"".join(b"%07d" % number for number in range(400_000))


def test_empty_reply_is_an_empty_file(run, script, tmp_path):
    """
    The file is created.
    """
    script.reply()

    assert run(save(tmp_path / "out")).size == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_permissions_are_those_of_any_new_file(run, script, tmp_path):
    """
    A new file has default permissions, and a replaced one keeps its own.
    """
    script.reply(body=b"1").reply(body=b"2")
    other, old = tmp_path / "other", tmp_path / "old"
    other.touch()
    old.touch()
    old.chmod(0o640)

    run(save(tmp_path / "new"))
    run(save(old))

    assert (tmp_path / "new").stat().st_mode == other.stat().st_mode
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


def test_missing_folder_is_an_error(run, script, tmp_path):
    """
    The error has the file, and says what to do.
    """
    script.reply(body=b"1")

    with pytest.raises(ConfigurationError, match=r"nowhere.out: No such file") as caught:
        run(save(tmp_path / "nowhere" / "out"))

    assert "folder" in caught.value.hint


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_only_a_regular_file_is_replaced(run, script, tmp_path, make):
    """
    Devices and pipes are errors: replacing ``/dev/null`` would break the machine.
    """
    script.reply(body=b"1")
    make(tmp_path / "out")
    before = (tmp_path / "out").stat()

    with pytest.raises(ConfigurationError, match="not a regular file"):
        run(save(tmp_path / "out"))

    assert (tmp_path / "out").stat().st_ino == before.st_ino
    assert not list(tmp_path.glob(".budwood*"))


def test_symbolic_link_is_kept(run, script, tmp_path):
    """
    The file that a link points to is replaced, in its own folder.
    """
    script.reply(body=b"new")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "out")

    run(save(tmp_path / "link"))

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "out").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["nowhere/out", "pipe"])
def test_nothing_is_sent_if_the_file_cannot_be_written(script, tmp_path, monkeypatch, name):
    """
    The request would be charged without a result.
    """
    os.mkfifo(tmp_path / "pipe")
    encode = OpenAICompatible.encode
    monkeypatch.setattr(
        OpenAICompatible,
        "encode",
        lambda self, request, *, stream: replace(encode(self, request, stream=stream), reply_to=tmp_path / name),
    )
    with (
        Client("openai-compatible/m", base_url="http://x", transport=script, cache=False) as client,
        pytest.raises(ConfigurationError, match="Cannot write the reply"),
    ):
        client.ask("hi")

    assert script.calls == []


def test_failure_leaves_nothing_behind(run, script, tmp_path):
    """
    There is neither a file nor a part of one.
    """
    script.reply(chunks=[b"1" * 3_000_000], failure=ConnectionFailedError("It broke."))

    with pytest.raises(ConnectionFailedError):
        run(save(tmp_path / "out"))

    assert not list(tmp_path.glob("out*"))
    assert not list(tmp_path.glob(".*"))


def test_only_replies_of_success_are_written(script, tmp_path, monkeypatch):
    """
    An error of the vendor is raised, and no file is written.
    """
    target = tmp_path / "out"
    encode = OpenAICompatible.encode
    monkeypatch.setattr(
        OpenAICompatible,
        "encode",
        lambda self, request, *, stream: replace(
            encode(self, request, stream=stream), reply_to=target, max_reply_bytes=1
        ),
    )
    script.reply(400, {"error": {"message": "No."}}).reply(body=b"fine")
    with Client("openai-compatible/m", base_url="http://x", transport=script, retries=0, cache=False) as client:
        with pytest.raises(InvalidRequestError, match=r"No\."):
            client.ask("hi")
        assert not target.exists()

        with pytest.raises(BadResponseError):  # the body is in the file, so there is nothing to decode
            client.ask("hi")

    assert target.read_bytes() == b"fine"
