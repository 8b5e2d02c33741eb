"""Fetch the results of jobs. Large ones stay in files."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from functools import partial
from pathlib import Path
from typing import Any, Final

from budwood.engine.content_checks import check_media
from budwood.engine.drivers.effects import Emit, Flow, Invoke
from budwood.engine.jobs import fetch
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.measuring import measure_result
from budwood.providing import HEAD_BYTES
from budwood.types import MAX_REPLY_BYTES, ChatResponse, GeneratedVideo, JobRef, VideoDelta, VideoResponse

MAX_IN_MEMORY: Final = MAX_REPLY_BYTES
"""The size of the largest video that is kept in memory. A larger one is in a temporary file."""

_NAME: Final = "video.mp4"


def fetch_result(call: Call, ref: JobRef, output: Path | None) -> Flow[Any]:
    """
    Fetch the result of a job that has succeeded.

    Args:
        call: The call.
        ref: The job.
        output: The file for a video. Without it, a video of up to 64 MiB is in memory, and a larger one in a temporary
            file, which is deleted with the `GeneratedVideo`, or at the end of the program.
    """
    if ref.kind != "video":
        return _complete((yield from fetch(call, ref)), ref)
    if output is not None:
        written = yield from _fetch_video(call, ref, output)
        return _complete((yield Invoke(lambda: _write(written, output))), ref)
    folder = Path((yield Invoke(partial(tempfile.mkdtemp, prefix="budwood-"))))
    try:
        response = yield from _fetch_video(call, ref, folder / _NAME)
        return _complete((yield Invoke(lambda: _keep(response, folder))), ref)
    except BaseException:
        yield Invoke(partial(shutil.rmtree, folder, ignore_errors=True))
        raise


def _fetch_video(call: Call, ref: JobRef, target: Path) -> Flow[VideoResponse]:
    """Fetch and measure a video. If the reply itself contains it, nothing is downloaded; a stream emits it at once."""
    response: VideoResponse = yield from fetch(call, ref, target)
    if call.streamed and (data := response.video.data) is not None:
        yield Emit([VideoDelta(data, len(data))])
    measured = yield Invoke(lambda: tuple(measure_result(call.instances, video) for video in response.videos))
    return response.model_copy(update={"videos": measured})


def _complete(response: VideoResponse | ChatResponse, ref: JobRef) -> Any:  # noqa: ANN401 - returns the type that it receives
    """Add the id of the job, and what was changed in the request."""
    return response.model_copy(
        update={"id": response.id or ref.id, "adaptations": (*ref.adaptations, *response.adaptations)}
    )


def _write(response: VideoResponse, output: Path) -> VideoResponse:
    """Write a video to the file if the vendor's reply contained it."""
    first, *others = response.videos
    if first.data is None:
        return response
    check_media(first.data[:HEAD_BYTES], "video", first.media_type)
    written = first.model_copy(update={"path": first.save(output), "data": None})
    return response.model_copy(update={"videos": (written, *others)})


def _keep(response: VideoResponse, folder: Path) -> VideoResponse:
    """Read small videos into memory, and delete the folder once no large one needs it any more."""
    videos = tuple(map(_load, response.videos))
    large = [video for video in videos if video.path is not None]
    if large:
        left = {id(video) for video in large}
        for video in large:
            weakref.finalize(video, _release, left, id(video), folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return response.model_copy(update={"videos": videos})


def _load(video: GeneratedVideo) -> GeneratedVideo:
    if video.data is not None:
        check_media(video.data[:HEAD_BYTES], "video", video.media_type)
    if video.path is None or video.path.stat().st_size > MAX_IN_MEMORY:
        return video
    return video.model_copy(update={"data": video.path.read_bytes(), "path": None})


def _release(left: set[int], number: int, folder: Path) -> None:
    left.discard(number)
    if not left:
        shutil.rmtree(folder, ignore_errors=True)
