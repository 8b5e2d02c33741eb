"""Settings of an endpoint that speaks OpenAI's API."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from budwood.providing import parse_base_url

Lack = Literal[
    "tools", "tool_choice", "json_schema", "image_input", "stream_options", "embeddings", "models", "completion"
]
"""What some servers cannot do, or refuse to be asked for."""

Offer = Literal["count_tokens", "moderation", "image_results"]
"""What few servers can do besides OpenAI's own; ``image_results`` are images in the result of a tool."""


_ENDPOINTS: Final = ("/chat/completions", "/completions", "/responses", "/embeddings", "/moderations", "/v1/models")


def _parse_address(text: str) -> str:
    return parse_base_url(text, *_ENDPOINTS)


Address = Annotated[str, AfterValidator(_parse_address)]


class OpenAICompatibleSettings(BaseModel):
    """
    Where the server is and in what it differs.

    Attributes:
        base_url: The address before ``/chat/completions``, as in ``http://localhost:8000/v1``.
        api_key: Sent as ``Authorization: Bearer …``; local servers want none.
        headers: Further headers of every request. They show in logs of proxies: keep secrets out of them.
        max_tokens_parameter: Under which name the server wants the bound of the output.
        system_role: Under which role it wants system and developer messages; None leaves both as they are.
        renames: The server's names of other parameters, by ours.
        lacks: What it cannot do.
        offers: What it can do that most servers cannot.
        extra_message_fields: Fields beyond OpenAI's that the server takes in messages that it did not write, such as
            ``reasoning_content`` in a dictionary of yours; by default it takes all. What a server wrote itself always
            goes back to it.
        call_id_length: How many letters and digits the ids of tool calls have, for servers that refuse others, such as
            Mistral's with 9.
        api: By which API it is asked: Chat Completions, Responses, or whichever model and request want.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Address
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    max_tokens_parameter: str = "max_tokens"
    system_role: Literal["system", "developer"] | None = "system"
    renames: dict[str, str] = Field(default_factory=dict)
    lacks: frozenset[Lack] = frozenset()
    offers: frozenset[Offer] = frozenset()
    extra_message_fields: frozenset[str] | None = None
    call_id_length: Annotated[int, Field(ge=1, le=40)] | None = None
    api: Literal["chat", "responses", "auto"] = "chat"
