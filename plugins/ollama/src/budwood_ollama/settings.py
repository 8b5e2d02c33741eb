"""Settings of an Ollama server."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from budwood.types import JSON
from budwood_ollama.addresses import parse_address

_DURATION: Final = re.compile(r"-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


def _duration(value: object) -> object:
    """Convert seconds to a duration, the form that all of Ollama's endpoints take."""
    text = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError('must be seconds, or a duration such as "10m"')  # noqa: TRY004 - Pydantic reports a ValueError
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return f"{text}s"
    if _DURATION.fullmatch(text):
        return text
    raise ValueError('must be seconds, or a duration such as "10m", "1h30m" or "-1s"')


class OllamaSettings(BaseModel):
    """
    Settings of an Ollama server.

    Attributes:
        base_url: HOST, HOST:PORT or a URL, without ``/api``.
        api_key: Sent as ``Authorization: Bearer …``. Ollama's cloud requires it; local servers do not.
        headers: Further headers of every request. Do not put secrets here: headers appear in logs of proxies.
        options: Ollama's runtime options (``num_ctx``, ``top_k``, …). Parameters of a call take precedence.
        keep_alive: How long the model stays loaded: seconds, or a duration such as ``"10m"``. A negative value means
            forever, 0 unloads it immediately.
        embeddings_endpoint: ``"embeddings"`` for servers before 0.3, which embed one text per request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(parse_address)] = "http://127.0.0.1:11434"
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    options: dict[str, JSON] = Field(default_factory=dict)
    keep_alive: Annotated[str, BeforeValidator(_duration)] | None = None
    embeddings_endpoint: Literal["embed", "embeddings"] = "embed"
