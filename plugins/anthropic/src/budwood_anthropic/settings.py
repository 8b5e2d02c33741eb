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
        base_url: The URL without ``/v1/messages``; ``/v1`` at its end is removed.
        api_key: The API key, which starts with ``sk-ant-``.
        authentication: The header of the key: ``x-api-key``, or ``Authorization: Bearer`` for OAuth and gateways.
        version: The version of the API.
        betas: Beta features that every request asks for.
        service_tier: Whether priority capacity may be used, if the account has it.
        headers: Further headers of every request. Do not put secrets here: headers appear in logs of proxies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_parse_address)] = "https://api.anthropic.com"
    api_key: SecretStr | None = None
    authentication: Literal["api_key", "bearer"] = "api_key"
    version: str = "2023-06-01"
    betas: tuple[str, ...] = ()
    service_tier: Literal["auto", "standard_only"] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
