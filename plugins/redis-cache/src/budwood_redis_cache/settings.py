"""The settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from budwood.providing.redis import RedisURL


class RedisCacheSettings(BaseModel):
    """
    Settings of the Redis cache.

    Attributes:
        url: The address of the server: ``redis://[[user]:password@]host[:port][/database]``, ``rediss://…`` for TLS, or
            ``unix://[[user]:password@]path``.
        prefix: The beginning of all keys in the server. Processes with the same prefix share their replies.
        timeout: Seconds to connect, and to wait for an answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: RedisURL = SecretStr("redis://127.0.0.1:6379/0")
    prefix: Annotated[str, Field(min_length=1)] = "budwood"
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
