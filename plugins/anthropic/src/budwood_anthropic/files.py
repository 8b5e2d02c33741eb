"""
Files that Anthropic stores.

Source: the types of its Python SDK, ``anthropic`` 2.14.0: ``types/file_*.py``; docs.claude.com, "Files API".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from budwood.contracts import Steps
from budwood.errors import BadResponseError, UnsupportedError
from budwood.providing import describe_body, parse_count, parse_id, parse_object
from budwood.types import BodyFile, FileInfo, FileUpload, HTTPReply
from budwood_anthropic.decoding import VENDOR
from budwood_anthropic.endpoint import AnthropicEndpoint
from budwood_anthropic.limits import parse_timestamp

PAGE: Final = 1000
"""The largest page of the list of files."""

EXPIRY: Final = range(3600, 7_776_000 + 1)
"""Seconds after which a file can expire: an hour to 90 days."""


class AnthropicFiles(AnthropicEndpoint):
    """The files that an account stores; see `budwood.contracts.FileProvider`."""

    def upload_file(self, upload: FileUpload) -> Steps[FileInfo]:
        """Store a file. Anthropic has no purposes of files."""
        from budwood.wire.multipart import FormField, encode_form  # a chat call does without

        content = BodyFile(upload.path) if upload.path is not None else upload.data or b""
        fields = [FormField("file", content, filename=upload.name, content_type=upload.media_type)]
        if upload.expires_after is not None:
            fields.insert(0, FormField("expires_in_seconds", str(_check_expiry(upload.expires_after))))
        form = encode_form(fields)
        call = self._call("POST", "/v1/files")
        headers = {**call.headers, "content-type": form.content_type}
        reply = yield replace(call, headers=headers, body=form.body)
        return _decode_file(self._parse(reply))

    def list_files(self) -> Steps[tuple[FileInfo, ...]]:
        """List all files, over all pages."""
        files: list[FileInfo] = []
        query, seen = "", {""}
        while True:
            reply = yield self._call("GET", f"/v1/files?limit={PAGE}{query}")
            body = self._parse(reply)
            files += [_decode_file(row) for row in _list_rows(body, reply)]
            page = body.get("next_page")
            if not isinstance(page, str) or page in seen:
                return tuple(files)
            seen.add(page)
            query = f"&page={quote(page, safe='')}"

    def get_file(self, file_id: str) -> Steps[FileInfo]:
        """Return the metadata of a file."""
        reply = yield self._call("GET", _path(file_id))
        return _decode_file(self._parse(reply))

    def delete_file(self, file_id: str) -> Steps[None]:
        """
        Delete a file.

        Raises:
            BadResponseError: Anthropic does not confirm it.
        """
        reply = yield self._call("DELETE", _path(file_id))
        if parse_object(reply).get("type") != "file_deleted":
            raise BadResponseError(f"The reply does not confirm that the file {file_id} is deleted.")

    def download_file(self, file_id: str, target: Path) -> Steps[None]:
        """Write the content of a file to ``target``. Only files that Claude's tools created can be downloaded."""
        yield replace(self._call("GET", f"{_path(file_id)}/content"), reply_to=target)


def _path(file_id: str) -> str:
    return f"/v1/files/{quote(file_id, safe='')}"


def _check_expiry(seconds: int) -> int:
    if seconds not in EXPIRY:
        raise UnsupportedError(
            f"Anthropic cannot delete a file after {seconds} seconds.",
            hint=f"Pass expires_after from {EXPIRY[0]} (an hour) to {EXPIRY[-1]} (90 days), or leave it out.",
        )
    return seconds


def _list_rows(body: Mapping[str, Any], reply: HTTPReply) -> list[Mapping[str, Any]]:
    rows = body.get("data")
    if not isinstance(rows, list):
        raise BadResponseError(f"The reply is not a list of files but {describe_body(reply.body)}.")
    return [row for row in rows if isinstance(row, Mapping)]


def _decode_file(row: Mapping[str, Any]) -> FileInfo:
    file_id = parse_id(row.get("id"))
    if file_id is None:
        raise BadResponseError("The reply has a file without id.")
    return FileInfo(
        id=file_id,
        provider=VENDOR,
        name=parse_id(row.get("filename")),
        size=parse_count(row.get("size_bytes")),
        media_type=parse_id(row.get("mime_type")),
        created=parse_timestamp(row.get("created_at")),
        expires=parse_timestamp(row.get("expires_at")),
        raw=dict(row),
    )
