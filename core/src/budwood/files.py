"""Files that vendors store, as programs handle them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

if TYPE_CHECKING:
    import os

    from budwood.engine.chat.prompts import File
    from budwood.engine.drivers.asynchronous import AsyncDriver
    from budwood.engine.drivers.blocking import BlockingDriver
    from budwood.engine.file_engine import FileEngine
    from budwood.types import FileInfo

READY_SECONDS: Final = 600.0
"""How long `Files.upload` waits by default until the vendor has processed a file: ten minutes."""


class Files:
    """
    The files that a vendor stores.

    Every method takes ``provider``, the instance; by default it is that of the client's model. It raises
    `UnsupportedError` if the vendor does not store files, and `NotFoundError` for an unknown id.
    """

    def __init__(self, engine: FileEngine, driver: BlockingDriver) -> None:
        self._engine = engine
        self._driver = driver

    def upload(
        self,
        file: File,
        *,
        provider: str | None = None,
        purpose: str = "input",
        name: str | None = None,
        media_type: str | None = None,
        expires_after: int | None = None,
        timeout: float | None = None,
        wait: float = READY_SECONDS,
    ) -> FileInfo:
        """
        Store a file, and wait until it can be used. Pass its id in messages: ``Image(file_id=info.id)``.

        Args:
            file: A path, a URL, the content, a file object, or media.
            provider: The instance of the provider.
            purpose: What it is for: ``"input"`` for messages, ``"batch"``, or a value of the vendor.
            name: Its name; by default that of the file.
            media_type: Its media type; by default that of the content.
            expires_after: Seconds after which the vendor deletes it; by default the vendor's.
            timeout: Seconds for each request; by default the client's ``timeout``. Raise it for large files.
            wait: Seconds to wait until the vendor has processed the file; by default ten minutes.

        Raises:
            PromptError: The file cannot be read.
            RequestTimeoutError: The vendor has not processed it in time.
        """
        return self._driver.run(
            self._engine.upload_file(
                file,
                provider,
                purpose=purpose,
                name=name,
                media_type=media_type,
                expires_after=expires_after,
                timeout=timeout,
                wait=wait,
            )
        )

    def list(self, *, provider: str | None = None) -> tuple[FileInfo, ...]:
        """List all files."""
        return self._driver.run(self._engine.list_files(provider))

    def get(self, file_id: str, *, provider: str | None = None) -> FileInfo:
        """Return the metadata of a file."""
        return self._driver.run(self._engine.get_file(file_id, provider))

    def delete(self, file_id: str, *, provider: str | None = None) -> None:
        """Delete a file."""
        self._driver.run(self._engine.delete_file(file_id, provider))

    @overload
    def content(self, file_id: str, *, provider: str | None = None, timeout: float | None = None) -> bytes: ...

    @overload
    def content(
        self,
        file_id: str,
        *,
        output: str | os.PathLike[str],
        provider: str | None = None,
        timeout: float | None = None,
    ) -> Path: ...

    def content(
        self,
        file_id: str,
        *,
        output: str | os.PathLike[str] | None = None,
        provider: str | None = None,
        timeout: float | None = None,
    ) -> bytes | Path:
        """
        Return the content of a file, or write it to ``output`` and return that path.

        Args:
            file_id: The vendor's id of the file.
            output: The file that is written, and replaced once it is complete.
            provider: The instance of the provider.
            timeout: Seconds for the download; by default the client's ``timeout``.

        Raises:
            ResponseTooLargeError: It has more than 64 MiB, and there is no ``output``.
            InvalidRequestError: The vendor does not return this file. Most return only files that they created.
        """
        if output is None:
            return self._driver.run(self._engine.read_file(file_id, provider, timeout))
        self._driver.run(self._engine.save_file(file_id, provider, Path(output), timeout))
        return Path(output)


class AsyncFiles:
    """The files that a vendor stores; see `Files`."""

    def __init__(self, engine: FileEngine, driver: AsyncDriver) -> None:
        self._engine = engine
        self._driver = driver

    async def upload(
        self,
        file: File,
        *,
        provider: str | None = None,
        purpose: str = "input",
        name: str | None = None,
        media_type: str | None = None,
        expires_after: int | None = None,
        timeout: float | None = None,
        wait: float = READY_SECONDS,
    ) -> FileInfo:
        """Store a file, and wait until it can be used; see `Files.upload`."""
        return await self._driver.run(
            self._engine.upload_file(
                file,
                provider,
                purpose=purpose,
                name=name,
                media_type=media_type,
                expires_after=expires_after,
                timeout=timeout,
                wait=wait,
            )
        )

    async def list(self, *, provider: str | None = None) -> tuple[FileInfo, ...]:
        """List all files."""
        return await self._driver.run(self._engine.list_files(provider))

    async def get(self, file_id: str, *, provider: str | None = None) -> FileInfo:
        """Return the metadata of a file."""
        return await self._driver.run(self._engine.get_file(file_id, provider))

    async def delete(self, file_id: str, *, provider: str | None = None) -> None:
        """Delete a file."""
        await self._driver.run(self._engine.delete_file(file_id, provider))

    @overload
    async def content(self, file_id: str, *, provider: str | None = None, timeout: float | None = None) -> bytes: ...

    @overload
    async def content(
        self,
        file_id: str,
        *,
        output: str | os.PathLike[str],
        provider: str | None = None,
        timeout: float | None = None,
    ) -> Path: ...

    async def content(
        self,
        file_id: str,
        *,
        output: str | os.PathLike[str] | None = None,
        provider: str | None = None,
        timeout: float | None = None,
    ) -> bytes | Path:
        """Return the content of a file, or write it to ``output``; see `Files.content`."""
        if output is None:
            return await self._driver.run(self._engine.read_file(file_id, provider, timeout))
        await self._driver.run(self._engine.save_file(file_id, provider, Path(output), timeout))
        return Path(output)
