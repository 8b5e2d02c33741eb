"""
Jobs of models inside the process. Such a job is its request: it has no state, and fetching it generates the result.

So it outlives the process like the job of a vendor, and nothing runs in between.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from pydantic import ValidationError

from budwood.engine.drivers.effects import Flow
from budwood.engine.media_services import VIDEOS
from budwood.engine.pipeline.call import Call
from budwood.engine.services import send_request
from budwood.errors import ConfigurationError
from budwood.types import JobRef, JobState, VideoRequest

_FIELD: Final = "request"
"""The key of the request in the data of the `JobRef`."""


def submit_local(request: VideoRequest) -> JobState:
    """Return the state of a new job."""
    data = request.model_dump(mode="json", exclude_defaults=True)
    return JobState(id=f"local-{secrets.token_hex(8)}", status="succeeded", data={_FIELD: data})


def run_local(call: Call, ref: JobRef, method: str) -> Flow[Any]:
    """
    Return the state of a job, or generate its result, by the name of the method that the provider of a vendor has.

    Raises:
        ConfigurationError: The job has no request.
    """
    if method == "fetch_video":
        return (yield from send_request(call, VIDEOS, _read_request(ref)))
    return JobState(id=ref.id, status="succeeded", data=ref.data)


def _read_request(ref: JobRef) -> VideoRequest:
    try:
        return VideoRequest.model_validate(ref.data.get(_FIELD))
    except ValidationError:
        raise ConfigurationError(
            f"The job {ref.id} of {ref.provider} has no request.", hint="Pass what Job.to_json() returned."
        ) from None
