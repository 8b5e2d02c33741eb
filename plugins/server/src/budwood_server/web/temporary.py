"""Temporary folders of requests."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def temporary_folder(content: str, parent: Path | None = None) -> AsyncIterator[Path]:
    """
    Create a folder that only this user can read, and delete it at the end, whatever happens.

    Args:
        content: What it is for, such as ``"form"``: a part of its name.
        parent: The folder in which it is created; by default that of the system.

    Raises:
        OSError: The folder cannot be created.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"budwood-{content}-", dir=parent))
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
