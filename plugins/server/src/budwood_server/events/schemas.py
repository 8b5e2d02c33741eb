"""What the ``data`` of each type of events has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from budwood_server.alerts.rules import Condition, Metric
from budwood_server.alerts.states import Reason
from budwood_server.api_models.moments import Moment
from budwood_server.events.event_types import EVENT_TYPES
from budwood_server.telemetry.forms import Call
from budwood_server.webhooks.trial import TEST

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Actor(_Data):
    """
    Who acts.

    Attributes:
        kind: ``"key"``, ``"account"``, or ``"command"`` for the command line on the database.
        name: A name for people.
    """

    kind: Literal["key", "account", "command"]
    name: str


class KeyCreated(_Data):
    """
    A key was created, or its secret was replaced. The subject is its id.

    Attributes:
        action: What was done.
        name: The name of the key.
        team: Its team, or null; only of a new key.
        scopes: What it is for; only of a new key.
        overlap: Seconds for which the secret before is accepted; only of a new secret.
        by: Who did it.
    """

    action: Literal["key.create", "key.rotate"]
    name: str
    team: str | None = None
    scopes: list[str] | None = None
    overlap: float | None = None
    by: Actor


class KeyRevoked(_Data):
    """
    A key was revoked. The subject is its id.

    Attributes:
        action: What was done.
        name: The name of the key.
        by: Who did it.
    """

    action: Literal["key.revoke"]
    name: str
    by: Actor


class TokenAdded(_Data):
    """
    A token of a vendor was added or replaced. The subject is its id.

    Attributes:
        action: What was done.
        provider: The provider that it is for.
        label: Its name among those of the provider.
        by: Who did it.
    """

    action: Literal["token.add", "token.rotate"]
    provider: str
    label: str
    by: Actor


class TokenRemoved(_Data):
    """A token of a vendor was removed; see `TokenAdded`."""

    action: Literal["token.remove"]
    provider: str
    label: str
    by: Actor


class PromptUpdated(_Data):
    """
    A prompt, its versions or its labels have changed. The subject is the name, with ``@`` the version or the label.

    Attributes:
        action: What was done.
        version: The version that a label was given to.
        restored: The version whose content was saved again.
        versions: The number of versions that were deleted with the prompt.
        by: Who did it.
    """

    action: Literal[
        "prompt.save", "prompt.roll_back", "prompt.label", "prompt.unlabel", "prompt.delete", "prompt.delete_version"
    ]
    version: int | None = None
    restored: int | None = None
    versions: int | None = None
    by: Actor


class ProviderFailed(_Data):
    """
    The circuit breaker of an endpoint has opened in a worker. The subject is the endpoint.

    There is one such event until the endpoint recovers, however many workers open their breakers.

    Attributes:
        provider: The provider in the settings.
        endpoint: The endpoint: the provider, with a number or a label for a backup.
        model: The vendor's model of the call that failed last.
        error: The class of its error.
        failures: The failures of the endpoint in a row, in this worker.
        next_probe: Seconds until this worker lets a call through to see whether it has recovered.
        worker: The process that noticed it: its machine, its number and some random text.
    """

    provider: str
    endpoint: str
    model: str
    error: str | None
    failures: int
    next_probe: float | None
    worker: str


class ProviderRecovered(_Data):
    """
    An endpoint that had failed is used again. The subject is the endpoint.

    Attributes:
        provider: The provider in the settings.
        endpoint: The endpoint, as in the event of its failure.
        reason: ``"answered"``: a call got an answer. ``"reset"``: no worker has an open breaker any more, because all
            were started again or the settings have changed; whether the endpoint answers is not known.
        failed_at: When it failed.
        seconds: How long ago that was.
        worker: The process that noticed the recovery.
    """

    provider: str
    endpoint: str
    reason: Literal["answered", "reset"]
    failed_at: Moment
    seconds: float
    worker: str


class ThresholdExceeded(_Data):
    """
    A part of a budget is spent. The subject is the id of its key, or the name of a budget of the settings.

    There is one event for each part and period. What is spent is what the budget counts: a call whose cost is not
    known counts with the highest cost that was reserved for it.

    Attributes:
        budget: The name of the budget: ``key-`` and the id of its key, or its name in the settings.
        key: The id of the key; null for a budget of the settings, as are ``name`` and ``team``.
        name: The name of the key.
        team: The team of the key, or null.
        threshold: The part: 0.8 for 80 %.
        unit: What the budget counts.
        limit: The budget in dollars or tokens, as text.
        spent: What is spent of it.
        per: The period after which the budget begins anew.
        resets_at: The end of this period.
    """

    budget: str
    key: str | None
    name: str | None
    team: str | None
    threshold: float
    unit: Literal["dollars", "tokens"]
    limit: str
    spent: str
    per: Literal["day", "week", "month"]
    resets_at: Moment


class AlertFired(_Data):
    """
    An alert has started or ended. The subject is the name of its rule.

    Attributes:
        rule: The name of the rule.
        state: Whether it has started or ended.
        reason: Why it has ended: the value is back at ``clear``, the window has no calls, or the rule was changed or
            removed; null for a start.
        metric: What the rule measures.
        condition: The side of the threshold on which the alert starts.
        value: The value when it started or ended; null if it is not known.
        threshold: The threshold.
        clear: The value at which it ends.
        window: The length of the window in seconds.
        filters: The values that calls must have to count.
        calls: The number of calls in the window.
        since: When it started, in UTC.
    """

    rule: str
    state: Literal["firing", "ended"]
    reason: Reason | None
    metric: Metric
    condition: Condition
    value: float | None
    threshold: float
    clear: float
    window: float
    filters: dict[str, str]
    calls: int
    since: Moment


class RunFinished(_Data):
    """
    A dataset run has ended. The subject is its id. A run that is resumed ends again, with another event.

    Attributes:
        name: The name of the run.
        state: How it ended: ``"incomplete"`` if some rows failed.
        owner: Who owns it: the team of a key, a key, or an account.
        key: The id of the key that pays for its calls; null for an account.
        rows: The number of rows that it should have, or null if it was not planned; all numbers include earlier ends.
        rows_done: Finished rows.
        rows_failed: Rows that failed.
        calls: Calls that were paid.
        input_tokens: Tokens sent, or null if unknown.
        output_tokens: Tokens of replies, or null if unknown.
        cost: US dollars as a decimal number, or null if unknown.
        seconds: The time from its first start to its end, with pauses; null if it was never started.
        error: The code of the reason why it failed or is incomplete, or null. ``GET /api/runs/{id}`` has its text.
    """

    name: str
    state: Literal["complete", "incomplete", "failed", "cancelled"]
    owner: str
    key: str | None
    rows: int | None
    rows_done: int
    rows_failed: int
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None
    seconds: float | None
    error: str | None


class JobRequests(_Data):
    """
    The numbers of requests of a batch.

    Attributes:
        total: All of them.
        completed: Those with a reply.
        failed: Those without.
    """

    total: int
    completed: int
    failed: int


class JobFinished(_Data):
    """
    A job has ended. The subject is its id.

    Attributes:
        kind: ``"batch"``, or ``"response"`` for a reply that was made in the background.
        status: How it ended, in the words of OpenAI's API, such as ``"completed"``, ``"failed"`` or ``"cancelled"``.
        owner: Who owns it: the team of a key, a key, or an account.
        model: The name of its model, of a batch that of its first line; or null.
        provider: The provider that had it; null for a reply that the server has made.
        requests: The numbers of its requests; null for a reply.
        cost: US dollars as a decimal number; null if unknown, or if events of calls tell it.
        seconds: The time from its creation until its end was noticed.
    """

    kind: Literal["batch", "response"]
    status: str
    owner: str
    model: str | None
    provider: str | None
    requests: JobRequests | None
    cost: str | None
    seconds: float


class WebhookTest(_Data):
    """
    An endpoint is tested. The subject is its id.

    Attributes:
        webhook: The id of the endpoint.
        name: Its name.
    """

    webhook: str
    name: str


class Texts(_Data):
    """
    The texts of a call, for those who ask for them and have the scope ``texts``.

    Attributes:
        prompt: The last text of the request.
        reply: The text of the reply; null if it has none.
        truncated: Those of the two that are longer than `max_text` in ``[server.events]``, and were cut.
    """

    prompt: str
    reply: str | None
    truncated: list[Literal["prompt", "reply"]]


class EventCall(Call):
    """
    A call has ended. The subject is its id.

    Attributes:
        texts: Its texts. Most events have none: they are collected only while an endpoint or a stream gets them.
    """

    texts: Texts | None = None


MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "inference.completed": EventCall,
    "inference.failed": EventCall,
    "cost.threshold_exceeded": ThresholdExceeded,
    "provider.failed": ProviderFailed,
    "provider.recovered": ProviderRecovered,
    "prompt.updated": PromptUpdated,
    "token.added": TokenAdded,
    "token.removed": TokenRemoved,
    "key.created": KeyCreated,
    "key.revoked": KeyRevoked,
    "alert.fired": AlertFired,
    "run.finished": RunFinished,
    "job.finished": JobFinished,
    TEST: WebhookTest,
}
"""The model of the data of each type."""


@cache
def describe_data(name: str) -> Mapping[str, Any] | None:
    """Return the JSON schema of the data of a type; None if there is no such type."""
    model = MODELS.get(name)
    if model is None:
        return {"$schema": _DRAFT, "title": name, "type": "object"} if name in EVENT_TYPES else None
    schema = model.model_json_schema(mode="serialization")
    if model is EventCall:  # an event has an id of its own
        del schema["properties"]["id"]
        schema = schema | {
            "additionalProperties": False,
            "required": [each for each in schema["required"] if each != "id"],
        }
    return {"$schema": _DRAFT, **schema, "title": name}
