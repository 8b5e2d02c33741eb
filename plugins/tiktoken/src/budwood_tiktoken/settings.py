"""The settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class TiktokenSettings(BaseModel):
    """
    Settings of a section ``[tokenizers.tiktoken]``.

    Attributes:
        cache_folder: The folder of the vocabularies, with tiktoken's file names. The default is that of tiktoken:
            ``TIKTOKEN_CACHE_DIR``, or ``data-gym-cache`` in the folder for temporary files.
        download: Whether a missing vocabulary is downloaded on first use.
        models: The OpenAI model for a name of your own, such as a deployment: ``{"my-chat" = "gpt-4o"}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    cache_folder: Path | None = None
    download: bool = False
    models: dict[str, str] = Field(default_factory=dict)
