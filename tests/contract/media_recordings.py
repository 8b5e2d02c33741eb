"""Recorded traffic with media, files and jobs, of which a recording contains many endpoints."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import PureWindowsPath
from urllib.parse import urlsplit

import pytest

from budwood.wire.uploads import read_body
from tests.contract import recorded


def list_exchanges(*folders, path, method="POST", host=None):
    """
    Return the exchanges whose path ends so, as cases of a test; one that is skipped if the folder is missing.
    """
    found = [
        pytest.param(entry["file"], number, id=f"{entry['file']}-{number}")
        for entry in recorded.read_index()
        if entry["provider"] in folders
        for number, one in enumerate(entry["interactions"])
        if one["method"] == method and urlsplit(one["url"]).path.endswith(path)
        if host is None or urlsplit(one["url"]).hostname == host
    ]
    return found or [pytest.param(None, 0, id="no-recordings")]


def list_files(folder, *, named):
    """
    Return the recordings of a folder with a part of the name as cases of a test, if a test replays them whole.
    """
    names = [entry["file"] for entry in recorded.read_index() if entry["provider"] == folder and named in entry["file"]]
    return [pytest.param(name, id=name) for name in names] or [pytest.param(None, id="no-recordings")]


def parse_form(content_type, body):
    """
    Return the fields of a form, as name, file name and content. Paths of the recording machine are left out.
    """
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + body, policy=policy.HTTP)
    return [_parse_field(part) for part in message.iter_parts()]


def _parse_field(part):
    filename = part.get_param("filename", header="content-disposition")
    filename = filename[2] if isinstance(filename, tuple) else filename
    name = part.get_param("name", header="content-disposition")
    return name, PureWindowsPath(filename).name if filename else None, part.get_payload(decode=True)


def parse_call(call):
    """
    Return the fields of a call with a form.
    """
    return parse_form(call.headers["content-type"], read_body(call.body))


def content_type(message):
    """
    Return the content type of a recorded request or reply.
    """
    return message.headers.get("content-type", [""])[-1]


def parse_request(request):
    """
    Return the fields of a recorded form, by name; empty if the body was not recorded.
    """
    fields = {}
    for name, filename, content in parse_form(content_type(request), request.body):
        fields.setdefault(name, []).append((filename, content))
    return fields
