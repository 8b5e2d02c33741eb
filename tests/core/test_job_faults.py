"""Jobs that were paid for: what waiting, cancelling and errors must not lose."""

from __future__ import annotations

import asyncio
import math

import pytest

from budwood import VideoDelta
from budwood.errors import BadResponseError, ConfigurationError, RequestTimeoutError, ServerError
from budwood_testing import ScriptedTransport
from tests.job_vendor import make_async_client, make_client
from tests.media_server import BLOCK, failure

QUEUED = {"id": "video_1", "status": "queued", "progress": 0}


def test_job_that_has_ended_is_not_cancelled(vendor, videos):
    """
    Its state stays, and its result, which is paid for: vendors would delete it.
    """
    job = videos.submit_video("A cat.")
    job.wait()

    assert job.cancel().status == "succeeded"
    assert not [line for line in vendor.lines() if line.startswith("DELETE")]
    assert job.result().video.read()


def test_job_that_has_ended_is_not_cancelled_by_async_programs(vendor, clock):
    """
    The async job mirrors the blocking one.
    """

    async def main():
        async with make_async_client(vendor.url, clock=clock) as client:
            job = await client.submit_video("A cat.")
            await job.wait()
            return await job.cancel()

    assert asyncio.run(main()).status == "succeeded"
    assert not [line for line in vendor.lines() if line.startswith("DELETE")]


def test_timeout_of_a_wait_bounds_the_poll_in_flight(clock):
    """
    A server that hangs does not prolong the wait by the timeout of a request.
    """
    hanging = ScriptedTransport(clock=clock)
    hanging.reply(body=QUEUED).reply(body=QUEUED, delay=math.inf)
    begin = clock.now

    with (
        make_client("https://vendor.example", transport=hanging, clock=clock) as client,
        pytest.raises(RequestTimeoutError, match="within 3 s"),
    ):
        client.video("A cat.", wait=3)

    assert clock.now - begin == 3


def test_timeout_of_a_wait_names_the_error_of_the_last_poll(vendor, videos, clock):
    """
    It says how long it waited, and why the state is not known.
    """
    vendor.fault = lambda number, _: failure(500, "It broke.") if number > 1 else None

    with pytest.raises(RequestTimeoutError, match=r"within 10 s\. The last poll failed: .*It broke") as caught:
        videos.video("A cat.", wait=10)

    assert isinstance(caught.value.__cause__, ServerError)
    assert caught.value.attempts[-1].status == 500
    assert caught.value.job.id == "video_1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output": "missing/cat.mp4"}, "Cannot write the reply"),
        ({"output": "."}, "not a regular file"),
        ({"progress": 5}, "progress= must be a function; got int"),
        ({"wait": -1}, "must be a number of seconds, 0 or more; got -1"),
        ({"wait": math.nan}, "must be a number of seconds"),
        ({"wait": "3"}, "must be a number of seconds"),
    ],
)
def test_arguments_of_a_video_are_checked_before_it_is_paid_for(vendor, videos, arguments, message):
    """
    Nothing is submitted, and an existing job is not asked for.
    """
    job = videos.submit_video("A dog.")
    of_job = {"timeout" if name == "wait" else name: value for name, value in arguments.items()}

    with pytest.raises(ConfigurationError, match=message):
        videos.video("A cat.", **arguments)
    with pytest.raises(ConfigurationError, match=message):
        job.result(**of_job)

    assert vendor.lines() == ["POST /v1/videos"]


def test_arguments_of_a_batch_are_checked_before_it_is_paid_for(vendor, videos):
    """
    They are those of the wait.
    """
    with pytest.raises(ConfigurationError, match="progress="):
        videos.batch(["A cat."], progress=5)

    assert vendor.lines() == []


def test_error_of_the_program_carries_the_job(vendor, videos):
    """
    What progress= raises passes through, with the job that the vendor continues.
    """

    def fail(_state):
        raise LookupError("no such bar")

    with pytest.raises(LookupError) as caught:
        videos.video("A cat.", progress=fail)

    assert videos.job(caught.value.job).result().video.read()
    assert vendor.lines().count("POST /v1/videos") == 1


def test_error_while_the_video_is_written_carries_the_job(vendor, videos, tmp_path):
    """
    The video is fetched again without another submission.
    """
    folder = tmp_path / "videos"
    folder.mkdir()

    with pytest.raises(ConfigurationError) as caught:
        videos.video("A cat.", output=folder / "cat.mp4", progress=lambda state: state.is_ended and folder.rmdir())

    assert videos.job(caught.value.job).result(output=tmp_path / "cat.mp4").video.path.exists()
    assert vendor.lines().count("POST /v1/videos") == 1


PAGES = {
    "page": (b"<html><title>Login</title></html>", r"HTML \('Login'\)"),
    "error": (b'{"error": {"message": "expired"}}', "text that starts with"),
    "empty": (b"", "empty"),
    "document": (b"%PDF-1.7\n\x00", "application/pdf"),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("call", ["blocking", "async", "stream", "in memory"])
def test_page_in_place_of_a_video_is_an_error(vendor, clock, tmp_path, page, call):
    """
    The old file stays, and the error carries the job.
    """
    content, described = PAGES[page]
    output = tmp_path / "videos" / "cat.mp4"
    output.parent.mkdir()
    output.write_bytes(b"old")
    fault = lambda handler: handler.send(200, content, **{"content-type": "video/mp4"})  # noqa: E731 - a fault
    vendor.fault = lambda _, request: fault if request.path.endswith("/content") else None

    with pytest.raises(BadResponseError, match=f"not a video but {described}") as caught:
        generate(vendor.url, clock, output, call)

    assert caught.value.job.id == "video_1"
    assert [(file.name, file.read_bytes()) for file in output.parent.iterdir()] == [("cat.mp4", b"old")]


@pytest.mark.parametrize("is_changed", [False, True])
def test_interrupted_download_of_a_stream_continues_where_it_was(vendor, clock, tmp_path, is_changed):
    """
    No byte is emitted twice, and a repetition with other content is an error that carries the job.
    """
    vendor.video_size = 3 * len(BLOCK)
    first = b"\0" * 10 if is_changed else b""
    downloads = []

    def cut(handler):
        handler.send_head(200, vendor.video_size, {"content-type": "video/mp4"})
        handler.wfile.write(BLOCK[: len(BLOCK) - len(first)] + first + BLOCK[:1000])
        handler.close_connection = True

    def fault(_, request):
        if not request.path.endswith("/content"):
            return None
        downloads.append(request)
        return cut if len(downloads) == 1 else None

    vendor.fault = fault
    with make_client(vendor.url, clock=clock, retries=1) as client:
        stream = client.stream_video("A cat.", output=tmp_path / "cat.mp4")
        if is_changed:
            with pytest.raises(BadResponseError, match="other content") as caught:
                list(stream)
            assert client.job(caught.value.job).result().video.read() == BLOCK * 3
            return
        deltas = [event.data for event in stream if isinstance(event, VideoDelta)]

    assert b"".join(deltas) == (tmp_path / "cat.mp4").read_bytes() == BLOCK * 3
    assert len(downloads) == 2


def generate(url, clock, output, call):
    """
    Generate a video in one of several ways.
    """

    async def generate_async():
        async with make_async_client(url, clock=clock) as client:
            await client.video("A cat.", output=output)

    if call == "async":
        asyncio.run(generate_async())
        return
    with make_client(url, clock=clock) as client:
        if call == "stream":
            client.stream_video("A cat.").save(output)
        else:
            client.video("A cat.", output=output if call == "blocking" else None)
