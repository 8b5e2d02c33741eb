"""httpx2 without another library."""

from __future__ import annotations

import httpx2

from tests.benchmarks.contenders.like_httpx import HTTPXClient


class Client(HTTPXClient):
    """
    Its clients.
    """

    library = httpx2
