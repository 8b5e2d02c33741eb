"""A plugin for the vendor of `tests.media_server`, which needs no base class."""

from __future__ import annotations

import json
import os

from pydantic import BaseModel, SecretStr

from budwood import AsyncClient, Client
from budwood.errors import ConnectionFailedError, InvalidRequestError, NotFoundError, ServerError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.plugins import Registry
from budwood.plugins.discovery import inventory_of, take_inventory
from budwood.types import (
    Adaptation,
    BodyFile,
    Capability,
    ChatResponse,
    FileInfo,
    GeneratedImage,
    GeneratedVideo,
    HTTPCall,
    ImageResponse,
    JobState,
    MediaPart,
    Message,
    ToolCallPart,
    ToolResultPart,
    Usage,
    VideoResponse,
)
from tests.plugins.testing.mutants.registering import registry_of

KEY = "sk-test-secret-of-the-vendor"

DROPPED_SEED = Adaptation(parameter="seed", action="dropped", reason="the vendor has no seeds")
STATUSES = {"in_progress": "running", "completed": "succeeded", "incomplete": "failed"}


class Settings(BaseModel):
    base_url: str
    api_key: SecretStr | None = None


class JobVendor:
    """
    A provider of videos, files, images, and chat also in the background.
    """

    capabilities = frozenset(
        {
            Capability.CHAT,
            Capability.VIDEOS,
            Capability.FILES,
            Capability.BACKGROUND,
            Capability.IMAGES,
            Capability.IMAGE_INPUT,
        }
    )

    def __init__(self, settings, context):
        self.url = settings.base_url

    def authorize(self, call, credential):
        return call.with_headers({"authorization": f"Bearer {credential.secret.get_secret_value()}"})

    def error(self, reply):
        message = f"HTTP {reply.status}: {reply.body.decode(errors='replace')}"
        kinds = {404: NotFoundError, 400: InvalidRequestError}
        if reply.status >= 500:
            return ServerError(message, status=reply.status, retryable=True)
        return kinds.get(reply.status, ConnectionFailedError)(message, status=reply.status)

    def media_sources(self, request, kind):
        return frozenset({"inline", "file"})

    def encode(self, request, *, stream):
        parts = [encode_part(part) for message in request.messages for part in message.parts]
        return self._post("/chat", {"model": request.model, "parts": parts})

    def decode(self, request, reply):
        return decode_chat(json.loads(reply.body))

    def decoder(self, request, head):
        raise AssertionError("not streamed")

    def encode_image(self, request, *, stream):
        return self._post("/images/generations", {"prompt": request.prompt})

    def decode_image(self, request, reply):
        rows = json.loads(reply.body)["data"]
        return ImageResponse(images=tuple(GeneratedImage(url=row["url"]) for row in rows), model=request.model)

    def submit_video(self, request):
        fields = {"model": request.model, "prompt": request.prompt, "seconds": request.seconds}
        dropped = (DROPPED_SEED,) if request.seed is not None else ()
        reply = yield self._post("/videos", fields, repeatable=False, adaptations=dropped)
        return decode_state(reply)

    def poll_video(self, job):
        return decode_state((yield self._get(f"/videos/{job.id}")))

    def cancel_video(self, job):
        yield HTTPCall(method="DELETE", url=f"{self.url}/videos/{job.id}")
        return JobState(id=job.id, status="cancelled")

    def fetch_video(self, job, target):
        reply = yield HTTPCall(method="GET", url=f"{self.url}/videos/{job.id}/content", reply_to=target)
        video = GeneratedVideo(path=reply.saved.path, media_type=reply.headers.get("content-type"))
        usage = Usage(input_tokens=7, reported_cost="0.25")
        return VideoResponse(videos=(video,), model=job.model, usage=usage)

    def submit_response(self, request):
        body = {"model": request.model, "background": True, "input": request.messages[-1].text}
        return decode_state((yield self._post("/responses", body, repeatable=False)))

    def poll_response(self, job):
        return decode_state((yield self._get(f"/responses/{job.id}")))

    def cancel_response(self, job):
        return decode_state((yield self._post(f"/responses/{job.id}/cancel", {})))

    def fetch_response(self, job):
        reply = yield self._get(f"/responses/{job.id}")
        return decode_chat(json.loads(reply.body))

    def upload_file(self, upload):
        content = upload.data if upload.path is None else BodyFile(upload.path)
        boundary = "x" * 40
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{upload.name}"\r\n'
        head += f"content-type: {upload.media_type}\r\n\r\n"
        purpose = f'\r\n--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n{upload.purpose}'
        body = (head.encode(), content, f"{purpose}\r\n--{boundary}--\r\n".encode())
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        return decode_file(
            (yield HTTPCall(method="POST", url=f"{self.url}/files", headers=headers, body=body, repeatable=False))
        )

    def list_files(self):
        reply = yield self._get("/files")
        return tuple(map(make_file, json.loads(reply.body)["data"]))

    def get_file(self, file_id):
        return decode_file((yield self._get(f"/files/{file_id}")))

    def delete_file(self, file_id):
        yield HTTPCall(method="DELETE", url=f"{self.url}/files/{file_id}")

    def download_file(self, file_id, target):
        yield HTTPCall(method="GET", url=f"{self.url}/files/{file_id}/content", reply_to=target)

    def _post(self, path, body, **fields):
        headers = {"content-type": "application/json"}
        data = json.dumps(body).encode()
        return HTTPCall(method="POST", url=self.url + path, headers=headers, body=data, **fields)

    def _get(self, path):
        return HTTPCall(method="GET", url=self.url + path)


def encode_part(part):
    """
    Encode a part of a message: the id of its file, or its size.
    """
    if isinstance(part, ToolCallPart):
        return part.name
    if isinstance(part, ToolResultPart):
        return [encode_part(one) for one in part.parts]
    if not isinstance(part, MediaPart):
        return part.text
    return {"file": part.file_id} if part.file_id else {"size": len(part.read())}


def decode_state(reply):
    """
    Decode the state of a job.
    """
    body, asked = json.loads(reply.body), reply.headers.get("openai-poll-after-ms")
    status = STATUSES.get(body["status"], body["status"])
    error = body.get("error") or {}
    return JobState(
        id=body["id"],
        status=status,
        raw_status=body["status"],
        progress=body["progress"] / 100,
        retry_after=None if asked is None else int(asked) / 1000,
        error=error.get("message"),
        error_code=error.get("code"),
    )


def decode_chat(body):
    """
    Decode a reply.
    """
    usage = Usage(input_tokens=11, output_tokens=5, reported_cost="0.125")
    text = body["output"][0]["content"][0]["text"]
    return ChatResponse(message=Message.assistant(text), finish_reason="stop", model="clips", usage=usage)


def decode_file(reply):
    """
    Decode a file.
    """
    return make_file(json.loads(reply.body))


def make_file(row):
    """
    Return a file of a list.
    """
    is_ready = row.get("status") != "pending"
    return FileInfo(id=row["id"], name=row["filename"], size=row["bytes"], purpose=row["purpose"], ready=is_ready)


def make_registry():
    """
    Make a registry with the plugin ``vendor``.
    """
    spec = ProviderSpec(
        name="vendor",
        settings=lambda: Settings,
        build=JobVendor,
        requires_api=(2, 0),
        summary="A vendor of jobs.",
        capabilities=JobVendor.capabilities,
    )
    vendor = registry_of(PROVIDER, spec, "vendor").inventory
    return Registry(inventory=inventory_of([*take_inventory().all(), *vendor.all()]))


def make_client(url, **options):
    """
    Make a client of ``vendor/clips``.
    """
    settings = {"api_key": KEY, "base_url": url, "cache": False}
    return Client("vendor/clips", registry=make_registry(), **{**settings, **options})


def make_async_client(url, **options):
    """
    Make an async client of ``vendor/clips``.
    """
    settings = {"api_key": KEY, "base_url": url, "cache": False}
    return AsyncClient("vendor/clips", registry=make_registry(), **{**settings, **options})


def kill_this_process():
    """
    End this process without any clean-up.
    """
    os.kill(os.getpid(), 9)
