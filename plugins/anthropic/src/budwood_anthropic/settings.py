"""Settings of Anthropic's API."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from budwood.providing import parse_base_url

_ENDPOINT: Final = re.compile(r"(/v1)?/(messages(/count_tokens|/batches)?|complete|models)/*$|/v1/*$")


def _parse_address(text: str) -> str:
    return _ENDPOINT.sub("", parse_base_url(text)).rstrip("/")


class AnthropicSettings(BaseModel):
    """
    Settings of Anthropic's API.

    Attributes:
        base_url: The address before ``/v1/messages``; ``/v1`` at its end is left out.
        api_key: Begins with ``sk-ant-``.
        authentication: The header that holds the key: ``x-api-key``, or ``Authorization: Bearer`` for tokens of OAuth
            and for gateways.
        version: The version of the API.
        betas: Features under test that are asked for with every request.
        service_tier: Whether priority capacity may be used, where there is some.
        headers: Further headers of every request. They show in logs of proxies: keep secrets out of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_parse_address)] = "https://api.anthropic.com"
    api_key: SecretStr | None = None
    authentication: Literal["api_key", "bearer"] = "api_key"
    version: str = "2023-06-01"
    betas: tuple[str, ...] = ()
    service_tier: Literal["auto", "standard_only"] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
