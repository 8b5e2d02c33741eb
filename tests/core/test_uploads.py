"""Media of messages that are uploaded once, over a vendor on loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from budwood import Image, Message, TextPart, ToolCallPart, ToolResultPart
from budwood.errors import ConfigurationError, InvalidRequestError
from tests.job_vendor import KEY, make_async_client, make_client
from tests.media_server import PNG, failure

ROOT = Path(__file__).parents[2]
UPLOAD = "POST /v1/files"
ASK = "POST /v1/chat"
OTHER = PNG + b"other"


@pytest.fixture
def chats(vendor, clock):
    """
    A client of the vendor.
    """
    with make_client(vendor.url, clock=clock) as client:
        yield client


def show(*contents):
    """
    Return a message with images.
    """
    return Message.user("What is this?", *(Image(data=data, media_type="image/png") for data in contents))


def sent(vendor):
    """
    Return the parts of all chat requests.
    """
    return [request.json["parts"] for request in vendor.requests if request.line == ASK]


def test_small_media_are_sent_within_the_request(vendor, chats):
    """
    They are not worth an upload.
    """
    chats.ask(show(PNG))

    assert sent(vendor) == [["What is this?", {"size": len(PNG)}]]
    assert vendor.count(UPLOAD) == 0


def test_media_are_uploaded_once(vendor, chats):
    """
    Later requests refer to the same content, also under another name.
    """
    reply = chats.ask(show(PNG), upload="always")
    chats.ask(show(PNG, OTHER), upload="always")
    chats.ask(Message.user("Again", Image(data=PNG, media_type="image/png", name="x.png")), upload="always")

    assert vendor.lines() == [UPLOAD, ASK, UPLOAD, ASK, ASK]
    assert sent(vendor)[1] == ["What is this?", {"file": "file-1"}, {"file": "file-2"}]
    assert [content for _, content in vendor.files.values()] == [PNG, OTHER]
    assert [attempt.status for attempt in reply.attempts] == [200, 200]


def test_media_in_results_of_tools_are_uploaded(vendor, chats):
    """
    They are replaced in their place, and the same content is uploaded once.
    """
    image = Image(data=PNG, media_type="image/png")
    result = ToolResultPart(call_id="c1", name="shot", content=(TextPart(text="Here"), image))
    call = Message(role="assistant", parts=(ToolCallPart(id="c1", name="shot", arguments="{}"),))

    chats.ask([show(PNG), call, Message.tool(result)], upload="always")

    assert vendor.lines() == [UPLOAD, ASK]
    assert sent(vendor) == [["What is this?", {"file": "file-1"}, "shot", ["Here", {"file": "file-1"}]]]
    assert result.media == (image,)


def test_media_that_do_not_fit_into_a_request_are_uploaded(vendor, clock, tmp_path):
    """
    The largest ones are, until the others fit.
    """
    path = tmp_path / "large.png"
    path.write_bytes(PNG + bytes(5000))
    settings = {"models": {"vendor/clips": {"media": {"image": {"request_bytes": 1000}}}}}

    with make_client(vendor.url, clock=clock, settings=settings) as client:
        client.ask(Message.user("Which?", Image(data=PNG, media_type="image/png"), Image(path=path)))

    assert sent(vendor) == [["Which?", {"size": len(PNG)}, {"file": "file-1"}]]
    assert vendor.files["file-1"][1] == path.read_bytes()


def test_uploads_can_be_forbidden(vendor, chats):
    """
    Other words than the three are refused.
    """
    chats.ask(show(PNG), upload="never")

    assert vendor.count(UPLOAD) == 0
    with pytest.raises(ConfigurationError, match="Invalid upload 'maybe'"):
        chats.ask(show(PNG), upload="maybe")


@pytest.mark.parametrize("status", [404, 400])
def test_file_that_the_vendor_has_forgotten_is_uploaded_again(vendor, chats, status):
    """
    The caller does not notice.
    """
    vendor.lost_status = status
    chats.ask(show(PNG), upload="always")
    vendor.files.clear()

    reply = chats.ask(show(PNG), upload="always")

    assert vendor.lines() == [UPLOAD, ASK, ASK, UPLOAD, ASK]
    assert [attempt.status for attempt in reply.attempts] == [status, 200, 200]


def test_lost_file_is_uploaded_again_only_once(vendor, chats):
    """
    A vendor that never finds it gets no endless uploads.
    """
    vendor.fault = lambda _, request: failure(404, "No such File object") if request.line == ASK else None

    with pytest.raises(Exception, match="No such File"):
        chats.ask(show(PNG), upload="always")

    assert vendor.lines() == [UPLOAD, ASK, UPLOAD, ASK]


def test_other_errors_do_not_upload_again(vendor, chats):
    """
    The vendor still has the file.
    """
    vendor.fault = lambda _, request: failure(400, "The prompt is too rude.") if request.line == ASK else None

    with pytest.raises(InvalidRequestError):
        chats.ask(show(PNG), upload="always")

    assert vendor.lines() == [UPLOAD, ASK]


def test_uploads_are_remembered_beyond_the_process(vendor):
    """
    Another process refers to the same file; the registry contains no key.
    """
    code = """
import sys
from tests.core.test_uploads import PNG, show
from tests.job_vendor import make_client
with make_client(sys.argv[1]) as client:
    client.ask(show(PNG), upload="always")
"""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, vendor.url], cwd=ROOT, check=True, timeout=60)

    assert vendor.lines() == [UPLOAD, ASK, ASK]
    (path,) = Path.home().rglob("uploads.sqlite3")
    assert KEY.encode() not in path.read_bytes()


def test_equal_uploads_under_way_are_shared(vendor, chats):
    """
    Threads with the same content wait for one upload.
    """
    started, gate = threading.Event(), threading.Event()

    def hold(handler):
        started.set()
        assert gate.wait(60)
        handler.send(200, vendor.store("a", PNG, None, "input"))

    vendor.fault = lambda _, request: hold if request.line == UPLOAD else None
    threads = [threading.Thread(target=lambda: chats.ask(show(PNG), upload="always")) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert started.wait(60)
    gate.set()
    for thread in threads:
        thread.join(60)

    assert vendor.count(UPLOAD) == 1
    assert sent(vendor) == [["What is this?", {"file": "file-1"}]] * 3


def test_async_calls_share_uploads(vendor, clock):
    """
    So do tasks.
    """

    async def main():
        async with make_async_client(vendor.url, clock=clock) as client:
            await asyncio.gather(*(client.ask(show(PNG, OTHER), upload="always") for _ in range(4)))

    asyncio.run(main())

    assert vendor.count(UPLOAD) == 2
    assert vendor.count(ASK) == 4


def test_failed_upload_is_not_remembered(vendor, chats):
    """
    The next call uploads again.
    """
    vendor.fault = lambda number, _: failure(400, "Not that.") if number == 1 else None
    with pytest.raises(InvalidRequestError, match="Not that"):
        chats.ask(show(PNG), upload="always")

    chats.ask(show(PNG), upload="always")

    assert vendor.lines() == [UPLOAD, UPLOAD, ASK]
