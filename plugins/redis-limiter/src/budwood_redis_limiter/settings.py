"""The settings."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

_SCHEMES: Final = ("redis", "rediss", "unix")

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RedisLimiterSettings(BaseModel):
    """
    Settings of the Redis limiter.

    Attributes:
        url: The address of the server: ``redis://[[user]:password@]host[:port][/database]``, ``rediss://…`` for TLS, or
            ``unix://[[user]:password@]path``.
        prefix: The beginning of all keys. Processes with the same prefix share their limits.
        timeout: Seconds to connect, and to wait for an answer.
        lease: Seconds after which a request that was not settled no longer counts as running, because its process
            ended. It should be longer than the longest call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    prefix: Annotated[str, Field(min_length=1)] = "budwood"
    timeout: Seconds = 1.0
    lease: Seconds = 900.0

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        try:
            scheme = urlsplit(url.get_secret_value()).scheme
        except ValueError:
            scheme = ""
        if scheme not in _SCHEMES:
            raise ValueError(f"must begin with {', '.join(f'{name}://' for name in _SCHEMES[:-1])} or unix://")
        return url
