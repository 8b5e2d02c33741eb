"""httpx without another library."""

from __future__ import annotations

import httpx

from tests.benchmarks.contenders.like_httpx import HTTPXClient


class Client(HTTPXClient):
    """
    Its clients.
    """

    library = httpx
