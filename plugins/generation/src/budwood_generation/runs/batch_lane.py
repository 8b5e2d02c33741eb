"""
Calls in batches: those that wait at the same time are one batch, so that conversations need one for each round.

The batches are stored in the folder of the run before anything waits for them. A run that continues waits for them:
calls that are in a batch are not sent again. While a vendor creates a batch, a file says so. If a session ends then,
the vendor may have the batch, and the run does not continue until somebody has looked.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from budwood import AsyncClient, BatchRequest, BudwoodError, ChatResponse
from budwood.errors import NotFoundError, ProviderError
from budwood_generation.errors import JournalError

if TYPE_CHECKING:
    from budwood import AsyncBatchJob
    from budwood.types import JobRef, Message

FOLDER: Final = "batches"
"""The folder of the stored batches, within that of the run."""

SLOTS: Final = 10_000
"""The most calls that wait at the same time, and so the size of the largest batch."""

LINGER_SECONDS: Final = 1.0
"""Seconds without a further call after which a batch is submitted."""

WAIT_SECONDS: Final = 7 * 86_400.0
"""How long a run waits for a batch. Vendors end theirs after a day."""

_CREATING: Final = ".creating"

Result = ChatResponse | BudwoodError


class BatchLane:
    """
    Sends calls in batches.

    Args:
        client: Submits them.
        folder: The folder of the run.
        submits: Whether calls are sent in batches. If not, only those of an earlier session are waited for.
        linger: Seconds without a further call after which a batch is submitted.

    Raises:
        JournalError: A stored batch cannot be read, or the vendor may have one that is not stored.
    """

    def __init__(
        self, client: AsyncClient, folder: Path, *, submits: bool = True, linger: float = LINGER_SECONDS
    ) -> None:
        self._client = client
        self._folder = folder / FOLDER
        self._linger = linger
        self._submits = submits
        self._waiting: dict[str, tuple[BatchRequest, asyncio.Future[Result]]] = {}
        self._open: dict[str, tuple[asyncio.Task[list[Result]], int]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0
        self._load()

    def takes(self, key: str) -> bool:
        """Tell whether a call is sent in a batch, or is in one of an earlier session."""
        return self._submits or key in self._open

    async def ask(self, key: str, messages: list[Message], options: Mapping[str, Any]) -> ChatResponse:
        """
        Send a call with the next batch, or wait for the batch that it is in.

        Args:
            key: Identifies the call in this run and in those that continue it.
            messages: The messages.
            options: As for `budwood.Client.ask`.

        Raises:
            BudwoodError: The error of the call, or of the submission of its batch.
        """
        if key in self._open:
            task, index = self._open.pop(key)  # if the vendor has no reply to it, the call is sent again
            result = (await asyncio.shield(task))[index]
        else:
            future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            self._waiting[key] = BatchRequest(messages, **options), future
            self._restart_timer()
            result = await future
        if isinstance(result, BudwoodError):
            raise result
        return result

    def finish(self) -> None:
        """Delete the stored batches, whose calls are all in the journal."""
        for path in self._folder.glob("*.json"):
            path.unlink(missing_ok=True)
        if self._folder.is_dir():
            self._folder.rmdir()

    async def aclose(self) -> None:
        """Stop to wait. The vendor continues the batches that were submitted."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._linger, self._submit)

    def _submit(self) -> None:
        calls, self._waiting = self._waiting, {}
        self._number += 1
        send = self._send(calls, self._folder / f"{self._number:06d}.json")
        self._tasks.add(asyncio.get_running_loop().create_task(send))

    async def _send(self, calls: dict[str, tuple[BatchRequest, asyncio.Future[Result]]], path: Path) -> None:
        """Submit calls and wait for their results."""
        keys, creation = list(calls), _Creation(path.with_suffix(_CREATING), len(calls))

        def submitted(ref: JobRef) -> None:
            _write(path, json.dumps({"job": ref.model_dump_json(), "keys": keys}))
            creation.end()

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            job = await self._client.submit_batch(
                [request for request, _ in calls.values()],
                creating=creation.start,
                submitted=submitted,
                **_first_options(calls),
            )
            results = creation.check(await _wait(cast("AsyncBatchJob", job), path))
        except BudwoodError as error:
            results = creation.check([error] * len(keys))
        except OSError as error:
            results = [JournalError(f"Cannot write {path}: {error.strerror}.")] * len(keys)
        for (_, future), result in zip(calls.values(), results, strict=True):
            if not future.done():
                future.set_result(result)

    def _load(self) -> None:
        """Load the batches of an earlier session. A call in several of them belongs to the last."""
        for path in sorted(self._folder.glob(f"*{_CREATING}")):
            raise _unknown_batch(path)
        for path in sorted(self._folder.glob("*.json")):
            try:
                saved = json.loads(path.read_bytes())
                job, keys = cast("AsyncBatchJob", self._client.job(saved["job"])), list(saved["keys"])
            except (OSError, ValueError, LookupError, TypeError) as error:
                raise JournalError(
                    f"The batch in {path} cannot be read: {error}.",
                    hint="Delete the file to send its calls again, which are paid again.",
                ) from error
            self._number = max(self._number, int(path.stem))
            task = asyncio.get_running_loop().create_task(_wait(job, path))
            self._tasks.add(task)
            self._open |= {key: (task, index) for index, key in enumerate(keys)}


async def _wait(job: AsyncBatchJob, path: Path) -> list[Result]:
    """Return the results of a batch that is stored in a file, or its error in place of each of them."""
    try:
        return await job.result(timeout=WAIT_SECONDS)
    except NotFoundError as error:
        lost = JournalError(
            f"The vendor does not have the batch {job.id} of this run; see {path}.",
            hint="Check that the key is of the account that submitted it. If it is, delete the file, and resume the "
            "run: it sends the calls again, which are paid again.",
        )
        lost.__cause__ = error
        return [lost] * len(job)
    except BudwoodError as error:
        return [error] * len(job)


def _first_options(calls: Mapping[str, tuple[BatchRequest, object]]) -> Any:  # noqa: ANN401 - options of many types
    """Return the options that are checked before anything is sent: those of the first call."""
    request, _ = next(iter(calls.values()))
    return {"model": request.options["model"]}


class _Creation:
    """
    The file that exists while a vendor creates a batch.

    Args:
        path: The file.
        calls: The number of calls in the batch.
    """

    def __init__(self, path: Path, calls: int) -> None:
        self._path = path
        self._calls = calls

    def start(self) -> None:
        """Write the file."""
        _write(self._path, f"A batch of up to {self._calls} calls is being created.\n")

    def end(self) -> None:
        """Delete the file: it is known whether the vendor has the batch."""
        self._path.unlink(missing_ok=True)

    def check(self, results: Sequence[Result]) -> list[Result]:
        """Return the results. If the vendor may have a batch without an id, its calls have an error that stops runs."""
        unknown = next((result for result in results if _may_be_accepted(result)), None)
        if unknown is None:
            self.end()
            return list(results)
        error = _unknown_batch(self._path)
        error.__cause__ = cast("ProviderError", unknown)
        return [error if _may_be_accepted(result) else result for result in results]


def _may_be_accepted(result: Result) -> bool:
    return isinstance(result, ProviderError) and result.may_be_accepted


def _unknown_batch(path: Path) -> JournalError:
    return JournalError(
        f"The vendor may have created a batch of this run that the run does not know; see {path}.",
        hint="Look for a batch of the time of that file at the vendor, and cancel it. Then delete the file, and resume "
        "the run: it sends the calls again.",
    )


def _write(path: Path, content: str) -> None:
    """Write a file so that it is on disk, and complete, before anything is sent or waited for."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
