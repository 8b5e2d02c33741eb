"""Example replies of OpenAI's APIs of media, files and jobs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from budwood.types import FileInfo, JobRef, JobState
from budwood_testing.examples.frames import server_sent
from budwood_testing.examples.wire import Frames, Replies, WireBody, WireExamples, WireReply

_STATUSES: Final[Mapping[str, Mapping[str, str]]] = {
    "video": {"running": "in_progress", "succeeded": "completed"},
    "response": {"running": "in_progress", "succeeded": "completed"},
    "batch": {"queued": "validating", "running": "in_progress", "succeeded": "completed"},
}
"""OpenAI's words for the states of jobs, where they differ from Budwood's."""


class OpenAIMediaExamples(WireExamples):
    """
    Replies of images, speech, transcription, files, videos, background replies and batches.

    Source: OpenAI's API description 2.3.0: ``ImagesResponse``, ``ImageGenStreamEvent``,
    ``CreateSpeechResponseStreamEvent``, ``CreateTranscriptionResponseStreamEvent``, ``OpenAIFile``, ``VideoResource``,
    ``Response``, ``Batch``.
    """

    def images(self, images: Sequence[bytes]) -> WireBody | None:
        """Return images in base64."""
        return {"created": 1_700_000_000, "data": [{"b64_json": encode(image)} for image in images]}

    def image_stream(self, partial: bytes, image: bytes) -> Frames | None:
        """Return a stream with an unfinished image."""
        kind = "image_generation"
        return server_sent(
            {"type": f"{kind}.partial_image", "b64_json": encode(partial), "partial_image_index": 0},
            {"type": f"{kind}.completed", "b64_json": encode(image), "usage": {"input_tokens": 3, "output_tokens": 5}},
        )

    def speech(self, audio: bytes) -> WireBody | WireReply | None:
        """Return the audio itself."""
        return WireReply(body=audio, headers={"content-type": "audio/wav"})

    def speech_stream(self, chunks: Sequence[bytes]) -> Frames | None:
        """Return events with audio in base64."""
        deltas = [{"type": "speech.audio.delta", "audio": encode(chunk)} for chunk in chunks]
        return server_sent(*deltas, {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 5}})

    def transcription(self, text: str) -> WireBody | WireReply | None:
        """Return a transcript."""
        return {"text": text}

    def transcription_stream(self, chunks: Sequence[str]) -> Frames | None:
        """Return a streamed transcript."""
        deltas = [{"type": "transcript.text.delta", "delta": chunk} for chunk in chunks]
        return server_sent(*deltas, {"type": "transcript.text.done", "text": "".join(chunks)})

    def files(self, method: str, files: Sequence[FileInfo]) -> Replies | None:
        """Return what the server knows of files."""
        rows = [self.file_row(file) for file in files]
        match method:
            case "list_files":
                return [self.file_page(row, rows) for row in rows]
            case "delete_file":
                return [{"id": files[0].id, "object": "file", "deleted": True}]
            case "download_file":
                return [WireReply(body=b"content", headers={"content-type": "application/octet-stream"})]
            case _:
                return [rows[0]]

    def file_row(self, file: FileInfo) -> dict[str, Any]:
        """Return a file."""
        return {
            "id": file.id,
            "object": "file",
            "bytes": file.size,
            "created_at": 1_700_000_000,
            "filename": file.name,
            "purpose": "user_data",
            "status": "processed",
        }

    def file_page(self, row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return a page with one of several files."""
        return {"object": "list", "data": [row], "has_more": row is not rows[-1]}

    def job(self, method: str, state: JobState) -> Replies | None:
        """Return the state of a job."""
        action, _, kind = method.partition("_")
        row = self.job_row(kind, state)
        if method == "submit_batch":
            uploaded = self.files("upload_file", [FileInfo(id="file-in", name="batch.jsonl", size=9)])
            return [*(uploaded or ()), row]
        if (action, kind) == ("cancel", "video"):  # deleted, unless it has ended
            return [row | {"status": "in_progress"}, {"id": state.id, "deleted": True}]
        return [row]

    def job_row(self, kind: str, state: JobState) -> dict[str, Any]:
        """Return a job of a kind: ``"video"``, ``"response"`` or ``"batch"``."""
        row: dict[str, Any] = {
            "id": state.id,
            "object": kind,
            "status": _STATUSES[kind].get(state.status, state.status),
        }
        if state.error is not None:
            error = {"code": "server_error", "message": state.error}
            row |= {"errors": {"object": "list", "data": [error]}} if kind == "batch" else {"error": error}
        if kind == "batch":
            row["output_file_id"] = "file-out" if state.status == "succeeded" else None
        return row

    def job_result(self, method: str, job: JobRef, content: bytes) -> Replies | None:
        """Return the result of a job."""
        if method == "fetch_video":
            return [WireReply(body=content, headers={"content-type": "video/mp4"})]
        if method == "fetch_batch":
            return [WireReply(body=content, headers={"content-type": "application/octet-stream"})]
        part = {"type": "output_text", "text": content.decode(), "annotations": []}
        message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        return [{"id": job.id, "object": "response", "status": "completed", "model": job.model, "output": [message]}]

    def batch_line(self, line_id: str, body: WireBody | None) -> bytes | None:
        """Return a line of the result of a batch."""
        row: dict[str, Any] = {"id": "batch_req_1", "custom_id": line_id, "response": None, "error": None}
        if body is None:
            row["error"] = {"code": "batch_expired", "message": "This request was not answered in time."}
        else:
            row["response"] = {"status_code": 200, "request_id": "req-1", "body": body}
        return json.dumps(row).encode()


def encode(content: bytes) -> str:
    """Return content in base64."""
    return base64.b64encode(content).decode("ascii")
