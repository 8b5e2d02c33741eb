"""
The services of OpenAI's API of several requests: files, and videos, which are jobs.

Their codecs are imported when they are needed, since a chat call does not need them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote, urlencode

from budwood.errors import BadResponseError
from budwood.providing import parse_object
from budwood.types import Adaptation, HTTPCall
from budwood_openai_compatible.media_endpoint import MediaEndpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from budwood.contracts import Steps
    from budwood.types import FileInfo, FileUpload, HTTPReply, JobRef, JobState, VideoRequest, VideoResponse

OPENAI_PURPOSES: Final = {"input": "user_data"}
"""OpenAI's words for the purposes of files, by Budwood's."""


_NO_EXPIRY: Final = Adaptation(
    parameter="expires_after", action="dropped", reason="the vendor documents no way to choose when a file is deleted"
)


class StorageEndpoint(MediaEndpoint):
    """
    Files and videos of a server with OpenAI's API.

    Attributes:
        purposes: The server's names for the purposes of files, by Budwood's names.
        files_page: How many files one page of a list has; None if the server lists all at once.
        max_upload: Maximum size of a file in one request, in bytes; a larger one is uploaded in parts. None for no
            maximum.
    """

    purposes: ClassVar[Mapping[str, str]] = OPENAI_PURPOSES
    files_page: ClassVar[int | None] = 1000
    max_upload: ClassVar[int | None] = 512 * 1024 * 1024

    def encode_expiry(self, seconds: int) -> dict[str, str]:
        """Return the fields of a form for the time after which a file is deleted; none if that cannot be chosen."""
        return {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(seconds)}

    def upload_file(self, upload: FileUpload) -> Steps[FileInfo]:
        """Store a file, in parts if it is large."""
        from budwood_openai_compatible.media.files import decode_file, encode_upload, measure

        size = measure(upload)
        purpose = self.purposes.get(upload.purpose, upload.purpose)
        if self.max_upload is not None and size > self.max_upload:
            return (yield from self._upload_parts(upload, purpose, size))
        expiry = self.encode_expiry(upload.expires_after) if upload.expires_after is not None else {}
        adaptations = (_NO_EXPIRY,) if upload.expires_after is not None and not expiry else ()
        reply = yield self._post_form("/files", None, encode_upload(upload, purpose, expiry), adaptations)
        return decode_file(self._object(reply, "id"), self._context.instance)

    def _upload_parts(self, upload: FileUpload, purpose: str, size: int) -> Steps[FileInfo]:
        from budwood_openai_compatible.media.files import decode_file, split_upload

        start: dict[str, Any] = {
            "filename": upload.name,
            "bytes": size,
            "mime_type": upload.media_type,
            "purpose": purpose,
        }
        if upload.expires_after is not None:
            start["expires_after"] = {"anchor": "created_at", "seconds": upload.expires_after}
        path = f"/uploads/{_quote((self._object((yield self._post('/uploads', start)), 'id'))['id'])}"
        parts: list[str] = []
        for field in split_upload(upload, size):
            reply = yield self._post_form(f"{path}/parts", None, [field])
            parts.append(self._object(reply, "id")["id"])
        done = self._object((yield self._post(f"{path}/complete", {"part_ids": parts})), "file")
        return decode_file(done["file"], self._context.instance)

    def list_files(self) -> Steps[tuple[FileInfo, ...]]:
        """List all files, over all pages."""
        from budwood_openai_compatible.media.files import decode_file

        files: list[FileInfo] = []
        query = {} if self.files_page is None else {"limit": str(self.files_page)}
        while True:
            body = self._object((yield self._get("/files", query)), "data")
            rows = body["data"] or []
            files += [decode_file(row, self._context.instance) for row in rows]
            if not body.get("has_more") or not rows or query.get("after") == rows[-1]["id"]:
                return tuple(files)
            query = {**query, "after": str(rows[-1]["id"])}

    def get_file(self, file_id: str) -> Steps[FileInfo]:
        """Return the metadata of a file."""
        from budwood_openai_compatible.media.files import decode_file

        reply = yield self._get(f"/files/{_quote(file_id)}")
        return decode_file(self._object(reply, "id"), self._context.instance)

    def delete_file(self, file_id: str) -> Steps[None]:
        """
        Delete a file.

        Raises:
            BadResponseError: The server does not confirm it.
        """
        reply = yield replace(self._get(f"/files/{_quote(file_id)}"), method="DELETE")
        if reply.status != _NO_CONTENT and self._object(reply, "deleted").get("deleted") is not True:
            raise BadResponseError(f"The server does not confirm that the file {file_id} is deleted.")

    def download_file(self, file_id: str, target: Path) -> Steps[None]:
        """Write the content of a file to ``target``."""
        yield self._download(f"/files/{_quote(file_id)}/content", target)

    def submit_video(self, request: VideoRequest) -> Steps[JobState]:
        """
        Submit a video. The parameter ``remixed_from_video_id`` in ``extra`` remixes an earlier one.

        It is not sent again after an ambiguous failure, since the API has no idempotency keys.
        """
        from budwood_openai_compatible.media.videos import encode_video

        path, body, adaptations = encode_video(request, self.model_rules(request.model))
        if isinstance(body, dict):
            call = self._post(path, body, adaptations)
        else:
            call = self._post_form(path, request.model, body, adaptations)
        return self._decode_video_job((yield replace(call, repeatable=False)))

    def poll_video(self, job: JobRef) -> Steps[JobState]:
        """Ask for the state of a video."""
        return self._decode_video_job((yield self._get(f"/videos/{_quote(job.id)}")))

    def cancel_video(self, job: JobRef) -> Steps[JobState]:
        """Delete a video, which is how the API cancels one, unless it has ended: its result is paid for."""
        from budwood.types import JobState

        state = yield from self.poll_video(job)
        if state.is_ended:
            return state
        yield replace(self._get(f"/videos/{_quote(job.id)}"), method="DELETE")
        return JobState(id=job.id, status="cancelled", raw_status="deleted", data=job.data)

    def fetch_video(self, job: JobRef, target: Path) -> Steps[VideoResponse]:
        """Write a video to ``target``."""
        from budwood_openai_compatible.media.videos import make_video_response

        reply: HTTPReply = yield self._download(f"/videos/{_quote(job.id)}/content", target)
        return make_video_response(job, target, reply.headers)

    def _decode_video_job(self, reply: HTTPReply) -> JobState:
        """Decode the state of a job. That of a failed one contains its error, which does not raise."""
        from budwood_openai_compatible.media.videos import decode_video_job

        body = parse_object(reply)
        return decode_video_job(body if body.get("id") else self._object(reply, "id"), reply.headers)

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> HTTPCall:
        url = self.url(path)
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        return HTTPCall(
            method="GET", url=url, headers={name: self._headers[name] for name in self._headers if name != _TYPE}
        )

    def _download(self, path: str, target: Path) -> HTTPCall:
        call = self._get(path)
        return replace(call, headers={**call.headers, "accept": "*/*"}, reply_to=target)


_TYPE: Final = "content-type"
_NO_CONTENT: Final = 204


def _quote(identifier: object) -> str:
    return quote(str(identifier), safe="")
