"""The static files of the page. Their addresses contain a hash of their content, so that browsers keep them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

FOLDER: Final = Path(__file__).with_name("static")
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_CACHED: Final = {"cache-control": "public, max-age=31536000, immutable"}


@cache
def hash_files() -> Mapping[str, str]:
    """Return the hashes of the static files, by their names."""
    files = (file for file in FOLDER.iterdir() if file.suffix in _TYPES)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in files}


def find_url(name: str) -> str:
    """Return the address of a static file."""
    return f"/admin/static/{hash_files()[name]}/{name}"


async def _send_file(request: Request) -> FileResponse:
    name = request.path_params["name"]
    if hash_files().get(name) != request.path_params["hash"]:
        raise HTTPException(404)
    file = FOLDER / name
    return FileResponse(file, headers=_CACHED, media_type=_TYPES[file.suffix])


ROUTE: Final = Route("/admin/static/{hash}/{name}", _send_file, methods=["GET"])
