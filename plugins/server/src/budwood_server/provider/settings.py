"""Settings of the provider."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from budwood_openai_compatible import BaseURL, OpenAICompatibleSettings, OptionalFeature
from budwood_server.provider.environment_keys import find_environment_key

PassedOption = Literal["label", "timeout", "on_unsupported"]


def _with_path(url: str) -> str:
    """Add the path to an address without one."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1"


def _check_header(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("must have only printable characters of ASCII, because it is sent as a header")
    return text


HeaderText = Annotated[str, Field(min_length=1), AfterValidator(_check_header)]


class ServerOptions(BaseModel):
    """
    Options that the server applies to calls. An option that is not set is the server's own.

    Attributes:
        label: The label under which the server records calls without one.
        cache: How the cache of the server is used.
        cache_namespace: Keeps its replies apart from those of other namespaces.
        fallbacks: The server's names of models that it asks if the first fails.
        routing: The order in which the server asks models.
        timeout: Seconds for a whole call.
        on_unsupported: What the server does with parameters that the model does not support.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    label: HeaderText | None = None
    cache: Literal["on", "off", "refresh", "only"] | None = None
    cache_namespace: HeaderText | None = None
    fallbacks: tuple[HeaderText, ...] = ()
    routing: Literal["ordered", "round-robin", "cheapest", "weighted", "fastest"] | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    on_unsupported: Literal["adapt", "warn", "error"] | None = None

    def list_headers(self) -> dict[str, str]:
        """Return the options as headers."""
        return make_headers(self.model_dump(exclude_none=True))


class BudwoodServerSettings(OpenAICompatibleSettings):
    """
    Settings of a server of Budwood.

    Attributes:
        base_url: The URL of the server. The path ``/v1`` may be missing.
        api_key: A key of the server with the scope ``infer``; begins with ``bw_live_``. By default that of
            ``BUDWOOD_SERVER_KEY``, if ``BUDWOOD_SERVER_URL`` names the same server.
        server_options: Options that the server applies to all calls. A call sets others in ``extra={"budwood": {…}}``.
        pass_options: The options of calls that are passed on. Remove those that the key may not set.
    """

    base_url: Annotated[BaseURL, AfterValidator(_with_path)]
    api_key: SecretStr | None = Field(default_factory=find_environment_key)
    offers: frozenset[OptionalFeature] = frozenset(
        {
            "count_tokens",
            "moderation",
            "image_results",
            "cache_control",
            "audio_input",
            "video_input",
            "document_input",
            "audio_output",
            "image_output",
            "files",
            "background",
        }
    )
    server_options: ServerOptions = ServerOptions()
    pass_options: frozenset[PassedOption] = frozenset({"label", "timeout", "on_unsupported"})


def make_headers(options: dict[str, Any]) -> dict[str, str]:
    """Return options of Budwood as headers; lists are joined by commas, and empty ones left out."""
    headers = {}
    for name, value in options.items():
        text = ",".join(value) if isinstance(value, list | tuple) else str(value)
        if text:
            headers[f"x-budwood-{name.replace('_', '-')}"] = text
    return headers
