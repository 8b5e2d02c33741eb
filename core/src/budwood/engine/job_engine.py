"""The operations of a client on long jobs, as flows."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood.engine.chat.option_types import AskOptions
from budwood.engine.chat.prompts import Prompt, parse_prompt
from budwood.engine.drivers.effects import Emit, Flow, Invoke
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.media_engine import MediaEngine, read_options
from budwood.engine.media_options import VideoOptions
from budwood.engine.media_services import BACKGROUND, VIDEOS
from budwood.engine.pipeline.offers import check_service
from budwood.errors import ConfigurationError, UnsupportedError
from budwood.types import BackgroundRequest, JobRef, JobState, VideoRequest, VideoResponse

if TYPE_CHECKING:
    import os

    from budwood.engine.batches.engine import BatchEngine
    from budwood.engine.pipeline.call import Call
    from budwood.types import JobKind
    from budwood.types.jobs import Progress, Submitted

NewJob = tuple[JobRef, JobState]
"""A job, and its first state."""

_IN_REPLIES_ONLY: Final = ("schema", "approve")
"""Options of `ask` that need the process that has sent the request."""


class JobEngine(MediaEngine):
    """The operations of a client on long jobs."""

    def submit_video(self, prompt: str, options: VideoOptions) -> Flow[NewJob]:
        """Submit a job for a video."""
        from budwood.engine import jobs

        return jobs.submit_video(*self._video_request(prompt, options))

    def submit_reply(self, prompt: Prompt, options: AskOptions) -> Flow[NewJob]:
        """Submit a chat request that the vendor answers in the background."""
        from budwood.engine import jobs

        for name in _IN_REPLIES_ONLY:
            if options.get(name) is not None:
                raise UnsupportedError(f"Background replies do not support {name}=.", hint="Call client.ask(…).")
        parsed = self._parse(options)._replace(kind=BackgroundRequest)
        if parsed.tools.tools and parsed.tools.execute:
            raise UnsupportedError(
                "Budwood cannot run tools for a background reply.",
                hint="Pass execute_tools=False, and run the calls in response.tool_calls yourself.",
            )
        call = self._call(parsed)
        check_service(call.target, BACKGROUND)
        messages = parse_prompt(prompt, system=parsed.system)

        def run() -> Flow[NewJob]:
            request = parsed.request(call.target.model, (yield from self._read(call, messages, parsed)))
            return (yield from jobs.submit_chat(call, request, parsed.tools))

        return run()

    def video(
        self,
        prompt: str,
        options: VideoOptions,
        *,
        timeout: float,
        progress: Progress | None,
        output: str | os.PathLike[str] | None,
        submitted: Submitted | None = None,
        streamed: bool = False,
    ) -> Flow[VideoResponse]:
        """Submit a job for a video, wait for it, and return the video; streamed, also emit states and bytes."""
        from budwood.engine import job_waiting, jobs
        from budwood.engine.job_arguments import check_submitted, check_wait

        check_wait(timeout, progress)
        check_submitted(submitted)
        call, request = self._video_request(prompt, options)
        path = None if output is None else Path(output)

        def run() -> Flow[VideoResponse]:
            yield from _check_output(path)
            ref, state = yield from jobs.submit_video(call, request)
            report = job_waiting.emit if streamed else job_waiting.call_with(progress)
            start = job_waiting.find_poll_time(state.retry_after, self.clock)
            with job_waiting.add_job_to_errors(ref):
                if submitted is not None:
                    yield Invoke(partial(submitted, ref))
                if streamed:
                    yield Emit([state])
                state = yield from job_waiting.wait(
                    lambda job, deadline: jobs.poll(self._renew(call), job, deadline),
                    self.clock,
                    ref,
                    report,
                    timeout,
                    start=start,
                )
                ref = job_waiting.update(ref, state)
                job_waiting.check_succeeded(ref, state)
                response: VideoResponse = yield from self._fetch(self._renew(call, streamed=streamed), ref, path)
                return response.model_copy(update={"attempts": (*call.attempts, *response.attempts)})

        return run()

    @property
    def batches(self) -> BatchEngine:
        """The operations with batches."""
        from budwood.engine.batches.engine import BatchEngine

        return BatchEngine(
            self.endpoints,
            self.clock,
            parse=self._parse,
            check_request=self._check_request,
            start_call=self._call,
            new_call=self._new_call,
            read_files=self._read,
            set_account=self._set_account,
            ask_one=self.ask,
            ask_each=self.ask_each,
            has_account=bool(self.budgets or self.label),
        )

    def find_job(self, job: object, kind: JobKind | None, model: str | None) -> JobRef:
        """
        Return a job that was saved; or, with its kind, that with an id at the vendor of a model.

        Raises:
            ConfigurationError: It is neither, or there is no such kind.
        """
        from budwood.engine.jobs import JOBS, parse_job

        if kind is None:
            return parse_job(job)
        if kind not in JOBS or not isinstance(job, str) or not job:
            raise ConfigurationError(
                f"Invalid job {job!r} of the kind {kind!r}.",
                hint=f"Pass the vendor's id of the job, and one of the kinds {', '.join(JOBS)}.",
            )
        target = self._call(self._parse({} if model is None else {"model": model})).target
        check_service(target, JOBS[kind].service)
        created = self.clock.time()
        ref = JobRef(kind=kind, provider=target.endpoint.name, model=target.model, id=job, created=created)
        if kind != "batch":
            return ref
        from budwood.engine.batches.record import adopt_batch  # few programs have batches

        return adopt_batch(ref)

    def poll_job(self, ref: JobRef, deadline: float = math.inf) -> Flow[JobState]:
        """Ask once for the state of a job, until a deadline by the client's clock."""
        from budwood.engine import jobs

        if ref.kind == "batch":
            return self.batches.poll(ref, deadline=deadline)
        return jobs.poll(self._call_of(ref), ref, deadline)

    def cancel_job(self, ref: JobRef) -> Flow[JobState]:
        """Cancel a job."""
        from budwood.engine import jobs

        if ref.kind == "batch":
            return self.batches.cancel(ref)
        return jobs.cancel(self._call_of(ref), ref)

    def wait_for_job(
        self,
        ref: JobRef,
        timeout: float,
        progress: Progress | None,
        start: float,
        output: str | os.PathLike[str] | None = None,
    ) -> Flow[JobState]:
        """
        Wait until a job has ended.

        Args:
            ref: The job.
            timeout: How many seconds to wait.
            progress: Called with each state.
            start: The time of the first poll, by the client's clock.
            output: The file for the result, which is checked first.
        """
        from budwood.engine.job_arguments import check_wait
        from budwood.engine.job_waiting import call_with, wait

        check_wait(timeout, progress)
        path = None if output is None else Path(output)

        def run() -> Flow[JobState]:
            yield from _check_output(path)
            return (yield from wait(self.poll_job, self.clock, ref, call_with(progress), timeout, start=start))

        return run()

    def fetch_job(self, ref: JobRef, output: str | os.PathLike[str] | None) -> Flow[Any]:
        """Fetch the result of a job that has succeeded."""
        return self._fetch(self._call_of(ref), ref, None if output is None else Path(output))

    def _fetch(self, call: Call, ref: JobRef, output: Path | None) -> Flow[Any]:
        from budwood.engine.job_results import fetch_result

        return fetch_result(call, ref, output)

    def _video_request(self, prompt: str, options: VideoOptions) -> tuple[Call, Flow[VideoRequest]]:
        fields = read_options(VideoOptions, options, prompt=prompt)
        return self._make_request(VIDEOS, VideoRequest, fields, options)

    def _call_of(self, ref: JobRef) -> Call:
        """Return a call about a job, whose deadline is its own."""
        target = Target(self.endpoints.get(ref.provider), ref.model)
        if ref.group is not None:
            from budwood.engine.keys.accounts import select_account  # only programs with several keys need it

            target = select_account(target, ref.group)
        call = self._new_call(target, self.options)
        if self.budgets or ref.label:
            self._set_account(call, ref.label, None)
        if ref.tags:
            call.tags = ref.tags
        return call

    def _renew(self, call: Call, *, streamed: bool = False) -> Call:
        """Return another call with the options, the label, the tags and the budgets of one."""
        renewed = self._new_call(call.target, call.options, streamed=streamed)
        renewed.label, renewed.tags, renewed.budgets = call.label, call.tags, call.budgets
        return renewed


def _check_output(path: Path | None) -> Flow[None]:
    """
    Check that a result can be written to a file.

    Raises:
        ConfigurationError: It cannot.
    """
    if path is not None:
        from budwood.engine.drivers.reply_files import check_target

        yield Invoke(partial(check_target, path))
