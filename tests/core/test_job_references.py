"""References to jobs that programs store while they wait for the result."""

from __future__ import annotations

import asyncio

import pytest

from budwood import Client, ConfigurationError, JobState, UnsupportedError
from budwood_testing import FakeClock
from tests.batch_server import BatchServer, fail, succeed
from tests.job_vendor import make_async_client
from tests.media_server import BLOCK


def test_video_names_its_job_before_it_waits(vendor, videos):
    """
    The function gets the job once, before the first poll; the job has the same video.
    """
    jobs = []

    def store(ref):
        jobs.append((ref, vendor.count("GET /v1/videos/video_1")))

    videos.video("A cat.", submitted=store)

    ((ref, polls),) = jobs
    assert (ref.kind, ref.id, polls) == ("video", "video_1", 0)
    assert videos.job(ref.model_dump_json()).result().video.read() == BLOCK
    assert vendor.count("POST /v1/videos") == 1


def test_stream_that_is_left_can_be_continued(vendor, videos):
    """
    The job is known before the first event; leaving the stream does not end it.
    """
    jobs = []

    with videos.stream_video("A cat.", submitted=jobs.append) as stream:
        first = next(iter(stream))
        (ref,) = jobs

    assert isinstance(first, JobState)
    assert videos.job(ref).result().video.read() == BLOCK
    assert vendor.count("POST /v1/videos") == 1


def test_async_client_names_jobs_as_well(vendor, clock):
    """
    Both calls mirror those of the blocking client.
    """
    jobs = []

    async def main():
        async with make_async_client(vendor.url, clock=clock) as client:
            await client.video("A cat.", submitted=jobs.append)
            async with client.stream_video("A cat.", submitted=jobs.append) as stream:
                async for _ in stream:
                    pass

    asyncio.run(main())

    assert [ref.provider for ref in jobs] == [jobs[0].provider] * 2


def test_error_of_the_function_names_the_job(videos):
    """
    The job is paid for: the program can continue it, although it could not store it.
    """

    def fail(ref):
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full") as caught:
        videos.video("A cat.", submitted=fail)

    assert videos.job(caught.value.job).result().video.read() == BLOCK


@pytest.mark.parametrize("call", ["video", "stream_video"])
def test_function_is_checked_before_a_job_is_paid_for(vendor, videos, call):
    """
    Nothing is sent if it is not a function.
    """
    with pytest.raises(ConfigurationError, match="submitted= must be a function"):
        getattr(videos, call)("A cat.", submitted="jobs.json")

    assert vendor.count("POST /v1/videos") == 0


@pytest.mark.parametrize("kind", ["video", "response"])
def test_job_continues_by_the_id_of_the_vendor(vendor, videos, kind):
    """
    With its kind, an id that another program has shown is enough.
    """
    job = videos.submit_video("A cat.") if kind == "video" else videos.submit("Hi")

    result = videos.job(job.id, kind=kind).result()

    assert result.id == job.id
    assert videos.job(job.id, kind=kind, model=f"{job.ref.provider}/other").ref.model == "other"


def test_id_without_a_kind_is_no_job(videos):
    """
    The error says that the kind is missing; other kinds, and other things than ids, are refused as well.
    """
    with pytest.raises(ConfigurationError) as caught:
        videos.job("video_1")
    assert "kind=" in caught.value.hint
    for job, kind in (("video_1", "film"), ("", "video"), (7, "video")):
        with pytest.raises(ConfigurationError, match="Invalid job"):
            videos.job(job, kind=kind)
    with pytest.raises(UnsupportedError):
        videos.job("batch_1", kind="batch")


def open_batches(server):
    """
    Return a client of a vendor with batches.
    """
    clock = FakeClock(1_795_000_000.0)
    return Client("openai/gpt-4.1-mini", api_key="sk-test", base_url=server.url, clock=clock, retries=0)


def test_batch_continues_by_the_id_of_the_vendor():
    """
    A batch whose id was lost, but was found at the vendor, has its replies in the order of the requests.
    """
    with BatchServer(arrange=lambda rows: rows[::-1]) as server, open_batches(server) as client:
        server.handle = lambda line: {"1": fail, "2": lambda _: None}.get(read_prompt(line), succeed)(line)
        client.submit_batch(["0", "1", "2", "three"])

        job = client.job("batch_1", kind="batch")
        results = job.result()
        again = client.job(job.to_json()).result()

        assert [str(result) for result in again] == [str(result) for result in results]
        assert [getattr(result, "text", type(result).__name__) for result in results] == [
            "0",
            "InvalidRequestError",
            "BatchItemError",
            "THREE",
        ]
        assert results[2].reason == "missing"
        assert (job.state.counts.total, job.failed) == (4, [1, 2])
        with pytest.raises(ConfigurationError, match="does not know its requests"):
            job.resubmit(["0", "1", "2", "three"])
        assert server.count("POST /batches") == 1


def test_batch_of_another_program_is_refused():
    """
    Its results have other ids, which do not say which request they answer.
    """
    with BatchServer() as server, open_batches(server) as client:
        client.submit_batch(["one"])
        server.handle = lambda line: succeed(line | {"custom_id": "request-1"})

        with pytest.raises(ConfigurationError, match="Budwood did not submit"):
            client.job("batch_1", kind="batch").result()


def read_prompt(line):
    """
    Return the prompt of a line.
    """
    return line["body"]["messages"][0]["content"]
