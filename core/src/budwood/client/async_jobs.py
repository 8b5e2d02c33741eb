"""The methods of the async client for long jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from budwood.client.states import ClientStates
from budwood.engine.media_options import WAIT_SECONDS

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from budwood.engine.chat.option_types import AskOptions
    from budwood.engine.chat.prompts import Prompt
    from budwood.engine.drivers.asynchronous import AsyncDriver
    from budwood.engine.media_options import VideoOptions
    from budwood.files import AsyncFiles
    from budwood.jobs import AsyncJob
    from budwood.media_streams import AsyncMediaStream
    from budwood.types import ChatResponse, JobKind, JobRef, JobState, StoredReplyAction, VideoDelta, VideoResponse
    from budwood.types.jobs import Progress, Submitted
    from budwood.types.record import JSON


class AsyncJobMethods(ClientStates):
    """The methods for long jobs."""

    _driver: AsyncDriver

    @property
    def files(self) -> AsyncFiles:
        """The files that a vendor stores; see `budwood.Files`."""
        from budwood.files import AsyncFiles

        return AsyncFiles(self._engine, self._driver)

    async def video(
        self,
        prompt: str,
        *,
        wait: float = WAIT_SECONDS,
        progress: Progress | None = None,
        output: str | os.PathLike[str] | None = None,
        submitted: Submitted | None = None,
        **options: Unpack[VideoOptions],
    ) -> VideoResponse:
        """Generate a video; see `Client.video`."""
        flow = self._engine.video(prompt, options, timeout=wait, progress=progress, output=output, submitted=submitted)
        return await self._driver.run(flow)

    def stream_video(
        self,
        prompt: str,
        *,
        wait: float = WAIT_SECONDS,
        output: str | os.PathLike[str] | None = None,
        submitted: Submitted | None = None,
        **options: Unpack[VideoOptions],
    ) -> AsyncMediaStream[JobState | VideoDelta, VideoResponse]:
        """Generate a video, and return a stream of states and bytes; see `Client.stream_video`."""
        from budwood.media_streams import AsyncMediaStream

        flow = self._engine.video(
            prompt, options, timeout=wait, progress=None, output=output, submitted=submitted, streamed=True
        )
        return AsyncMediaStream(self._driver.stream(flow))

    async def submit_video(self, prompt: str, **options: Unpack[VideoOptions]) -> AsyncJob[VideoResponse]:
        """Submit a job for a video; see `Client.submit_video`."""
        from budwood.jobs import AsyncJob

        ref, state = await self._driver.run(self._engine.submit_video(prompt, options))
        return AsyncJob(self._engine, self._driver, ref, state)

    async def submit(self, prompt: Prompt, **options: Unpack[AskOptions]) -> AsyncJob[ChatResponse]:
        """Ask a model that answers in the background; see `Client.submit`."""
        from budwood.jobs import AsyncJob

        ref, state = await self._driver.run(self._engine.submit_reply(prompt, options))
        return AsyncJob(self._engine, self._driver, ref, state)

    async def stored_reply(
        self,
        reply_id: str,
        action: StoredReplyAction = "get",
        *,
        provider: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> JSON:
        """Read, delete or cancel a reply that a vendor keeps; see `Client.stored_reply`."""
        return await self._driver.run(self._engine.call_stored_reply(reply_id, action, query or {}, provider))

    def job(self, job: str | bytes | JobRef, *, kind: JobKind | None = None, model: str | None = None) -> AsyncJob[Any]:
        """Return a job that was submitted before; see `Client.job`."""
        from budwood.jobs import AsyncJob

        ref = self._engine.find_job(job, kind, model)
        if ref.kind == "batch":
            from budwood.batches import AsyncBatchJob

            return AsyncBatchJob(self._engine, self._driver, ref)
        return AsyncJob(self._engine, self._driver, ref)
