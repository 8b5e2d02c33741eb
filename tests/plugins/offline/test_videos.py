"""Videos of the offline provider, and jobs of models inside the process."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budwood import AsyncClient, Client, JobState, VideoDelta
from budwood.errors import ConfigurationError, InvalidRequestError
from budwood.providing import sniff_media_type
from budwood.types import VideoRequest
from budwood_offline.filming import film

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def client():
    """
    A client of the model for videos.
    """
    with Client("offline/video") as created:
        yield created


def boxes(data):
    """
    Return the boxes of an MP4 by name, with the place of their content.
    """
    found, place = {}, 0
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        assert 8 <= size <= len(data) - place
        found[name] = place + 8, data[place + 8 : place + size]
        place += size
    return found


def read_path(data, *names):
    """
    Return the content of a box within others.
    """
    for name in names:
        _, data = boxes(data)[name]
    return data


def pictures_of(video):
    """
    Return the pictures of a video and their durations in seconds, as a player finds them by its tables.
    """
    table = boxes(read_path(video, b"moov", b"trak", b"mdia", b"minf", b"stbl"))
    (count,) = struct.unpack_from(">I", table[b"stsz"][1], 8)
    sizes = struct.unpack_from(f">{count}I", table[b"stsz"][1], 12)
    (place,) = struct.unpack_from(">I", table[b"stco"][1], 8)
    runs = struct.unpack_from(f">{2 * count}I", table[b"stts"][1], 8)
    pictures = []
    for size in sizes:
        pictures.append(video[place : place + size])
        place += size
    assert place == len(video)
    return pictures, [duration / 1000 for duration in runs[1::2]]


def test_a_video_has_a_picture_for_each_second(client):
    """
    The file states what was asked: the prompt, the size and the duration.
    """
    video = client.video("A bud grows.", seconds=2.5, size="64x32", seed=3).video
    content = video.read()
    pictures, durations = pictures_of(content)

    assert (video.width, video.height, video.seconds, video.seed) == (64, 32, 2.5, 3)
    assert (video.media_type, sniff_media_type(content)) == ("video/mp4", "video/mp4")
    assert durations == [1, 1, 0.5]
    assert all(picture.startswith(PNG) and struct.unpack_from(">2I", picture, 16) == (64, 32) for picture in pictures)
    assert len(set(pictures)) == 3
    assert read_path(content, b"moov", b"udta", b"meta").endswith(b"A bud grows.")


@given(prompt=st.text(max_size=100), seconds=st.floats(0.001, 5), width=st.integers(16, 64))
@settings(deadline=None, max_examples=30)
def test_any_video_can_be_read(prompt, seconds, width):
    """
    Its tables agree with its content, and it is the same for the same request.
    """
    request = VideoRequest(model="video", prompt=prompt, seconds=seconds, size=f"{width}x16")
    video = film(request)
    pictures, durations = pictures_of(video.data)

    assert all(picture.startswith(PNG) for picture in pictures)
    assert sum(durations) == pytest.approx(seconds, abs=0.001)
    assert film(request) == video


def test_stream_yields_the_states_and_the_bytes(client):
    """
    The reply itself contains the video, which arrives at once, also for an async client.
    """

    async def read():
        async with AsyncClient("offline/video") as other, other.stream_video("A bud", seconds=1) as stream:
            return [event async for event in stream]

    with client.stream_video("A bud", seconds=1) as stream:
        events = list(stream)

    assert [type(event) for event in events] == [JobState, JobState, VideoDelta]
    assert events[-1].data == stream.response.video.read() == asyncio.run(read())[-1].data


def test_job_outlives_the_process(client, tmp_path):
    """
    It is its request, with the images that are to be changed, and can be fetched more than once.
    """
    text = client.submit_video("A bud", seconds=1, images=[PNG + b"rest"]).to_json()

    with Client("offline/extractive") as other:
        job = other.job(text)
        assert job.poll().status == job.wait().status == "succeeded"
        reply = job.result(output=tmp_path / "bud.mp4")
        again = job.result()

    assert reply.video.path == tmp_path / "bud.mp4"
    assert Path(reply.video.path).read_bytes() == again.video.read()
    assert b"12 bytes)" in again.video.read()


def test_budget_has_room_for_a_video():
    """
    A model inside the process costs nothing.
    """
    with Client("offline/video", budgets={"all": {"dollars": 1, "per": "client"}}) as client:
        assert client.video("A bud", seconds=1).video.seconds == 1
        assert client.budgets()[0].spent == 0


def test_cancelled_job_keeps_its_result(client):
    """
    Nothing runs before the result is fetched, so there is nothing to cancel.
    """
    job = client.submit_video("A bud", seconds=1)

    assert client.job(job.to_json()).cancel().status == job.cancel().status == "succeeded"
    assert job.result().video.seconds == 1


def test_job_without_a_request(client):
    """
    The text of a job that another program wrote is no reason for a crash.
    """
    job = client.job('{"kind": "video", "provider": "offline", "model": "video", "id": "x", "created": 1}')

    with pytest.raises(ConfigurationError, match="has no request"):
        job.result()


@pytest.mark.parametrize("options", [{"seconds": 61}, {"size": "4096x4096"}])
def test_impossible_videos_are_rejected(client, options):
    """
    The error says what is possible.
    """
    with pytest.raises(InvalidRequestError, match="Pass"):
        client.video("A bud", **options)


def test_unused_parameters_are_adaptations(client):
    """
    They are not dropped silently.
    """
    reply = client.video("A bud", seconds=1, size="720p", extra={"fps": 24})

    assert {one.parameter for one in reply.adaptations} == {"size", "extra"}
