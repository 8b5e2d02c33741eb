"""Recorded traffic of xAI: an edited image, a video, speech and a file."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from budwood.types import (
    FileUpload,
    HTTPReply,
    ImagePart,
    ImageRequest,
    JobRef,
    SavedReply,
    SpeechRequest,
    VideoRequest,
)
from tests.contract import media_recordings as media
from tests.contract import recorded
from tests.contract.replay import parse_head
from tests.steps import run_steps

EDITS = media.list_exchanges("xai", path="/images/edits")
SPEECH = media.list_exchanges("xai", path="/tts")
UPLOADS = media.list_exchanges("xai", path="/files")
VIDEOS = media.list_exchanges("xai", path="/videos/generations")


def make_reply(one):
    """
    Return the reply of an exchange.
    """
    return HTTPReply(parse_head(one.response), one.response.body)


@pytest.mark.parametrize(("file", "number"), EDITS)
def test_recorded_edits(ledger, xai, file, number):
    """
    The request is equal, and the image is a URL with the cost that xAI reports.
    """
    one = recorded.read_exchanges(file)[number]
    payload = one.request.json()
    images = tuple(ImagePart(url=image["url"]) for image in payload["images"])
    request = ImageRequest(model=payload["model"], prompt=payload["prompt"], images=images)

    call = xai.encode_image(request, stream=False)
    response = xai.decode_image(request, make_reply(one))

    row = one.response.json()
    assert (call.url, json.loads(call.body)) == (one.request.url, payload)
    assert [(image.url, image.media_type) for image in response.images] == [
        (image["url"], image["mime_type"]) for image in row["data"]
    ]
    assert response.usage.reported_cost == Decimal("0.07")
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), SPEECH)
def test_recorded_speech(ledger, xai, file, number):
    """
    The request is equal, without a model, and the audio is that of the reply.
    """
    one = recorded.read_exchanges(file)[number]
    payload = one.request.json()
    request = SpeechRequest(model="grok-tts", text=payload["text"])

    call = xai.encode_speech(request, stream=False)
    response = xai.decode_speech(request, make_reply(one))

    assert (call.url, json.loads(call.body)) == (one.request.url, payload)
    assert (response.audio.data, response.audio.media_type) == (one.response.body, "audio/mpeg")
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), UPLOADS)
def test_recorded_uploads(ledger, xai, file, number):
    """
    The form is equal, and the stored file is decoded.
    """
    one = recorded.read_exchanges(file)[number]
    ((name, content),) = media.parse_request(one.request)["file"]
    row = one.response.json()

    (call,), info = run_steps(
        xai.upload_file(FileUpload(data=content, name=name, media_type="application/pdf")), [make_reply(one)]
    )

    assert (call.url, media.parse_call(call)) == (one.request.url, [("file", name, content)])
    assert (info.id, info.name, info.size, info.created) == (row["id"], name, len(content), row["created_at"])
    assert info.raw == row
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), VIDEOS)
def test_recorded_videos(ledger, xai, tmp_path, file, number):
    """
    A job is submitted as it was recorded, runs while the status is 202, and has the video, its cost and its duration.
    """
    submitted, *polls, download = recorded.read_exchanges(file)[number:]
    payload = submitted.request.json()
    request = VideoRequest(
        model=payload["model"], prompt=payload["prompt"], seconds=payload["duration"], size=payload["resolution"]
    )

    (call,), state = run_steps(xai.submit_video(request), [make_reply(submitted)])
    assert (call.url, json.loads(call.body), call.repeatable) == (submitted.request.url, payload, False)

    ref = JobRef(kind="video", provider="xai", model=payload["model"], id=state.id, created=0.0)
    states = []
    for one in polls:
        (call,), polled = run_steps(xai.poll_video(ref), [make_reply(one)])
        assert (call.method, call.url) == ("GET", one.request.url)
        assert polled.progress == one.response.json()["progress"] / 100
        states.append((one.response.status, polled.status, polled.raw_status))
        ref = ref.model_copy(update={"data": polled.data})
    assert set(states[:-1]) == {(202, "running", "pending")}
    assert states[-1] == (200, "succeeded", "done")

    saved = HTTPReply(parse_head(download.response), b"", SavedReply(tmp_path / "a.mp4", len(download.response.body)))
    (call,), response = run_steps(xai.fetch_video(ref, tmp_path / "a.mp4"), [saved])
    assert (call.url, call.reply_to) == (download.request.url, tmp_path / "a.mp4")
    assert (response.video.path, response.video.media_type, response.video.seconds) == (
        tmp_path / "a.mp4",
        "video/mp4",
        1.0,
    )
    assert (response.model, response.usage.reported_cost) == (payload["model"], Decimal("0.05"))
    for one in (submitted, *polls, download):
        ledger.record_replay(one)
