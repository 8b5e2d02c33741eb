"""Endpoints of webhooks, and deliveries to them, as they are shown."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from budwood_server.access.keys import Name
from budwood_server.api_models.moments import Moment

MAX_OVERLAP: Final = 30 * 24 * 3600
OVERLAP_SECONDS: Final = 24 * 3600.0
"""Seconds for which a secret that was replaced signs beside the new one, unless told otherwise."""

WebhookState = Literal["active", "paused", "disabled"]
DeliveryState = Literal["waiting", "sending", "delivered", "failed"]

Url = Annotated[str, Field(min_length=1, max_length=2000)]
Patterns = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=1, max_length=50)]
Subjects = Annotated[list[Name], Field(min_length=1, max_length=100)]
Concurrency = Annotated[int, Field(ge=1, le=100)]
PerSecond = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]


class NewWebhook(BaseModel):
    """
    An endpoint to which events are to be sent.

    Attributes:
        url: Where they are sent, such as ``https://example.org/events``.
        name: A name for people, which no other endpoint of the owner has; by default the host of the URL, with a number
            if that is in use.
        types: The types of events: ``run.finished``, ``key.*`` for all of a group, or ``*`` for all that you may see,
            also those of later versions of the server.
        subjects: Only events about these ids; null for all.
        sees_all: Whether it gets events of all owners, which needs an account or the scope admin, and not only yours;
            by default if you may.
        with_texts: Whether its events have the texts of prompts and replies, which needs the scope texts.
        concurrency: The maximum number of requests at the same time.
        per_second: The maximum number of requests in a second, or null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Url
    name: Name | None = None
    types: Patterns = ["*"]
    subjects: Subjects | None = None
    sees_all: bool | None = None
    with_texts: bool = False
    concurrency: Concurrency = 10
    per_second: PerSecond | None = None


class WebhookChange(BaseModel):
    """
    What is to change of an endpoint; see `NewWebhook`. Fields that are left out stay as they are.

    Attributes:
        state: ``"active"`` or ``"paused"``. Events of a paused endpoint are sent once it is active. An endpoint whose
            key or account cannot be used any more is then owned by who makes it active.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Url | None = None
    name: Name | None = None
    types: Patterns | None = None
    subjects: Subjects | None = None
    sees_all: bool | None = None
    with_texts: bool | None = None
    concurrency: Concurrency | None = None
    per_second: PerSecond | None = None
    state: Literal["active", "paused"] | None = None

    @field_validator("url", "name", "types", "sees_all", "with_texts", "concurrency", "state")
    @classmethod
    def _check_value(cls, value: object) -> object:
        if value is None:
            raise ValueError("must not be null; leave the field out to keep its value")
        return value


class WebhookReply(BaseModel):
    """
    An endpoint, without its secret.

    Attributes:
        id: Identifies it.
        name: A name for people.
        url: Where events are sent.
        owner: Who owns it: the team of a key, a key, or an account.
        types: The types of events that were chosen, such as ``key.*``.
        selected_types: The types that these name now, of those that its key or account may see.
        subjects: Only events about these ids; null for all.
        sees_all: Whether it gets events of all owners.
        with_texts: Whether its events have the texts of prompts and replies.
        state: ``"active"``, ``"paused"``, or ``"disabled"``: it answered 410 Gone, its key was revoked or has expired,
            or its account was disabled or removed.
        reason: Why it is disabled, or null.
        concurrency: The maximum number of requests at the same time.
        per_second: The maximum number of requests in a second, or null.
        failures: The number of requests that failed since one succeeded.
        open_until: Until when an active endpoint rests after many failures: nothing is sent; null if it does not.
        created: When it was created.
        changed: When it was changed last.
    """

    id: str
    name: str
    url: str
    owner: str
    types: list[str]
    selected_types: list[str]
    subjects: list[str] | None
    sees_all: bool
    with_texts: bool
    state: WebhookState
    reason: str | None
    concurrency: int
    per_second: float | None
    failures: int
    open_until: Moment | None
    created: Moment
    changed: Moment


class SecretInfo(BaseModel):
    """
    A secret that signs requests, without its text.

    Attributes:
        id: Identifies it.
        created: When it was created.
        expires: When it signs no more, or null.
    """

    id: str
    created: Moment
    expires: Moment | None


class WebhookDetails(WebhookReply):
    """
    An endpoint, with its secrets and the number of its deliveries.

    Attributes:
        secrets: The secrets that sign its requests, the newest first, without their texts.
        deliveries: The number of its deliveries in each state.
    """

    secrets: list[SecretInfo]
    deliveries: dict[DeliveryState, int]


class NewWebhookReply(WebhookReply):
    """
    A new endpoint.

    Attributes:
        secret: The secret that signs its requests, ``whsec_…``. It is not shown again.
        warning: Why nothing can be sent to its host now, such as that it has no address; null if nothing is known.
    """

    secret: str = Field(repr=False)
    warning: str | None = None


class SecretRotation(BaseModel):
    """
    How a secret is replaced.

    Attributes:
        overlap: Seconds for which the present one signs, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap: Annotated[float, Field(ge=0, le=MAX_OVERLAP, allow_inf_nan=False)] = OVERLAP_SECONDS


class SecretReply(BaseModel):
    """
    A new secret of an endpoint.

    Attributes:
        id: The id of the endpoint.
        secret: The secret, ``whsec_…``. It is not shown again.
        old_secrets_expire: When the ones before sign no more.
    """

    id: str
    secret: str = Field(repr=False)
    old_secrets_expire: Moment


class AttemptReply(BaseModel):
    """
    A request to an endpoint.

    Attributes:
        at: When it began.
        seconds: How long it took.
        status: The HTTP status of the answer, or null without one.
        error: Why there is none, or null.
        request_headers: The headers that were sent, without the signature.
        response_headers: The first headers of the answer.
        response_body: The first 2048 characters of the answer.
    """

    at: Moment
    seconds: float
    status: int | None
    error: str | None
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    response_body: str


class AttemptSummary(BaseModel):
    """What came of the last request of a delivery; see `AttemptReply`."""

    at: Moment
    seconds: float
    status: int | None
    error: str | None


class DeliveryReply(BaseModel):
    """
    An event on its way to an endpoint.

    Attributes:
        id: Identifies it.
        event: The id of the event.
        type: The type of the event.
        state: ``"waiting"`` for its next attempt, ``"sending"``, ``"delivered"`` or ``"failed"``.
        due: When the next attempt comes, not before the end of the pause of an endpoint that rests; null if it is under
            way, or none will come: the delivery has ended, or the endpoint is paused or disabled.
        attempts: The number of attempts.
        last: What came of the last one, or null.
        created: When the delivery was created.
        finished: When it ended, or null.
    """

    id: int
    event: str
    type: str
    state: DeliveryState
    due: Moment | None
    attempts: int
    last: AttemptSummary | None
    created: Moment
    finished: Moment | None


class DeliveryDetails(DeliveryReply):
    """
    A delivery, with its requests.

    Attributes:
        requests: The attempts in their order.
        body: The body of the requests, at most 65536 characters; null if the event was removed.
        is_truncated: Whether the body was longer.
    """

    requests: list[AttemptReply]
    body: str | None
    is_truncated: bool


class Replay(BaseModel):
    """
    Which events to send again.

    Attributes:
        since: The moment since which they happened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Moment


class ReplayReply(BaseModel):
    """
    What is sent again.

    Attributes:
        events: The number of events.
    """

    events: int


class WebhookTestReply(BaseModel):
    """
    What came of the event ``webhook.test``.

    Attributes:
        event: The id of the event.
        delivered: Whether the endpoint accepted it: any status of 200 to 299.
        attempt: The request and its answer.
    """

    event: str
    delivered: bool
    attempt: AttemptReply
