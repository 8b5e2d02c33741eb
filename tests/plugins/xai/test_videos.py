"""Videos of xAI, which are jobs."""

from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, UnsupportedError
from budwood.types import HTTPReply, ImagePart, JobRef, ReplyHead, SavedReply, VideoPart, VideoRequest
from tests.steps import run_steps

JOB = JobRef(kind="video", provider="xai", model="m", id="a/b", created=0.0)
DONE = {"status": "done", "video": {"url": "https://vidgen.x.ai/a.mp4", "duration": 6}, "model": "m"}


def json_reply(body, status=200):
    """
    Return a reply with a JSON body.
    """
    return HTTPReply(ReplyHead(status, {"content-type": "application/json"}), json.dumps(body).encode())


def submit(provider, **fields):
    """
    Submit a video; return the call and its body.
    """
    (call,), state = run_steps(
        provider.submit_video(VideoRequest(model="m", prompt="A cat", **fields)), [json_reply({"request_id": "1"})]
    )
    assert (state.id, state.status, call.repeatable) == ("1", "queued", False)
    return call, json.loads(call.body)


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        ({"size": "720p", "seconds": 6}, "generations", {"resolution": "720p", "duration": 6}),
        ({"size": "16:9"}, "generations", {"aspect_ratio": "16:9"}),
        ({"images": (ImagePart(file_id="1"),)}, "generations", {"image": {"file_id": "1"}}),
        (
            {"images": (ImagePart(url="https://a.example"), ImagePart(file_id="2"))},
            "generations",
            {"reference_images": [{"url": "https://a.example"}, {"file_id": "2"}]},
        ),
        ({"video": VideoPart(url="https://a.example")}, "edits", {"video": {"url": "https://a.example"}}),
        ({"video": VideoPart(file_id="1"), "seconds": 5}, "extensions", {"video": {"file_id": "1"}, "duration": 5}),
    ],
)
def test_requests(provider, fields, path, expected):
    """
    One image is the first frame and several are references; a video is changed, or continued for a duration.
    """
    call, body = submit(provider, **fields)

    assert call.url == f"https://api.x.ai/v1/videos/{path}"
    assert body == {"model": "m", "prompt": "A cat", **expected}
    assert call.adaptations == ()


@pytest.mark.parametrize("video", [None, VideoPart(file_id="1")])
@pytest.mark.parametrize(("seconds", "sent"), [(5.6, 6), (0.4, 1)])
def test_parts_of_a_second_are_rounded(provider, video, seconds, sent):
    """
    The API takes whole seconds, at least one; the adaptation says what was sent.
    """
    call, body = submit(provider, video=video, seconds=seconds)

    assert body["duration"] == sent
    assert [(one.parameter, one.action) for one in call.adaptations] == [("seconds", "changed")]


def test_parameters_that_videos_do_not_have(provider):
    """
    Each one that is dropped is an adaptation.
    """
    call, _ = submit(provider, video=VideoPart(file_id="1"), size="720p", seed=1, images=(ImagePart(file_id="2"),))

    assert {one.parameter for one in call.adaptations} == {"seed", "size", "images"}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"status": "pending", "progress": 56}, "running", None),
        ({"status": "thinking"}, "running", None),
        ({"error": {"code": "bad", "message": "No."}}, "failed", "bad"),
        (DONE, "succeeded", None),
        ({"video": {"url": "https://vidgen.x.ai/a.mp4"}}, "succeeded", None),
        ({"status": "expired"}, "expired", None),
        ({"status": "failed", "error": {"code": "bad", "message": "No."}}, "failed", "bad"),
        ({"status": "done", "video": {"url": "u", "respect_moderation": False}}, "failed", "content_filter"),
        ({"status": "done"}, "failed", "content_filter"),
    ],
)
def test_states(provider, body, status, error):
    """
    An unknown state is running; a video that the moderation removed and an error without a state are failures.
    """
    (call,), state = run_steps(provider.poll_video(JOB), [json_reply(body, 202)])

    assert call.url == "https://api.x.ai/v1/videos/a%2Fb"
    assert (state.status, state.error_code) == (status, error)
    assert state.progress == (0.56 if "progress" in body else None)


def test_a_video_is_fetched_from_its_url(provider, tmp_path):
    """
    A reference without the URL is polled first.
    """
    saved = HTTPReply(ReplyHead(200, {"content-type": "video/mp4"}), b"", SavedReply(tmp_path / "a", 3))

    (poll, download), response = run_steps(provider.fetch_video(JOB, tmp_path / "a"), [json_reply(DONE), saved])

    assert (poll.method, download.url, download.reply_to) == ("GET", "https://vidgen.x.ai/a.mp4", tmp_path / "a")
    assert (response.video.path, response.video.seconds, response.model) == (tmp_path / "a", 6.0, "m")
    assert response.raw == DONE


def test_a_job_without_a_video_is_an_error(provider, tmp_path):
    """
    The hint says to wait for the job.
    """
    with pytest.raises(BadResponseError, match="no URL"):
        run_steps(provider.fetch_video(JOB, tmp_path / "a"), [json_reply({"status": "pending"})])


def test_a_submission_without_an_id_is_an_error(provider):
    """
    Without the id, the job cannot be found again.
    """
    with pytest.raises(BadResponseError, match="request_id"):
        run_steps(provider.submit_video(VideoRequest(model="m", prompt="a")), [json_reply({})])


def test_videos_cannot_be_cancelled(provider):
    """
    The API has no such operation.
    """
    with pytest.raises(UnsupportedError, match="cannot cancel"):
        provider.cancel_video(JOB)
