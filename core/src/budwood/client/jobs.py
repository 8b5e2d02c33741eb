"""The methods of the blocking client for long jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from budwood.client.states import ClientStates
from budwood.engine.media_options import WAIT_SECONDS

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from budwood.engine.chat.option_types import AskOptions
    from budwood.engine.chat.prompts import Prompt
    from budwood.engine.drivers.blocking import BlockingDriver
    from budwood.engine.media_options import VideoOptions
    from budwood.files import Files
    from budwood.jobs import Job
    from budwood.media_streams import MediaStream
    from budwood.types import ChatResponse, JobKind, JobRef, JobState, StoredReplyAction, VideoDelta, VideoResponse
    from budwood.types.jobs import Progress, Submitted
    from budwood.types.record import JSON


class JobMethods(ClientStates):
    """The methods for long jobs."""

    _driver: BlockingDriver

    @property
    def files(self) -> Files:
        """The files that a vendor stores; see `budwood.Files`."""
        from budwood.files import Files

        return Files(self._engine, self._driver)

    def video(
        self,
        prompt: str,
        *,
        wait: float = WAIT_SECONDS,
        progress: Progress | None = None,
        output: str | os.PathLike[str] | None = None,
        submitted: Submitted | None = None,
        **options: Unpack[VideoOptions],
    ) -> VideoResponse:
        """
        Generate a video: submit a job, wait for it, and download the result.

        Args:
            prompt: What the video shows.
            wait: Seconds to wait for the video; by default a day. The option ``timeout`` limits each request.
            progress: Called with each state of the job.
            output: The file to which the video is written. Without it, a video of up to 64 MiB is in memory, and a
                larger one in a temporary file, which is deleted with the response, or at the end of the program.
            submitted: Called with the `JobRef` once the vendor has the job, to store it: ``client.job(ref)`` continues
                with it if the program is killed.
            **options: See `budwood.engine.media_options.VideoOptions`.

        Raises:
            UnsupportedError: The model does not generate videos. Nothing was sent.
            JobFailedError: The vendor did not generate the video.
            RequestTimeoutError: It was not ready in time. The vendor continues the job: ``client.job(error.job)``.
        """
        flow = self._engine.video(prompt, options, timeout=wait, progress=progress, output=output, submitted=submitted)
        return self._driver.run(flow)

    def stream_video(
        self,
        prompt: str,
        *,
        wait: float = WAIT_SECONDS,
        output: str | os.PathLike[str] | None = None,
        submitted: Submitted | None = None,
        **options: Unpack[VideoOptions],
    ) -> MediaStream[JobState | VideoDelta, VideoResponse]:
        """
        Generate a video, and return a stream of its job and its content.

        The events are the states of the job, then the bytes of the video as they are downloaded. The arguments are
        those of `video`. Leaving the stream does not end the job: ``submitted`` receives it before the first event.
        """
        from budwood.media_streams import MediaStream

        flow = self._engine.video(
            prompt, options, timeout=wait, progress=None, output=output, submitted=submitted, streamed=True
        )
        return MediaStream(self._driver.stream(flow))

    def submit_video(self, prompt: str, **options: Unpack[VideoOptions]) -> Job[VideoResponse]:
        """
        Submit a job for a video, and return it at once. The arguments are those of `video`.

        Raises:
            UnsupportedError: The model does not generate videos. Nothing was sent.
        """
        from budwood.jobs import Job

        ref, state = self._driver.run(self._engine.submit_video(prompt, options))
        return Job(self._engine, self._driver, ref, state)

    def submit(self, prompt: Prompt, **options: Unpack[AskOptions]) -> Job[ChatResponse]:
        """
        Ask a model that answers in the background, and return the job at once.

        Args:
            prompt: As for `Client.ask`.
            **options: As for `Client.ask`, except those that need this process until the reply: ``schema``, and tools
                that Budwood runs.

        Raises:
            UnsupportedError: The vendor or its model does not answer in the background. Nothing was sent.
        """
        from budwood.jobs import Job

        ref, state = self._driver.run(self._engine.submit_reply(prompt, options))
        return Job(self._engine, self._driver, ref, state)

    def stored_reply(
        self,
        reply_id: str,
        action: StoredReplyAction = "get",
        *,
        provider: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> JSON:
        """
        Read, delete or cancel a reply of the Responses API that a vendor keeps, or list its input.

        Args:
            reply_id: The vendor's id: ``response.id``.
            action: ``"get"``, ``"delete"``, ``"cancel"`` or ``"input_items"``.
            provider: The provider that has it; by default that of the client's model.
            query: Parameters of the vendor's URL, such as ``{"limit": "100"}``.

        Returns:
            The vendor's answer.

        Raises:
            UnsupportedError: The provider keeps no replies. Nothing was sent.
            NotFoundError: It does not have the reply.
        """
        return self._driver.run(self._engine.call_stored_reply(reply_id, action, query or {}, provider))

    def job(self, job: str | bytes | JobRef, *, kind: JobKind | None = None, model: str | None = None) -> Job[Any]:
        """
        Return a job that was submitted before. Nothing is sent.

        Args:
            job: What `Job.to_json` returned, or `Job.ref`; with ``kind``, the vendor's id of the job.
            kind: What the job with this id produces: ``"video"``, ``"batch"`` or ``"response"``. The results of a batch
                that Budwood submitted are then in the order of its requests, up to the last one that the vendor
                returns; they are not checked by a schema, and cannot be submitted again.
            model: The provider and the model of the job with this id; by default those of the client.

        Raises:
            ConfigurationError: It is not the JSON of a job.
            UnsupportedError: The provider has no jobs of this kind.
        """
        from budwood.jobs import Job

        ref = self._engine.find_job(job, kind, model)
        if ref.kind == "batch":
            from budwood.batches import BatchJob

            return BatchJob(self._engine, self._driver, ref)
        return Job(self._engine, self._driver, ref)
