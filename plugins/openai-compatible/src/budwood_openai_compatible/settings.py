"""Settings of an endpoint that implements OpenAI's API."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from budwood.providing import parse_base_url

MissingFeature = Literal[
    "tools",
    "tool_choice",
    "json_schema",
    "image_input",
    "stream_options",
    "embeddings",
    "models",
    "completion",
    "images",
    "image_edits",
    "speech",
    "transcription",
    "translation",
]
"""Features that some servers do not have, or fields that they reject."""

OptionalFeature = Literal[
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
    "videos",
    "background",
]
"""
Features that few servers have: ``image_results`` are media in the results of tools, ``cache_control`` are marks for
prompt caching in messages, ``background`` are replies of Responses in the background.
"""


_ENDPOINTS: Final = (
    "/chat/completions",
    "/chat",
    "/completions",
    "/responses",
    "/embeddings",
    "/moderations",
    "/images/generations",
    "/images/edits",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/v1/models",
)


def _parse_address(text: str) -> str:
    return parse_base_url(text, *_ENDPOINTS)


BaseURL = Annotated[str, AfterValidator(_parse_address)]


class OpenAICompatibleSettings(BaseModel):
    """
    Settings of an endpoint.

    Attributes:
        base_url: The URL without ``/chat/completions``, such as ``http://localhost:8000/v1``.
        api_key: Sent as ``Authorization: Bearer …``. Local servers usually need none.
        headers: Additional headers of every request. Proxies may log them, so do not put secrets here.
        max_tokens_parameter: The server's name of ``max_tokens``.
        system_role: The role of system and developer messages; None leaves it unchanged.
        renames: The server's names of other parameters, by Budwood's names.
        lacks: Features that the server does not have.
        offers: Features that this server has and most servers do not.
        extra_message_fields: Fields beyond OpenAI's that the server accepts in messages from other sources, such as
            ``reasoning_content`` in a dictionary that you pass. By default all are sent. Fields that the server sent
            itself are always returned to it.
        call_id_length: The length of tool call ids, for servers that accept only letters and digits of one length, such
            as Mistral with 9.
        reasoning_tag: The tag between which the server puts reasoning before the text, such as ``reasoning`` for
            ``<reasoning>…</reasoning>``.
        api: The API to use: Chat Completions, Responses, or ``auto``, which chooses by model and request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: BaseURL
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    max_tokens_parameter: str = "max_tokens"
    system_role: Literal["system", "developer"] | None = "system"
    renames: dict[str, str] = Field(default_factory=dict)
    lacks: frozenset[MissingFeature] = frozenset()
    offers: frozenset[OptionalFeature] = frozenset()
    extra_message_fields: frozenset[str] | None = None
    call_id_length: Annotated[int, Field(ge=1, le=40)] | None = None
    reasoning_tag: Annotated[str, Field(pattern=r"^\w+$")] | None = None
    api: Literal["chat", "responses", "auto"] = "chat"
