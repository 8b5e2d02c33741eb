"""Load tokenizers and models."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood_transformers import errors
from budwood_transformers.model_files import context_window, find_model
from budwood_transformers.settings import TransformersSettings


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with its tokenizer, its context window in tokens if known, and its response template if any."""

    tokenizer: Any
    weights: Any
    window: int | None
    response_template: Any = None


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads tokenizers and models as the settings of an instance specify."""

    settings: TransformersSettings
    context: PluginContext

    def tokenizer(self, model: str) -> Any:  # noqa: ANN401 - transformers is not read by mypy
        """
        Load a tokenizer, with its chat template.

        Raises:
            BudwoodError: See `budwood_transformers.errors`.
        """
        from transformers import AutoTokenizer

        location = find_model(self.settings, model)
        with errors.convert_load_errors(model, self.context.instance):
            tokenizer = AutoTokenizer.from_pretrained(location, **self._options())
        if self.settings.chat_template is not None:
            tokenizer.chat_template = self._read("chat_template", self.settings.chat_template)
        return tokenizer

    def model(self, model: str) -> LoadedModel:
        """
        Load a model with its tokenizer, and move it to the configured device.

        Raises:
            BudwoodError: See `budwood_transformers.errors`.
        """
        started = self.context.clock.monotonic()
        device = self._device()
        tokenizer = self.tokenizer(model)
        with errors.convert_load_errors(model, self.context.instance):
            weights = self._weights(model).to(device)
        seconds = round(self.context.clock.monotonic() - started, 3)
        self.context.log("model loaded", model=model, device=str(device), seconds=seconds)
        window = context_window(weights.config.to_dict())
        return LoadedModel(tokenizer, weights, window, self._response_template(tokenizer))

    def _weights(self, model: str) -> Any:  # noqa: ANN401 - transformers is not read by mypy
        from transformers import AutoModelForCausalLM

        weights, loading_info = AutoModelForCausalLM.from_pretrained(
            find_model(self.settings, model),
            dtype=self.settings.dtype,
            attn_implementation=self.settings.attn_implementation,
            use_safetensors=True,  # the alternative is pickle
            output_loading_info=True,
            **self._options(),
        )
        if missing := sorted(loading_info["missing_keys"]):
            raise ConfigurationError(
                f"The weights of {model} are incomplete: {len(missing)} are missing, the first is {missing[0]}.",
                hint="Download its files again. Missing weights would have random values.",
            )
        return weights.eval()

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "revision": settings.revision or "main",
            "token": settings.token.get_secret_value() if settings.token is not None else None,
            "trust_remote_code": settings.trust_remote_code,
            "local_files_only": settings.local_files_only,
            "cache_dir": settings.cache_folder,
        }

    def _device(self) -> Any:  # noqa: ANN401 - torch is not read by mypy
        import torch

        name = self.settings.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        try:
            return torch.empty(0, device=name).device
        except (AssertionError, NotImplementedError, RuntimeError) as error:
            raise ConfigurationError(
                f"The device {name!r} is not available: {str(error).partition('.')[0]}.",
                hint='Set device = "auto", or install a build of torch for it.',
            ) from error

    def _response_template(self, tokenizer: Any) -> Any:  # noqa: ANN401 - transformers is not read by mypy
        path = self.settings.response_template
        if path is None:
            return getattr(tokenizer, "response_template", None)
        try:
            return from_json(self._read("response_template", path))
        except ValueError as error:
            raise ConfigurationError(
                f"response_template: {path} is not valid JSON: {error}.", hint="Correct the file."
            ) from error

    def _read(self, name: str, path: Path) -> str:
        try:
            return path.expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{name}: cannot read {path}: {error}.",
                hint=f"Set it to the path of a text file in [providers.{self.context.instance}].",
            ) from error


def free_memory() -> None:
    """Release the memory of unloaded models."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
