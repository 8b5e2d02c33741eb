"""
Videos, which are jobs.

Source: docs.x.ai, REST API reference: videos; the types of its Python SDK, ``xai-sdk`` 1.21.0: ``video.py``; recorded
traffic. While a job runs, the status of the reply is 202.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from budwood.errors import BadResponseError, UnsupportedError
from budwood.providing import drop_fields, parse_id, parse_object
from budwood.types import Adaptation, GeneratedVideo, HTTPCall, JobState, JobStatus, Usage, VideoResponse
from budwood_openai_compatible.decoding import decode_usage
from budwood_openai_compatible.storage_endpoint import StorageEndpoint

if TYPE_CHECKING:
    from pathlib import Path

    from budwood.contracts import Steps
    from budwood.types import HTTPReply, JobRef, VideoRequest

_STATES: Final[Mapping[str, JobStatus]] = {
    "pending": "running",
    "done": "succeeded",
    "failed": "failed",
    "expired": "expired",
}
"""An unknown state counts as running."""


class XAIVideos(StorageEndpoint):
    """The videos of xAI; see `budwood.contracts.VideoProvider`."""

    def submit_video(self, request: VideoRequest) -> Steps[JobState]:
        """Submit a video. It is not sent again after an ambiguous failure, since the API has no idempotency keys."""
        path, body, adaptations = encode_video(request)
        call = self._post(path, body | request.extra, adaptations)
        reply = yield replace(call, repeatable=False)
        job_id = parse_id(self._object(reply, "request_id").get("request_id"))
        if job_id is None:
            raise BadResponseError("The reply has no request_id.")
        return JobState(id=job_id, status="queued")

    def poll_video(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a video."""
        reply = yield self._get(f"/videos/{quote(job.id, safe='')}")
        return decode_state(job, parse_object(reply))

    def cancel_video(self, job: JobRef) -> Steps[JobState]:
        """Raise an error, since the API cannot cancel a video."""
        raise UnsupportedError("xAI cannot cancel a video.", hint="Ignore the job: its video expires.")

    def fetch_video(self, job: JobRef, target: Path) -> Steps[VideoResponse]:
        """Write a video to ``target``, from the URL that the state of the job has."""
        data = job.data
        if not _find_video(data).get("url"):
            data = (yield from self.poll_video(job)).data
        url = _find_video(data).get("url")
        if not isinstance(url, str):
            raise BadResponseError("The job has no URL of a video.", hint="Poll the job until it has succeeded.")
        reply: HTTPReply = yield HTTPCall(method="GET", url=url, headers={"accept": "*/*"}, reply_to=target)
        return make_video_response(job, data, target, reply.headers)


def encode_video(request: VideoRequest) -> tuple[str, dict[str, Any], tuple[Adaptation, ...]]:
    """
    Return the path and the fields of a request, and the adaptations.

    A video is continued if the request has a duration, and otherwise changed. One image is the first frame, several are
    references.
    """
    from budwood_xai.media import encode_size, refer

    reasons = {"seed": "xAI has no seed"}
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
    adaptations: tuple[Adaptation, ...] = ()
    if request.seconds is not None:
        body["duration"] = max(round(request.seconds), 1)
        if body["duration"] != request.seconds:
            reason = f"xAI takes whole seconds: {body['duration']} was sent"
            adaptations = (Adaptation(parameter="seconds", action="changed", reason=reason),)
    if request.video is not None:
        body["video"] = refer(request.video)
        reasons |= {"size": "the size is that of the video", "images": "xAI takes no images beside a video"}
        path = "/videos/edits" if request.seconds is None else "/videos/extensions"
        return path, body, adaptations + drop_fields(request, reasons)
    size, changed = encode_size(request.size)
    if len(request.images) == 1:
        body["image"] = refer(request.images[0])
    elif request.images:
        body["reference_images"] = [refer(part) for part in request.images]
    return "/videos/generations", body | size, (*adaptations, *changed, *drop_fields(request, reasons))


def decode_state(job: JobRef, body: Mapping[str, Any]) -> JobState:
    """
    Decode the state of a job. A video that the moderation has removed is a failure, as is an error without a status.

    Raises:
        BadResponseError: The reply has no state.
    """
    raw, video = body.get("status"), _find_video(body)
    error = body.get("error")
    error = error if isinstance(error, Mapping) else {"message": error} if error else {}
    if not (raw or error or video.get("url")):
        raise BadResponseError("The reply has no state of the video.")
    status = _STATES.get(str(raw or ("failed" if error else "done")), "running")
    if status == "succeeded" and (video.get("respect_moderation") is False or not video.get("url")):
        status, error = "failed", {"message": "The moderation removed the video.", "code": "content_filter", **error}
    progress = body.get("progress")
    return JobState(
        id=job.id,
        status=status,
        raw_status=raw if isinstance(raw, str) else None,
        progress=min(max(progress / 100, 0.0), 1.0) if isinstance(progress, int | float) else None,
        error=error.get("message") or None,
        error_code=error.get("code") or None,
        data=dict(body),
    )


def make_video_response(
    job: JobRef, data: Mapping[str, Any], target: Path, headers: Mapping[str, str]
) -> VideoResponse:
    """Return the reply with a video that was written to a file."""
    seconds, usage = _find_video(data).get("duration"), data.get("usage")
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    video = GeneratedVideo(
        path=target,
        media_type=media_type if media_type.startswith("video/") else "video/mp4",
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
    )
    return VideoResponse(
        videos=(video,),
        id=job.id,
        model=str(data.get("model") or job.model),
        usage=decode_usage(usage) if isinstance(usage, Mapping) else Usage(),
        raw=dict(data),
    )


def _find_video(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the description of the video in the state of a job; empty if it has none."""
    video = body.get("video")
    return video if isinstance(video, Mapping) else {}
