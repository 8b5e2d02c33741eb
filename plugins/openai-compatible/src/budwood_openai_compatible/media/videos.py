"""
Videos in the form that OpenAI's API had until September 2026, and that compatible servers still have.

Source: OpenAI's API description 2.3.0, ``/videos``; openai 3.57.0 for Python (``openai-poll-after-ms``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from budwood.errors import UnsupportedError
from budwood.providing import FieldNames, adapt_fields, drop_fields, media_url, parse_pixels
from budwood.types import (
    Adaptation,
    GeneratedVideo,
    JobRef,
    JobState,
    JobStatus,
    ModelRules,
    VideoRequest,
    VideoResponse,
)
from budwood.wire.multipart import FormField
from budwood_openai_compatible.errors import ERROR_CODES
from budwood_openai_compatible.media.forms import encode_fields, encode_file
from budwood_openai_compatible.media.sizes import convert_ratio

VIDEO_FIELDS: Final[FieldNames] = {"size": "size", "seed": "seed"}
"""The API's names of the fields of a request. ``seed`` is one of compatible servers."""

VIDEO_SIZES: Final = ("720x1280", "1280x720")
"""The sizes that all models take, the default first. Source: OpenAI's API description 2.3.0."""

REMIXED: Final = "remixed_from_video_id"
"""The parameter of ``extra`` with the id of an earlier video to remix: the API's name of that in its replies."""

_NEW: Final = "/videos"

_STATES: Final[Mapping[str, JobStatus]] = {
    "queued": "queued",
    "in_progress": "running",
    "completed": "succeeded",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "expired": "expired",
}


def _choose_path(request: VideoRequest) -> str:
    """Return the operation: a new video, or one that changes, continues or remixes an earlier one."""
    if (remixed := request.extra.get(REMIXED)) is not None:
        return f"/videos/{quote(str(remixed), safe='')}/remix"
    if request.video is None:
        return _NEW
    return "/videos/edits" if request.seconds is None else "/videos/extensions"


def encode_video(
    request: VideoRequest, rules: ModelRules
) -> tuple[str, dict[str, Any] | list[FormField], tuple[Adaptation, ...]]:
    """
    Return the path and the body of a request, and the adaptations.

    The body is JSON if media are passed by URL or id, and otherwise a form.

    Raises:
        UnsupportedError: There are several images.
    """
    path = _choose_path(request)
    request, dropped = _drop(request, path)
    request, changed = convert_ratio(request, VIDEO_SIZES)
    fields, adapted = adapt_fields(request, rules, VIDEO_FIELDS)
    values: dict[str, Any] = {"prompt": request.prompt}
    if path == _NEW:
        values = {"model": request.model, **values, **fields}
    if request.seconds is not None:
        values["seconds"] = f"{request.seconds:g}"
    values |= {name: value for name, value in request.extra.items() if name != REMIXED}
    return path, _encode_body(request, values), (*dropped, *changed, *adapted)


def _drop(request: VideoRequest, path: str) -> tuple[VideoRequest, tuple[Adaptation, ...]]:
    """Return a request without the fields that an operation on an earlier video does not take."""
    names = () if path == _NEW else ("images", "size", "seed")
    if path.endswith("/remix"):
        names = (*names, "video", "seconds")
    reason = "the API takes it only for new videos"
    adaptations = drop_fields(request, dict.fromkeys(names, reason))
    unset = {adaptation.parameter: () if adaptation.parameter == "images" else None for adaptation in adaptations}
    return request.model_copy(update=unset), adaptations


def _encode_body(request: VideoRequest, values: dict[str, Any]) -> dict[str, Any] | list[FormField]:
    if len(request.images) > 1:
        raise UnsupportedError("The API takes one image to start a video from.", hint="Pass one image.")
    image, video = next(iter(request.images), None), request.video
    if any(part is not None and (part.url or part.file_id) for part in (image, video)):
        return values | _encode_references(request)
    form = [*encode_fields(values)]
    if image is not None:
        form.append(encode_file("input_reference", image, service="videos"))
    if video is not None:
        form.append(encode_file("video", video, service="videos"))
    return form


def _encode_references(request: VideoRequest) -> dict[str, Any]:
    """Encode media by their URL or id. A video is one that the server has generated."""
    encoded: dict[str, Any] = {}
    for part in request.images:
        encoded["input_reference"] = (
            {"file_id": part.file_id} if part.file_id is not None else {"image_url": media_url(part)}
        )
    if request.video is not None:
        if request.video.file_id is None:
            raise UnsupportedError(
                "The API does not fetch videos.", hint="Pass the content, the path or the id of the video."
            )
        encoded["video"] = {"id": request.video.file_id}
    return encoded


def decode_video_job(body: Mapping[str, Any], headers: Mapping[str, str]) -> JobState:
    """Decode the state of a job. An unknown state counts as running."""
    raw = str(body.get("status") or "")
    error = body.get("error")
    error = error if isinstance(error, Mapping) else {"message": error} if error else {}
    progress, expires = body.get("progress"), body.get("expires_at")
    return JobState(
        id=str(body["id"]),
        status=_STATES.get(raw, "running"),
        raw_status=raw or None,
        progress=min(max(progress / 100, 0.0), 1.0) if isinstance(progress, int | float) else None,
        retry_after=_find_delay(headers),
        error=error.get("message") or None,
        error_code="content_filter" if error.get("code") in ERROR_CODES.content_filter else error.get("code") or None,
        expires=expires if isinstance(expires, int | float) else None,
        data=dict(body),
    )


def _find_delay(headers: Mapping[str, str]) -> float | None:
    text = headers.get("openai-poll-after-ms", "")
    return int(text) / 1000 if text.isdecimal() else None


def make_video_response(job: JobRef, target: Path, headers: Mapping[str, str]) -> VideoResponse:
    """Return the reply with a video that was written to a file."""
    width, height = parse_pixels(job.data.get("size")) or (None, None)
    seconds = job.data.get("seconds")
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    video = GeneratedVideo(
        path=target,
        media_type=media_type if media_type.startswith(("video/", "image/")) else "video/mp4",
        seconds=float(seconds) if isinstance(seconds, str | int | float) and seconds else None,
        width=width,
        height=height,
    )
    return VideoResponse(
        videos=(video,), id=job.id, model=str(job.data.get("model") or job.model), raw=dict(job.data) or None
    )
