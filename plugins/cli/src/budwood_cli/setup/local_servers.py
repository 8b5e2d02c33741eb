"""Find servers of models on this machine: Ollama, LM Studio, llama.cpp and vLLM."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

CONNECT_SECONDS: Final = 0.5
"""How long a connection may take. On this machine it is accepted or refused at once."""

ANSWER_SECONDS: Final = 3.0
"""How long all servers together may take to answer. Only those that accepted the connection are waited for."""

_MAX_BYTES: Final = 1024 * 1024

OLLAMA: Final = "ollama"
_OWNERS: Final[Mapping[str, str]] = {"vllm": "vllm", "llamacpp": "llama-cpp", "organization_owner": "lm-studio"}
"""The provider of a server by the ``owned_by`` of its models, as far as servers state one."""


@dataclass(frozen=True)
class Probe:
    """
    An address at which a server may listen.

    Attributes:
        provider: The provider that has this address.
        url: The address without a path of the API for Ollama, and with ``/v1`` for all others.
    """

    provider: str
    url: str


@dataclass(frozen=True)
class LocalServer:
    """
    A server that answered.

    Attributes:
        provider: Its provider. It may be another than that of the probe, since servers share ports.
        url: Its address, in the form of the setting ``base_url``.
        models: The names of its models.
        is_default: Whether the provider finds it without a setting.
    """

    provider: str
    url: str
    models: tuple[str, ...]
    is_default: bool


def find_servers(probes: Iterable[Probe], *, seconds: float = ANSWER_SECONDS) -> list[LocalServer]:
    """
    Ask all addresses at once, and return the servers that answered in the form of their API, in the order given.

    Nothing is sent through a proxy.

    Args:
        probes: The addresses.
        seconds: How long to wait for the answers.
    """
    probes = list(dict.fromkeys(probes))
    answers: queue.SimpleQueue[tuple[Probe, LocalServer | None]] = queue.SimpleQueue()
    for probe in probes:
        # Daemons: a server that answers slowly must not keep the process from ending.
        threading.Thread(target=lambda probe=probe: answers.put((probe, _ask(probe, seconds))), daemon=True).start()
    found: dict[Probe, LocalServer] = {}
    deadline = time.monotonic() + seconds
    with contextlib.suppress(queue.Empty):
        for _ in probes:
            probe, server = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            if server is not None:
                found[probe] = server
    return [found[probe] for probe in probes if probe in found]


def _ask(probe: Probe, seconds: float) -> LocalServer | None:
    """Ask a server for its models; return None if there is none, or if it is another kind of server."""
    body = _get(f"{probe.url}/{'api/tags' if probe.provider == OLLAMA else 'models'}", seconds)
    rows = body.get("models" if probe.provider == OLLAMA else "data") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    names = [row.get("name" if probe.provider == OLLAMA else "id") for row in rows]
    if not all(isinstance(name, str) for name in names):
        return None
    owners = {_OWNERS[row["owned_by"]] for row in rows if row.get("owned_by") in _OWNERS}
    provider = owners.pop() if len(owners) == 1 else probe.provider
    return LocalServer(provider, probe.url, tuple(map(str, names)), is_default=provider == probe.provider)


def _get(url: str, seconds: float) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON at a URL; None if there is none."""
    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = make(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
        with contextlib.closing(connection):
            connection.connect()
            connection.sock.settimeout(seconds)
            connection.request("GET", parts.path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            return json.loads(response.read(_MAX_BYTES)) if response.status == 200 else None
    except (OSError, ValueError, HTTPException, RecursionError):
        return None
