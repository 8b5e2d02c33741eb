"""API keys, as they are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from budwood_server.access.keys import ApiKey, KeyBudget
from budwood_server.api_models.moments import Moment

if TYPE_CHECKING:
    from budwood_server.access.key_store import NewKey

MAX_OVERLAP: Final = 365 * 86_400.0
"""The maximum time in seconds for which the secret before a rotation is accepted."""


class KeyDetails(BaseModel):
    """
    A key, without its secret.

    Attributes:
        id: The public part of the key.
        name: A name for people.
        team: The team to which it belongs, with which it shares files, batches, replies and cache; or null.
        scopes: What it is for.
        state: Whether it can be used.
        source: What created it.
        created: When it was created.
        expires: When it ends, or null.
        revoked: When it was revoked, or null.
        last_used: When it was last used, to about a minute, or null.
        old_secret_expires: Until when the secret before the last rotation is accepted, or null.
        models: Patterns of the models that it may use; empty for all.
        requests_per_minute: The limit, or null; ``tokens_per_minute`` likewise.
        budget: What it may spend, or null.
        request_options: The options that its requests may set; null for those of the settings.
    """

    id: str
    name: str
    team: str | None
    scopes: list[str]
    state: Literal["active", "expired", "revoked"]
    source: str
    created: Moment
    expires: Moment | None
    revoked: Moment | None
    last_used: Moment | None
    old_secret_expires: Moment | None
    models: list[str]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    budget: KeyBudget | None
    request_options: list[str] | None

    @classmethod
    def of(cls, key: ApiKey, /, **fields: object) -> Self:
        """Return what is shown of a key."""
        options = None if key.request_options is None else sorted(key.request_options)
        shown = dict(key) | {"scopes": sorted(key.scopes), "models": [*key.models], "request_options": options}
        shown |= {"state": key.find_status(datetime.now(UTC))} | fields
        return cls.model_validate({name: shown[name] for name in cls.model_fields})


class LimitLeft(BaseModel):
    """
    What is left of a limit in its present period.

    Attributes:
        limit: The limit in dollars, tokens or requests.
        left: What no call has used, and no running call has reserved: a running call counts with the most that it may
            use. The calls of other workers are counted as they reported them, at most some seconds ago.
        resets_at: The end of the period, or null if nothing was used in it yet.
    """

    model_config = ConfigDict(from_attributes=True)

    limit: int | Decimal
    left: int | Decimal
    resets_at: Moment | None


class KeyLeft(BaseModel):
    """
    What is left of the limits of a key.

    Attributes:
        budget: What is left of its budget, or null if it has none.
        requests: The requests that are left in this minute, or null if it has no such limit.
        tokens: The tokens that are left in this minute, or null if it has no such limit.
    """

    model_config = ConfigDict(from_attributes=True)

    budget: LimitLeft | None
    requests: LimitLeft | None
    tokens: LimitLeft | None


class KeyDetailsLeft(KeyDetails):
    """
    A key, with what is left of its limits.

    Attributes:
        left: What is left; null while that cannot be read.
    """

    left: KeyLeft | None


class NewKeyDetails(KeyDetails):
    """
    A key whose secret is new.

    Attributes:
        key: The key that clients send. It is not shown again.
    """

    key: str = Field(repr=False)

    @classmethod
    def of_new(cls, new: NewKey) -> Self:
        """Return what is shown of a key once."""
        return cls.of(new.key, key=new.token)


class Rotation(BaseModel):
    """
    How a key is rotated.

    Attributes:
        overlap: Seconds for which the present secret is accepted, too.
    """

    model_config = ConfigDict(extra="forbid")

    overlap: Annotated[float, Field(ge=0, le=MAX_OVERLAP, allow_inf_nan=False)] = 0.0
