"""Long jobs, over a vendor on loopback."""

from __future__ import annotations

import asyncio
import copy
from decimal import Decimal

import pytest

from budwood import JobRef, JobState, VideoDelta
from budwood.errors import (
    BudgetExceededError,
    ConfigurationError,
    JobFailedError,
    NotFoundError,
    ProviderError,
    RequestTimeoutError,
    UnsupportedError,
)
from budwood.types import RequestFinished
from tests.job_vendor import DROPPED_SEED, KEY, kill_this_process, make_async_client, make_client
from tests.media_server import BLOCK, disconnect, failure

SUBMIT = "POST /v1/videos"
POLL = "GET /v1/videos/video_1"
CONTENT = "GET /v1/videos/video_1/content"


class Collector:
    """
    An observer that keeps what it receives.
    """

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)


def test_video_is_submitted_awaited_and_downloaded(vendor, videos, clock):
    """
    The states are reported, and the video arrives with its usage and its cost.
    """
    states = []

    reply = videos.video("A cat.", seconds=4, progress=states.append)

    assert vendor.lines() == [SUBMIT, POLL, POLL, CONTENT]
    assert vendor.requests[0].json == {"model": "clips", "prompt": "A cat.", "seconds": 4}
    assert [(state.status, state.progress) for state in states] == [("running", 0.5), ("succeeded", 1.0)]
    assert reply.video.read() == BLOCK
    assert (reply.id, reply.provider, reply.model) == ("video_1", "vendor", "clips")
    assert (reply.cost, reply.usage.input_tokens) == (Decimal("0.25"), 7)
    assert [attempt.cost for attempt in reply.attempts] == [Decimal(0), Decimal("0.25")]  # submission and download
    assert clock.slept == [1.0]


def test_async_client_generates_videos(vendor, clock):
    """
    It mirrors the blocking one.
    """

    async def main():
        async with make_async_client(vendor.url, clock=clock) as client:
            reply = await client.video("A cat.")
            job = await client.submit_video("A dog.")
            state = await job.poll()
            text = (await client.job(job.to_json()).result()).video.read()
            reply_job = await client.submit("Think.")
            answer = await reply_job.result()
            return reply, state, text, answer

    reply, state, text, answer = asyncio.run(main())

    assert reply.video.read() == text == BLOCK
    assert state.status == "running"
    assert answer.text == "It is done."


def test_polls_are_at_growing_distances(vendor, videos, clock):
    """
    The distance grows by half, up to thirty seconds.
    """
    vendor.states = ("queued",) * 13 + ("completed",)

    videos.video("A cat.")

    assert clock.slept[:4] == [1.0, 1.5, 2.25, 3.375]
    assert clock.slept[-1] == 30.0


def test_vendor_sets_the_distance_of_polls(vendor, videos, clock):
    """
    What the vendor asks for is used as it is.
    """
    vendor.poll_headers = {"openai-poll-after-ms": "20000"}

    videos.video("A cat.")

    assert clock.slept == [20.0, 20.0]


@pytest.mark.parametrize("call", ["video", "submit_video"])
def test_vendor_sets_the_distance_of_the_first_poll(vendor, videos, clock, call):
    """
    The reply to the submission says when to ask for the first time.
    """
    vendor.poll_headers = {"openai-poll-after-ms": "20000"}
    vendor.states = ("queued", "completed")

    reply = getattr(videos, call)("A cat.")
    if call == "submit_video":
        clock.sleep(5)
        reply.wait()

    assert sum(clock.slept) == 20.0


def test_waiting_ends_before_a_later_first_poll(vendor, videos, clock):
    """
    The timeout of the wait is the earlier one.
    """
    vendor.poll_headers = {"openai-poll-after-ms": "20000"}
    vendor.states = ("queued",)

    with pytest.raises(RequestTimeoutError):
        videos.video("A cat.", wait=3)

    assert clock.slept == [3.0]


def test_transient_errors_do_not_end_a_wait(vendor, videos):
    """
    Polls may fail for a while: the job is neither lost nor submitted again.
    """
    vendor.fault = lambda number, _: failure(503) if 2 <= number <= 8 else disconnect if number == 9 else None

    assert videos.video("A cat.").video.read() == BLOCK
    assert vendor.count(SUBMIT) == 1


def test_job_that_the_vendor_has_forgotten_ends_the_wait(vendor, videos):
    """
    The error names the job, and does not advise to check the model.
    """
    job = videos.submit_video("A cat.")
    vendor.jobs.clear()

    with pytest.raises(NotFoundError) as caught:
        job.wait()

    assert caught.value.job == job.ref
    assert "does not have the job" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        ("failed", "The job video_1 failed: Not that.", "Correct what the reason names"),
        ("cancelled", "The job video_1 was cancelled.", "if you need one"),
        ("expired", "The job video_1 expired before the vendor completed it.", "Submit it again"),
    ],
)
def test_job_without_a_result_is_an_error(vendor, videos, status, message, hint):
    """
    It has the vendor's reason and a hint that fits it, and nothing is downloaded.
    """
    vendor.states = ("queued", status)
    vendor.error = {"code": "moderation_blocked", "message": "Not that."}

    with pytest.raises(JobFailedError, match=message) as caught:
        videos.video("A cat.")

    assert caught.value.code == ("moderation_blocked" if status == "failed" else None)
    assert hint in caught.value.hint
    assert vendor.count(CONTENT) == 0


def test_waiting_has_a_timeout_of_its_own(vendor, videos, clock):
    """
    The job goes on, and can be taken up again from the error.
    """
    vendor.states = ("queued",)
    with pytest.raises(RequestTimeoutError, match="has not ended within 10 s") as caught:
        videos.video("A cat.", wait=10)
    assert sum(clock.slept) == 10

    vendor.states = ("queued", "completed")
    assert videos.job(caught.value.job).result().video.read() == BLOCK
    assert vendor.count(SUBMIT) == 1


def test_timeout_of_the_options_bounds_each_request(vendor, clock):
    """
    It does not bound the time that a job takes.
    """
    vendor.states = ("queued",) * 9 + ("completed",)

    with make_client(vendor.url, clock=clock, timeout=5) as client:
        client.video("A cat.")

    assert sum(clock.slept) > 5


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("fault", [disconnect, failure(500), failure(504), lambda handler: handler.send(200, b"?")])
def test_submission_that_may_have_arrived_is_not_repeated(vendor, videos, fault, retries):
    """
    The vendor may already work on it, so it is not sent twice, and the error says so.
    """
    vendor.fault = lambda _number, _request: fault

    with pytest.raises(ProviderError, match="may have accepted the request") as caught:
        videos.submit_video("A cat.", retries=retries)

    assert caught.value.may_be_accepted
    assert not caught.value.retryable
    assert vendor.lines() == [SUBMIT]


@pytest.mark.parametrize("status", [400, 404])
def test_rejected_submission_was_not_accepted(vendor, videos, status):
    """
    The caller may submit another one.
    """
    vendor.fault = lambda _number, _request: failure(status)

    with pytest.raises(ProviderError) as caught:
        videos.submit_video("A cat.")

    assert not caught.value.may_be_accepted


def test_job_continues_from_its_json(vendor, videos, clock):
    """
    Another client takes it up again; nothing secret is in the text.
    """
    job = videos.submit_video("A cat.", label="shorts")
    text = job.to_json()

    with make_client(vendor.url, clock=clock) as other:
        taken = other.job(text)
        assert (taken.id, taken.kind, taken.status, taken.ref.label) == ("video_1", "video", None, "shorts")
        assert taken.wait().status == taken.status == "succeeded"
        assert taken.result().video.read() == BLOCK

    assert KEY not in text
    assert vendor.count(SUBMIT) == 1
    assert repr(taken) == "<Job video vendor/clips video_1: succeeded>"


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no json", None])
def test_other_text_is_no_job(videos, text):
    """
    The error says what a job is.
    """
    with pytest.raises(ConfigurationError, match=r"Job\.to_json"):
        videos.job(text)


def test_adaptations_of_the_request_are_in_the_result(vendor, videos):
    """
    Another process sees them as well.
    """
    job = videos.submit_video("A cat.", seed=1)

    assert videos.job(job.to_json()).result().adaptations == (DROPPED_SEED,)
    with pytest.raises(UnsupportedError, match="the vendor has no seeds"):
        videos.submit_video("A cat.", seed=1, on_unsupported="error")
    assert vendor.count(SUBMIT) == 1


def test_job_can_be_cancelled(vendor, videos):
    """
    Its status is that of the vendor, and it has no result.
    """
    job = videos.submit("Think.")

    assert job.cancel().status == job.status == "cancelled"
    with pytest.raises(JobFailedError):
        job.result()


def test_reply_in_the_background_is_a_chat_reply(vendor, videos):
    """
    It has text, usage and cost.
    """
    job = videos.submit("Think.", label="slow")

    reply = job.result()

    assert reply.text == "It is done."
    assert (reply.cost, reply.usage.total_tokens) == (Decimal("0.125"), 16)
    assert vendor.requests[0].json["background"] is True


def test_reply_in_the_background_takes_no_tools(vendor, videos):
    """
    They would need this process until the reply.
    """
    with pytest.raises(UnsupportedError, match="cannot run tools"):
        videos.submit("Think.", tools=[kill_this_process])
    with pytest.raises(UnsupportedError, match="schema="):
        videos.submit("Think.", schema=dict)
    assert vendor.lines() == []


def test_video_is_written_to_a_file(vendor, videos, tmp_path):
    """
    It is not in memory.
    """
    vendor.video_size = 5 * len(BLOCK) + 3

    reply = videos.video("A cat.", output=tmp_path / "cat.mp4")

    assert reply.video.path == tmp_path / "cat.mp4"
    assert (tmp_path / "cat.mp4").stat().st_size == vendor.video_size


def test_large_video_is_in_a_temporary_file(vendor, videos, monkeypatch):
    """
    The file is deleted with the response.
    """
    monkeypatch.setattr("budwood.engine.job_results.MAX_IN_MEMORY", 1000)

    reply = videos.video("A cat.")
    path = reply.video.path

    assert path.read_bytes() == BLOCK
    del reply
    assert not path.parent.exists()


def test_stream_of_a_video_has_states_and_bytes(vendor, videos):
    """
    The bytes arrive while the video is downloaded, and the response holds it as well.
    """
    vendor.video_size = 3 * len(BLOCK)

    with videos.stream_video("A cat.") as stream:
        events = list(stream)

    states = [event.status for event in events if isinstance(event, JobState)]
    deltas = [event for event in events if isinstance(event, VideoDelta)]
    assert states == ["queued", "running", "succeeded"]
    assert b"".join(delta.data for delta in deltas) == stream.response.video.read() == BLOCK * 3
    assert {delta.total for delta in deltas} == {vendor.video_size}


def test_async_stream_of_a_video_has_states_and_bytes(vendor, clock):
    """
    It mirrors the blocking one.
    """

    async def main():
        async with make_async_client(vendor.url, clock=clock) as client, client.stream_video("A cat.") as stream:
            return [event async for event in stream], stream.response

    events, response = asyncio.run(main())

    assert b"".join(event.data for event in events if isinstance(event, VideoDelta)) == BLOCK
    assert response.video.read() == BLOCK


def test_observers_see_the_submission_and_the_result(vendor, clock):
    """
    Polls are not requests of the user, and only the result has a cost.
    """
    collector = Collector()

    with make_client(vendor.url, clock=clock, observers=[collector]) as client:
        client.video("A cat.")

    finished = [event for event in collector.events if isinstance(event, RequestFinished)]
    assert [event.service for event in finished] == ["video", "video"]
    assert [event.response is not None for event in finished] == [False, True]
    assert finished[1].response.cost == Decimal("0.25")
    assert [attempt.cost for event in finished for attempt in event.attempts] == [Decimal(0), Decimal("0.25")]


def test_budget_refuses_jobs_whose_cost_is_not_known(vendor, videos):
    """
    Nothing is sent.
    """
    with pytest.raises(BudgetExceededError, match="highest cost of this request is not known"):
        videos.submit_video("A cat.", budget=1)

    assert vendor.lines() == []


def test_budget_counts_the_cost_of_the_result(vendor, clock):
    """
    A job that is taken up again counts as well.
    """
    budgets = {"all": {"dollars": 1, "per": "client"}}
    with make_client(vendor.url, clock=clock, budgets=budgets, unknown_price="ignore") as client:
        client.video("A cat.")
        client.submit_video("A dog.").result()
        (state,) = client.budgets()

    assert state.spent == Decimal("0.5")


def test_interrupted_download_is_repeated(vendor, videos):
    """
    The vendor still has the video.
    """

    def cut(handler):
        handler.send_head(200, len(BLOCK), {"content-type": "video/mp4"})
        handler.wfile.write(BLOCK[:1000])
        handler.close_connection = True

    vendor.fault = lambda _, request: cut if request.line == CONTENT and vendor.count(CONTENT) == 1 else None

    assert videos.video("A cat.").video.read() == BLOCK
    assert vendor.count(CONTENT) == 2


def test_reference_keeps_what_the_provider_needs():
    """
    It is the same after JSON.
    """
    ref = JobRef(kind="video", provider="vendor", model="m", id="1", created=2.5, data={"uri": "x"})

    assert JobRef.model_validate_json(ref.model_dump_json()) == copy.deepcopy(ref)
