"""Settings of an Ollama server."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from budwood.types import JSON
from budwood_ollama.addresses import read_address

_DURATION: Final = re.compile(r"-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


def _duration(value: object) -> object:
    """Write seconds as a duration, the one form that all of Ollama's endpoints take."""
    text = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError('a time is seconds, or a text such as "10m"')  # noqa: TRY004 - Pydantic reports a ValueError
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return f"{text}s"
    if _DURATION.fullmatch(text):
        return text
    raise ValueError('a time is seconds, or a text such as "10m", "1h30m" or "-1s"')


class OllamaSettings(BaseModel):
    """
    Where the server is and what every request shall say.

    Attributes:
        base_url: HOST, HOST:PORT or a URL, without ``/api``.
        api_key: Sent as ``Authorization: Bearer …``; Ollama's cloud wants one, a server of one's own does not.
        headers: Further headers of every request. They show in logs of proxies: keep secrets out of them.
        options: Ollama's runtime options (``num_ctx``, ``top_k``, …). What a call says of itself comes before them.
        keep_alive: How long the model stays loaded: seconds, or a duration such as ``"10m"``; negative for ever, 0 for
            not at all.
        embeddings_endpoint: ``"embeddings"`` for servers older than 0.3, which embed one text at a time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(read_address)] = "http://127.0.0.1:11434"
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    options: dict[str, JSON] = Field(default_factory=dict)
    keep_alive: Annotated[str, BeforeValidator(_duration)] | None = None
    embeddings_endpoint: Literal["embed", "embeddings"] = "embed"
