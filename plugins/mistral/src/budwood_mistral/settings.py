"""Settings of Mistral."""

from __future__ import annotations

from pydantic import Field, SecretStr

from budwood_openai_compatible import BaseURL, MissingFeature, OpenAICompatibleSettings, OptionalFeature


class MistralSettings(OpenAICompatibleSettings):
    """
    Settings of Mistral.

    The API rejects fields that it does not know: ``random_seed`` is its seed, and streams report usage without being
    asked. It rejects a user message directly after a tool message, so images stay in the results of tools.

    Attributes:
        base_url: The URL without ``/chat/completions``.
        api_key: The API key.
        call_id_length: Ids of tool calls have exactly nine letters and digits.
    """

    base_url: BaseURL = "https://api.mistral.ai/v1"
    api_key: SecretStr | None = None
    renames: dict[str, str] = Field(default_factory=lambda: {"seed": "random_seed"})
    lacks: frozenset[MissingFeature] = frozenset({"stream_options"})
    offers: frozenset[OptionalFeature] = frozenset(
        {"image_results", "moderation", "audio_input", "document_input", "files"}
    )
    extra_message_fields: frozenset[str] | None = frozenset()
    call_id_length: int | None = Field(default=9, ge=1, le=40)
