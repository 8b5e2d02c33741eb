"""Settings of the Gemini API."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from budwood.providing import parse_base_url

BASE_URL: Final = "https://generativelanguage.googleapis.com/v1beta"
"""The address of Google's API."""


def _parse_address(text: str) -> str:
    url = parse_base_url(text)
    if "/models" in urlsplit(url).path:
        raise ValueError("must not include /models: remove it and what follows, Budwood adds the endpoint")
    return url


class GeminiSettings(BaseModel):
    """
    Settings of the Gemini API.

    Attributes:
        base_url: The URL without ``/models``, with the version of the API.
        api_key: Sent in the header ``x-goog-api-key``, never in the URL.
        headers: Further headers of every request. Do not put secrets here: headers appear in logs of proxies.
        safety_settings: The threshold of each category of harm, as in
            ``{"HARM_CATEGORY_HARASSMENT": "BLOCK_ONLY_HIGH"}``; by default Google's own.
        include_thoughts: Whether replies include the model's thoughts. By default they do if the request sets an
            effort or a budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_parse_address)] = BASE_URL
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    safety_settings: dict[str, str] = Field(default_factory=dict)
    include_thoughts: bool | None = None
