"""Settings of the Gemini API."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from budwood.providing import parse_base_url


def _parse_address(text: str) -> str:
    url = parse_base_url(text)
    if "/models" in urlsplit(url).path:
        raise ValueError("must not include /models: remove it and what follows, Budwood adds the endpoint")
    return url


class GeminiSettings(BaseModel):
    """
    Settings of the Gemini API.

    Attributes:
        base_url: The address before ``/models``, with the version of the API.
        api_key: Sent as the header ``x-goog-api-key``, never in an address.
        headers: Further headers of every request. They show in logs of proxies: keep secrets out of them.
        safety_settings: The threshold from which a category of harm is blocked, as in
            ``{"HARM_CATEGORY_HARASSMENT": "BLOCK_ONLY_HIGH"}``; without, the vendor's own.
        include_thoughts: Whether the reply shows what the model thought; None asks for it where a request sets how
            much the model shall think.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_parse_address)] = "https://generativelanguage.googleapis.com/v1beta"
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    safety_settings: dict[str, str] = Field(default_factory=dict)
    include_thoughts: bool | None = None
