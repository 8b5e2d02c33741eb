"""Long jobs as flows: submit, poll, cancel, and fetch the result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from budwood.engine.drivers.effects import Flow
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.media_services import BACKGROUND, BATCHES, VIDEOS
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.observing import with_observers
from budwood.engine.pipeline.requests import request_for
from budwood.engine.pipeline.service import Service
from budwood.engine.pipeline.steps import run_steps, step_of
from budwood.engine.services import CHAT
from budwood.errors import ConfigurationError, NotFoundError, ProviderError
from budwood.providing import find_media, has_media
from budwood.types import Answer, JobKind, JobRef, JobState

if TYPE_CHECKING:
    from budwood.engine.chat.tools import ToolConfig
    from budwood.types import ChatRequest, VideoRequest


class JobMethods(NamedTuple):
    """
    The service of a kind of job, and the methods of its provider.

    Attributes:
        service: The row of the service.
        submit: The method that submits a job; ``poll``, ``cancel`` and ``fetch`` likewise.
    """

    service: Service
    submit: str
    poll: str
    cancel: str
    fetch: str


JOBS: Final[dict[JobKind, JobMethods]] = {
    "video": JobMethods(VIDEOS, "submit_video", "poll_video", "cancel_video", "fetch_video"),
    "batch": JobMethods(BATCHES, "submit_batch", "poll_batch", "cancel_batch", "fetch_batch"),
    "response": JobMethods(BACKGROUND, "submit_response", "poll_response", "cancel_response", "fetch_response"),
}
"""The kinds of jobs."""


def submit(
    call: Call,
    kind: JobKind,
    request: Any,  # noqa: ANN401 - each kind has its own
    before_creation: Callable[[], object] | None = None,
) -> Flow[tuple[JobRef, JobState]]:
    """
    Submit a job. A request that the vendor may have received is not sent again.

    Args:
        call: The call.
        kind: The kind of the job.
        request: What it is about.
        before_creation: Called before the request that creates the job.

    Raises:
        BudgetExceededError: A budget has no room for what the job could cost. Nothing was sent.
    """
    state = yield from _create(call, JOBS[kind], request, before_creation)
    ref = JobRef(
        kind=kind,
        provider=call.target.endpoint.name,
        model=call.target.model,
        id=state.id,
        created=call.clock.time(),
        label=call.label,
        tags=dict(call.tags or {}),
        group=_account_of(call.target),
        adaptations=tuple(call.adaptations.values()),
        data=state.data,
    )
    return ref, state


def _create(
    call: Call,
    methods: JobMethods,
    request: Any,  # noqa: ANN401 - see above
    before_creation: Callable[[], object] | None,
) -> Flow[JobState]:
    if call.target.endpoint.local is not None:
        from budwood.engine.local_jobs import submit_local  # few programs have a model inside the process

        return submit_local(request)
    if call.budgets:
        from budwood.engine.budgets.flow import check_room  # few programs have budgets

        yield from check_room(_attempt(call, request))
    state: JobState = yield from _on_one_account(call, lambda: _send(call, methods, request, before_creation))
    return state


def _on_one_account(call: Call, work: Callable[[], Flow[Any]]) -> Flow[Any]:
    if call.target.endpoint.pool is None:
        return work()
    from budwood.engine.keys.accounts import on_one_account  # only programs with several keys need it

    return on_one_account(call, work)


def _account_of(target: Target) -> str | None:
    if target.endpoint.pool is None:
        return None
    from budwood.engine.keys.accounts import account_of  # see above

    return account_of(target)


def _send(
    call: Call,
    methods: JobMethods,
    request: Any,  # noqa: ANN401 - see above
    before_creation: Callable[[], object] | None,
) -> Flow[Any]:
    """Send the request for a job, after the media that it refers to."""
    service, method = methods.service, methods.submit
    if not find_media(request):
        return (yield from run_steps(call, service, method, request, before_creation=before_creation))
    from budwood.engine.uploads.flow import send_with_uploads  # few jobs have media

    def send(attempt: Attempt) -> Flow[Any]:
        return run_steps(call, service, method, attempt.request, is_observed=False, before_creation=before_creation)

    def submit_once(round_: Round) -> Flow[Any]:
        attempt = Attempt(round_, *call.target, request)
        try:
            return (yield from send_with_uploads(send, attempt))
        except ProviderError:
            if not attempt.has_lost_upload:
                raise
        return (yield from send_with_uploads(send, attempt))

    return (yield from with_observers(submit_once)(Round(call, step_of(service), request)))


def submit_video(call: Call, reading: Flow[VideoRequest]) -> Flow[tuple[JobRef, JobState]]:
    """
    Read the files of a request for a video, and submit it.

    Raises:
        UnsupportedError: The media exceed the limits of the model. Nothing was sent.
    """
    request = yield from reading
    round_ = Round(call, VIDEOS, request)
    if find_media(request):
        from budwood.engine.pipeline.media import complete_media

        yield from complete_media(round_)
    return (yield from submit(call, "video", request_for(call.target, round_, is_complete=True)))


def poll(call: Call, ref: JobRef, deadline: float = math.inf) -> Flow[JobState]:
    """Ask once for the state of a job, until a deadline by the client's clock, or that of the call."""
    call.timing = replace(call.timing, deadline=min(call.timing.deadline, deadline))
    return _run(call, ref, JOBS[ref.kind].poll, is_observed=False)


def cancel(call: Call, ref: JobRef) -> Flow[JobState]:
    """Cancel a job."""
    return _run(call, ref, JOBS[ref.kind].cancel, is_observed=False)


def fetch(call: Call, ref: JobRef, *places: Path) -> Flow[Any]:
    """Fetch the result of a job that has succeeded; its cost counts against the budgets of the call."""
    result = yield from _run(call, ref, JOBS[ref.kind].fetch, *places)
    if call.budgets and isinstance(result, Answer) and call.target.endpoint.local is None:
        from budwood.engine.budgets.flow import charge, used_by  # few programs have budgets

        yield from charge(call, used_by(_attempt(call, ref), result))
    return result


def _run(call: Call, ref: JobRef, method: str, *places: Path, is_observed: bool = True) -> Flow[Any]:
    """Run a method on a job."""
    if call.target.endpoint.local is not None:
        from budwood.engine.local_jobs import run_local  # see above

        return (yield from run_local(call, ref, method))
    try:
        return (yield from run_steps(call, JOBS[ref.kind].service, method, ref, *places, is_observed=is_observed))
    except NotFoundError as error:
        error.hint = (
            "The vendor does not have the job, or no longer. Check that the key is of the same account. If it is, "
            "submit it again."
        )
        raise


def _attempt(call: Call, request: object) -> Attempt:
    """Return what budgets need to know of a job."""
    return Attempt(Round(call, CHAT, request), call.target.endpoint, call.target.model, request)


def submit_chat(call: Call, request: ChatRequest, tools: ToolConfig) -> Flow[tuple[JobRef, JobState]]:
    """
    Submit a chat request that the vendor answers in the background.

    Raises:
        UnsupportedError: The model does not support the request. Nothing was sent.
    """
    if call.budgets:
        from budwood.engine.budgets.client_budgets import limit_output

        request = limit_output(call, call.target, request)
    round_ = Round(call, CHAT, request, tools)
    if has_media(request.messages):
        from budwood.engine.pipeline.media import complete_media  # chat without media needs none

        yield from complete_media(round_)
    return (yield from submit(call, "response", request_for(call.target, round_, is_complete=True)))


def parse_job(job: object) -> JobRef:
    """
    Return a job that was saved.

    Raises:
        ConfigurationError: It is not the JSON of a job.
    """
    if isinstance(job, JobRef):
        return job
    try:
        return JobRef.model_validate_json(job if isinstance(job, str | bytes) else "")
    except ValidationError:
        raise ConfigurationError(
            "Invalid job: expected the JSON of a job.",
            hint="Pass what Job.to_json() returned, or the attribute ref of a Job; or the vendor's id and kind=.",
        ) from None
