"""Settings of models inside the process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TransformersSettings(BaseModel):
    """
    Which models are loaded, how, and where to.

    Attributes:
        model_path: The folder, or the name on the Hub, of the one model of this instance. Its last component is then
            the model's name: ``./models/tiny`` is ``INSTANCE/tiny``.
        device: Where the weights lie: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; ``"auto"`` takes CUDA or MPS
            where there is one, else the CPU.
        dtype: The type of the weights in memory; ``"auto"`` as they were saved.
        attn_implementation: Such as ``"sdpa"``, ``"eager"`` or ``"flash_attention_2"``; by default what the library
            takes for the model.
        revision: Branch, tag or commit on the Hub.
        token: For private and gated models of the Hub.
        trust_remote_code: Whether code that comes with a model may run in this process, with all its rights.
        local_files_only: Whether nothing may be downloaded.
        cache_folder: Where downloaded models lie; by default where all of Hugging Face's libraries keep them.
        max_models: How many models are kept loaded; the one that was asked longest ago makes room.
        max_tokens: How much a reply may have where the call does not say; tokens.
        chat_template: A file with a chat template (Jinja), for tokenizers without one or in place of theirs.
        response_template: A file with a response template (JSON) that tells reasoning and tool calls from text, for
            tokenizers without one or in place of theirs. Form:
            https://huggingface.co/docs/transformers/chat_response_parsing
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, protected_namespaces=(), defer_build=True
    )

    model_path: str | None = None
    device: Annotated[str, Field(pattern=r"^(auto|[a-z]+(:\d+)?)$")] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    attn_implementation: str | None = None
    revision: str | None = None
    token: SecretStr | None = None
    trust_remote_code: bool = False
    local_files_only: bool = False
    cache_folder: Path | None = None
    max_models: Annotated[int, Field(ge=1)] = 1
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    chat_template: Path | None = None
    response_template: Path | None = None
