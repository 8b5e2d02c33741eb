"""What users can set."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class TiktokenSettings(BaseModel):
    """
    Settings of a section ``[tokenizers.tiktoken]``.

    Attributes:
        cache_folder: Where the vocabularies lie, under the names that tiktoken gives them; by default where tiktoken
            looks: the folder that ``TIKTOKEN_CACHE_DIR`` names, or ``data-gym-cache`` in the folder of temporary files.
        download: Whether a vocabulary that is not there may be downloaded, once.
        models: What model a name of your own stands for, such as that of a deployment: ``{"my-chat" = "gpt-4o"}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    cache_folder: Path | None = None
    download: bool = False
    models: dict[str, str] = Field(default_factory=dict)
