"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TransformersSettings(BaseModel):
    """
    Settings of a section such as ``[providers.transformers]``.

    Attributes:
        model_path: The folder, or the name on the Hub, of the only model of this instance. Its last component is the
            name of the model: ``./models/tiny`` is ``INSTANCE/tiny``.
        device: The device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; ``"auto"`` uses CUDA or MPS if available,
            otherwise the CPU.
        dtype: The type of the weights in memory; ``"auto"`` is that of the files.
        attn_implementation: The attention implementation, such as ``"sdpa"``, ``"eager"`` or ``"flash_attention_2"``;
            by default the library chooses it.
        revision: The branch, tag or commit on the Hub; by default ``main``.
        token: The token for private and gated models of the Hub.
        trust_remote_code: Whether code of a model may run in this process, with all its permissions.
        local_files_only: Whether downloads are disabled.
        cache_folder: The folder for downloaded models; by default the shared cache of Hugging Face's libraries.
        max_models: The number of models to keep loaded; the least recently used one is unloaded.
        max_tokens: The default maximum of tokens of a reply.
        chat_template: A file with a chat template (Jinja), which replaces that of the tokenizer.
        response_template: A file with a response template (JSON), which identifies reasoning and tool calls, and
            replaces that of the tokenizer. Format:
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
