"""Load tokenizers and models."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood_transformers import failures
from budwood_transformers.folders import context_window, location
from budwood_transformers.settings import TransformersSettings


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with its tokenizer, and how many tokens it reads and writes in all, where that is known."""

    tokenizer: Any
    weights: Any
    window: int | None
    response_template: Any = None


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads what an instance's settings say, as they say."""

    settings: TransformersSettings
    context: PluginContext

    def tokenizer(self, model: str) -> Any:  # noqa: ANN401 - transformers is not read by mypy
        """
        Load a tokenizer, with its chat template.

        Raises:
            BudwoodError: As `budwood_transformers.failures` says.
        """
        from transformers import AutoTokenizer

        place = location(self.settings, model)
        with failures.loading(model, self.context.instance):
            tokenizer = AutoTokenizer.from_pretrained(place, **self._options())
        if self.settings.chat_template is not None:
            tokenizer.chat_template = self._read("chat_template", self.settings.chat_template)
        return tokenizer

    def model(self, model: str) -> LoadedModel:
        """
        Load a model with its tokenizer, and put it where the settings say.

        Raises:
            BudwoodError: As `budwood_transformers.failures` says.
        """
        started = self.context.clock.monotonic()
        device = self._device()
        tokenizer = self.tokenizer(model)
        with failures.loading(model, self.context.instance):
            weights = self._weights(model).to(device)
        seconds = round(self.context.clock.monotonic() - started, 3)
        self.context.log("model loaded", model=model, device=str(device), seconds=seconds)
        window = context_window(weights.config.to_dict())
        return LoadedModel(tokenizer, weights, window, self._response_template(tokenizer))

    def _weights(self, model: str) -> Any:  # noqa: ANN401 - transformers is not read by mypy
        from transformers import AutoModelForCausalLM

        weights, found = AutoModelForCausalLM.from_pretrained(
            location(self.settings, model),
            dtype=self.settings.dtype,
            attn_implementation=self.settings.attn_implementation,
            use_safetensors=True,  # the other form is a pickle
            output_loading_info=True,
            **self._options(),
        )
        if missing := sorted(found["missing_keys"]):
            raise ConfigurationError(
                f"The weights of {model} lack {len(missing)} parts, the first of them {missing[0]}.",
                hint="Load its files anew: what is missing would be random.",
            )
        return weights.eval()

    def _options(self) -> dict[str, Any]:
        given = self.settings
        return {
            "revision": given.revision or "main",
            "token": given.token.get_secret_value() if given.token is not None else None,
            "trust_remote_code": given.trust_remote_code,
            "local_files_only": given.local_files_only,
            "cache_dir": given.cache_folder,
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
                f"There is no device {name!r} here: {str(error).partition('.')[0]}.",
                hint='Set device = "auto", or install the build of torch for it.',
            ) from error

    def _response_template(self, tokenizer: Any) -> Any:  # noqa: ANN401 - transformers is not read by mypy
        path = self.settings.response_template
        if path is None:
            return getattr(tokenizer, "response_template", None)
        try:
            return from_json(self._read("response_template", path))
        except ValueError as error:
            raise ConfigurationError(f"response_template: {path} holds no JSON: {error}.", hint="Mend it.") from error

    def _read(self, name: str, path: Path) -> str:
        try:
            return path.expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{name}: {path} cannot be read: {error}.",
                hint=f"Give the path of a text file in [providers.{self.context.instance}].",
            ) from error


def free_memory() -> None:
    """Give back what a model held that was let go."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
