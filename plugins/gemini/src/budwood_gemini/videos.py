"""
Videos: by Interactions, or by the operations of ``predictLongRunning`` where a server still has them.

Source: google-genai 3.6.1, ``VideoResponseFormat`` and ``models.py``; google-gemini/gemini-skills b40dd8d; recorded
traffic of operations.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from budwood.errors import UnsupportedError
from budwood.providing import inline_media, parse_id
from budwood.types import (
    Adaptation,
    GeneratedVideo,
    HTTPCall,
    HTTPReply,
    ImagePart,
    JobState,
    VideoPart,
    VideoRequest,
)
from budwood_gemini.encoding import Body, merge_extra
from budwood_gemini.files import Files
from budwood_gemini.interactions import convert_status, describe_failure, encode_content, list_output, make_input
from budwood_gemini.media import Form, decode_base64
from budwood_gemini.sizes import Size, parse_video_size

NO_OUTPUT: Final = "no_output"
"""The code of a job that has ended without a video and without a reason."""

FILTERED: Final = "content_filter"
"""The code of a job whose videos a filter has removed."""

_REGIONS: Final = "Gemini does not change videos in some regions, and filters what its policy bars"


def encode_interaction(request: VideoRequest, form: Form) -> Body:
    """Encode a request for Interactions. The result is a file at Google, since inline results must be small."""
    size = parse_video_size(request.size)
    output: dict[str, Any] = {"type": "video", "delivery": "uri"}
    if size.ratio is not None:
        output["aspect_ratio"] = size.ratio
    if size.size is not None:
        output["resolution"] = size.size
    if request.seconds is not None:
        output["duration"] = f"{request.seconds:g}s"
    media = [*request.images, *([request.video] if request.video else ())]
    content = make_input({"type": "text", "text": request.prompt}, *(encode_content(part, form) for part in media))
    body: dict[str, Any] = {
        "model": request.model,
        "input": content if media else request.prompt,
        "response_format": output,
        "background": True,
    }
    if request.seed is not None:
        body["generation_config"] = {"seed": request.seed}
    return Body(merge_extra(body, request.extra), _adapt(size))


def encode_operation(request: VideoRequest) -> Body:
    """
    Encode a request for ``predictLongRunning``. One image is the first of the video, several are examples.

    Raises:
        UnsupportedError: An image has a URL or an id.
    """
    size = parse_video_size(request.size)
    instance: dict[str, Any] = {"prompt": request.prompt}
    if len(request.images) == 1:
        instance["image"] = _encode_bytes(request.images[0])
    elif request.images:
        instance["referenceImages"] = [
            {"image": _encode_bytes(image), "referenceType": "asset"} for image in request.images
        ]
    if request.video is not None:
        url = request.video.url
        instance["video"] = {"uri": url} if url and not url.startswith("data:") else _encode_bytes(request.video)
    parameters: dict[str, Any] = {}
    if request.seconds is not None:
        whole = request.seconds.is_integer()
        parameters["durationSeconds"] = int(request.seconds) if whole else request.seconds
    if size.ratio is not None:
        parameters["aspectRatio"] = size.ratio
    if size.size is not None:
        parameters["resolution"] = size.size
    if request.seed is not None:
        parameters["seed"] = request.seed
    body = {"instances": [instance], **({"parameters": parameters} if parameters else {})}
    return Body(merge_extra(body, request.extra), _adapt(size))


def _adapt(size: Size) -> tuple[Adaptation, ...]:
    if size.is_exact:
        return ()
    reason = "Gemini takes an aspect ratio and a resolution instead of pixels: the nearest were sent"
    return (Adaptation(parameter="size", action="changed", reason=reason),)


def _encode_bytes(part: ImagePart | VideoPart) -> dict[str, Any]:
    inline = inline_media(part)
    if inline is None:
        raise UnsupportedError(
            f"The model takes the content of a {part.type}, not its URL or id.", hint="Pass bytes or a path."
        )
    return {"bytesBase64Encoded": inline.base64, "mimeType": inline.media_type}


def is_operation(job_id: str) -> bool:
    """Return whether a job is an operation."""
    return "/operations/" in job_id


def decode_operation(body: Mapping[str, Any]) -> JobState:
    """Decode an operation, which has no ``done`` while it runs. One that ends without videos has failed."""
    name, raw_status = parse_id(body.get("name")) or "", "done" if body.get("done") else None
    if not body.get("done"):
        return JobState(id=name, status="running", raw_status=raw_status)
    error = body.get("error")
    if isinstance(error, Mapping):
        code = parse_id(error.get("status")) or parse_id(error.get("code"))
        return _fail(name, raw_status, parse_id(error.get("message")) or "no reason given", code)
    if list_samples(body):
        return JobState(id=name, status="succeeded", raw_status=raw_status)
    reasons = _find_response(body).get("raiMediaFilteredReasons")
    if isinstance(reasons, list) and reasons:
        return _fail(name, raw_status, f"Gemini's filter blocked the video: {' '.join(map(str, reasons))}", FILTERED)
    return _fail(name, raw_status, f"It has ended without a video. {_REGIONS}.", NO_OUTPUT)


def decode_interaction(body: Mapping[str, Any]) -> JobState:
    """Decode an interaction. One that ends without videos has failed."""
    name, raw_status, status = parse_id(body.get("id")) or "", parse_id(body.get("status")), convert_status(body)
    if status == "succeeded" and not list_videos(body):
        said = " ".join(str(one.get("text") or "") for one in list_output(body) if one.get("type") == "text").strip()
        reason = f"The model says: {said}" if said else f"{_REGIONS}."
        return _fail(name, raw_status, f"It has ended without a video. {reason}", NO_OUTPUT)
    if status == "failed":
        message, code = describe_failure(body)
        return _fail(name, raw_status, message or f"Gemini ended it as {raw_status}.", code or raw_status)
    return JobState(id=name, status=status, raw_status=raw_status)


def _fail(name: str, raw_status: str | None, message: str, code: str | None) -> JobState:
    return JobState(id=name, status="failed", raw_status=raw_status, error=message, error_code=code)


def _find_response(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the response of an operation, which Google's own API nests once more."""
    response = body.get("response")
    response = response if isinstance(response, Mapping) else {}
    nested = response.get("generateVideoResponse")
    return nested if isinstance(nested, Mapping) else response


def list_samples(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List the videos of an operation."""
    samples = _find_response(body).get("generatedSamples") or ()
    videos = [sample.get("video") for sample in samples if isinstance(sample, Mapping)]
    return [video for video in videos if isinstance(video, Mapping)]


def list_videos(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List the videos of an interaction."""
    return [one for one in list_output(body) if one.get("type") == "video" and (one.get("uri") or one.get("data"))]


def download(
    files: Files, rows: Sequence[Mapping[str, Any]], target: Path
) -> Generator[HTTPCall, HTTPReply, tuple[GeneratedVideo, ...]]:
    """
    Download videos, the first to the target, and others next to it.

    Videos within the reply are returned without a file. Those that Google has written to the user's own storage keep
    their address.
    """
    videos: list[GeneratedVideo] = []
    for number, row in enumerate(rows):
        media_type = parse_id(row.get("mime_type")) or parse_id(row.get("mimeType")) or "video/mp4"
        content, url = row.get("data") or row.get("bytesBase64Encoded"), parse_id(row.get("uri"))
        if content:
            videos.append(GeneratedVideo(data=decode_base64(content), media_type=media_type))
        elif url is not None and url.startswith("https:"):
            path = target if not number else target.with_name(f"{target.stem}-{number + 1}{target.suffix}")
            yield files.download_call(url, path)
            videos.append(GeneratedVideo(path=path, media_type=media_type))
        else:
            videos.append(GeneratedVideo(url=url or "", media_type=media_type))
    return tuple(videos)
