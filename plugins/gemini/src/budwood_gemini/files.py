"""
Files that Google stores for two days: upload, list, get, delete and download.

Source: ai.google.dev/api/files, google-genai 3.6.1, ``_api_client.py``, and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from budwood.errors import BadResponseError, InvalidRequestError, ProviderError
from budwood.providing import encode_json, parse_count, parse_id, parse_object
from budwood.types import Adaptation, Body, BodyFile, FileInfo, FileUpload, HTTPCall, HTTPReply
from budwood_gemini.errors import find_error, make_error_in_success

PAGE_SIZE: Final = 100
"""The largest page of the list of files."""

_MAX_FAILURES: Final = 3
"""Failures of an upload after each of which Google is asked for what it has received."""

_DELAY: Final = 1.0
"""Seconds between a failure and the question."""

_PREFIX: Final = "files/"
_EXPIRY: Final = Adaptation(
    parameter="expires_after", action="dropped", reason="Gemini deletes files after two days, and takes no other time"
)


@dataclass(frozen=True, slots=True)
class Files:
    """
    The requests of the Files API.

    Args:
        base_url: The address of the API, with its version.
        headers: The headers of every request.
    """

    base_url: str
    headers: Mapping[str, str]

    def upload(self, upload: FileUpload) -> Generator[HTTPCall, HTTPReply, FileInfo]:
        """
        Start an upload, and send the content to the address that Google returns.

        If the connection is lost, Google is asked how much it has received, and only the rest is sent.
        """
        size = measure(upload)
        started = yield self._start(upload, size)
        url = self._same_host(started.headers.get("x-goog-upload-url", ""))
        failures, offset = 0, 0
        while True:
            try:
                reply = yield self._send(url, upload, offset)
            except ProviderError as error:
                failures += 1
                if failures > _MAX_FAILURES or not error.retryable:
                    raise
                status = yield self._query(url)
                received = parse_count(status.headers.get("x-goog-upload-size-received"))
                if status.headers.get("x-goog-upload-status") != "active" or received is None:
                    raise
                offset = received
            else:
                return decode_file(parse_object(reply).get("file"))

    def list(self) -> Generator[HTTPCall, HTTPReply, tuple[FileInfo, ...]]:
        """List all files."""
        files: list[FileInfo] = []
        token = ""
        while True:
            page = f"&pageToken={quote(token, safe='')}" if token else ""
            reply = yield self._call("GET", f"{self.base_url}/files?pageSize={PAGE_SIZE}{page}")
            body = parse_object(reply)
            if fields := find_error(body):
                raise make_error_in_success(reply.head, fields)
            files += [decode_file(row) for row in body.get("files") or ()]
            token = parse_id(body.get("nextPageToken")) or ""
            if not token:
                return tuple(files)

    def get(self, file_id: str) -> Generator[HTTPCall, HTTPReply, FileInfo]:
        """Return the metadata of a file."""
        info = decode_file(parse_object((yield self._call("GET", self.url(file_id)))))
        if info.raw.get("state") == "FAILED":
            error = info.raw.get("error")
            reason = parse_id(error.get("message")) if isinstance(error, Mapping) else None
            raise InvalidRequestError(
                f"Gemini could not process the file {file_id}: {reason or 'no reason given'}.",
                hint="Check that it is not damaged, and that its media type is right, and upload it again.",
            )
        return info

    def delete(self, file_id: str) -> Generator[HTTPCall, HTTPReply, None]:
        """Delete a file. The reply is an empty object."""
        parse_object((yield self._call("DELETE", self.url(file_id))))

    def download(self, url: str, target: Path) -> Generator[HTTPCall, HTTPReply, None]:
        """Write a file that a model generated. Files of users cannot be downloaded."""
        yield self.download_call(url, target)

    def download_call(self, url: str, target: Path | None) -> HTTPCall:
        """Return the request for the content of a file, by its address."""
        return HTTPCall(method="GET", url=content_url(url), headers={**self.headers, "accept": "*/*"}, reply_to=target)

    def url(self, file_id: str) -> str:
        """Return the address of a file by its id, which may be its address."""
        name = file_id.rpartition("/")[2]
        return f"{self.base_url}/{_PREFIX}{quote(name, safe='')}"

    def _start(self, upload: FileUpload, size: int) -> HTTPCall:
        base = urlsplit(self.base_url)
        prefix, slash, version = base.path.rpartition("/")
        headers = {
            **self.headers,
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(size),
            "x-goog-upload-header-content-type": upload.media_type,
        }
        return HTTPCall(
            method="POST",
            url=urlunsplit(base._replace(path=f"{prefix}/upload{slash}{version}/files")),
            headers=headers,
            body=encode_json({"file": {"display_name": upload.name}}),
            adaptations=(_EXPIRY,) if upload.expires_after is not None else (),
        )

    def _send(self, url: str, upload: FileUpload, offset: int) -> HTTPCall:
        body: Body = (upload.data or b"")[offset:] if upload.path is None else (BodyFile(upload.path, offset),)
        headers = {
            **{name: value for name, value in self.headers.items() if name.lower() != "content-type"},
            "x-goog-upload-command": "upload, finalize",
            "x-goog-upload-offset": str(offset),
        }
        return HTTPCall(method="POST", url=url, headers=headers, body=body, repeatable=False)

    def _query(self, url: str) -> HTTPCall:
        headers = {**self.headers, "x-goog-upload-command": "query"}
        return HTTPCall(method="POST", url=url, headers=headers, delay=_DELAY)

    def _call(self, method: str, url: str) -> HTTPCall:
        return HTTPCall(method=method, url=url, headers=self.headers)

    def _same_host(self, url: str) -> str:
        """
        Return the address of an upload at the host of the API, as Google's SDK does: proxies pass it on unchanged.

        Raises:
            BadResponseError: There is none.
        """
        if not url:
            raise BadResponseError("The reply has no address for the upload.")
        base, parts = urlsplit(self.base_url), urlsplit(url)
        return urlunsplit((base.scheme, base.netloc, parts.path, parts.query, ""))


def measure(upload: FileUpload) -> int:
    """Return the size of a file to upload in bytes."""
    return len(upload.data or b"") if upload.path is None else upload.path.stat().st_size


def content_url(url: str) -> str:
    """Return the address of the content of a file of Google's."""
    parts = urlsplit(url)
    if "alt=media" in parts.query.split("&"):
        return url
    path = parts.path
    if f"/{_PREFIX}" in path and ":" not in path.rpartition("/")[2]:
        path = f"{path}:download"
    return urlunsplit((parts.scheme, parts.netloc, path, "&".join(filter(None, (parts.query, "alt=media"))), ""))


def decode_file(row: Any) -> FileInfo:  # noqa: ANN401 - any JSON
    """
    Decode the record of a file.

    Raises:
        BadResponseError: It has no name.
    """
    name = parse_id(row.get("name")) if isinstance(row, Mapping) else None
    if name is None:
        raise BadResponseError("The reply has a file without a name.")
    return FileInfo(
        id=name,
        name=parse_id(row.get("displayName")),
        size=parse_count(row.get("sizeBytes")),
        media_type=parse_id(row.get("mimeType")),
        created=_parse_time(row.get("createTime")),
        expires=_parse_time(row.get("expirationTime")),
        ready=row.get("state", "ACTIVE") == "ACTIVE",
        url=parse_id(row.get("uri")),
        raw=dict(row),
    )


def _parse_time(value: object) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None
