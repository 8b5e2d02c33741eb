"""HTTP byte by byte, for what no client library sends."""

from __future__ import annotations

import json
import re
import socket

from tests.plugins.server.keys import TOKEN


def connect(gateway):
    """
    Open a connection to the gateway.
    """
    return socket.create_connection(gateway.address)


def encode_request(path="/v1/chat/completions", body=None, *, method="POST", headers=(), content=None):
    """
    Return the bytes of a request with the key, and a body as JSON or as it is.
    """
    data = content if content is not None else b"" if body is None else json.dumps(body).encode()
    fields = {
        "host": "gateway",
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        **dict(headers),
    }
    if "content-length" not in fields and "transfer-encoding" not in fields:
        fields["content-length"] = str(len(data))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + data


def read_until(connection, mark):
    """
    Read until a mark has arrived; return all bytes.
    """
    received = b""
    while mark not in received:
        part = connection.recv(65536)
        if not part:
            break
        received += part
    return received


def read_all(connection):
    """
    Read until the server closes the connection.
    """
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def list_statuses(received):
    """
    Return the statuses of all replies in some bytes.
    """
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
