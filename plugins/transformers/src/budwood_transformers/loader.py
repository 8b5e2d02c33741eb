"""Load tokenizers and models."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError, NotFoundError
from budwood_transformers import errors
from budwood_transformers.model_files import context_window, find_model, read_json_file
from budwood_transformers.model_kinds import WITH_IMAGES, find_auto_class, model_kind
from budwood_transformers.prompts import PromptEncoder
from budwood_transformers.settings import TransformersSettings

_TASKS: Final = {"speech": "text-to-audio", "transcription": "automatic-speech-recognition"}
"""The pipeline of the library for a kind of model. All others generate text."""

_UNUSED_WEIGHTS: Final = ("masked_spec_embed",)
"""Names of weights that only training uses; published models may lack them."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model, what encodes its prompts, its context window in tokens if known, and its response template if any."""

    encoder: PromptEncoder
    weights: Any
    window: int | None
    response_template: Any = None


@dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A model that speaks or transcribes. ``by_ctc`` is set if it is a CTC model, which does not generate text."""

    pipeline: Any
    by_ctc: bool


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads tokenizers and models as the settings of an instance specify."""

    settings: TransformersSettings
    context: PluginContext

    def encoder(self, model: str) -> PromptEncoder:
        """
        Load the tokenizer with its chat template, and for models that take images, their processor.

        Raises:
            BudwoodError: See `budwood_transformers.errors`.
        """
        from transformers import AutoProcessor, AutoTokenizer

        location, processor = find_model(self.settings, model), None
        takes_images = find_auto_class(self.config(model)) == WITH_IMAGES
        with errors.convert_load_errors(model, self.context.instance):
            if takes_images:
                processor = AutoProcessor.from_pretrained(location, **self._options())
                if not hasattr(processor, "image_processor"):  # the library returns a tokenizer in its place
                    raise ConfigurationError(f"{model} has no image processor.", hint="Download its files again.")
                tokenizer = processor.tokenizer
                tokenizer.chat_template = processor.chat_template or tokenizer.chat_template
            else:
                tokenizer = AutoTokenizer.from_pretrained(location, **self._options())
        if self.settings.chat_template is not None:
            tokenizer.chat_template = self._read("chat_template", self.settings.chat_template)
        return PromptEncoder(tokenizer, processor)

    def config(self, model: str) -> dict[str, Any]:
        """
        Return the ``config.json`` of a model, which is downloaded if it is not on this machine.

        Raises:
            NotFoundError: It is not on this machine, and downloads are disabled.
            BudwoodError: See `budwood_transformers.errors`.
        """
        config = read_json_file(self.settings, model, "config.json")
        if config is not None:
            return config
        location = find_model(self.settings, model)
        if self.settings.local_files_only and not Path(location).is_dir():
            raise NotFoundError(
                f"{model} is not on this machine, and downloads are disabled.",
                hint=f"Check the name, or set local_files_only = false in [providers.{self.context.instance}].",
            )
        from transformers import PreTrainedConfig

        with errors.convert_load_errors(model, self.context.instance):
            options = {name: value for name, value in self._options().items() if name != "trust_remote_code"}
            found: dict[str, Any] = PreTrainedConfig.get_config_dict(location, **options)[0]
        return found

    def model(self, model: str) -> LoadedModel | LoadedPipeline:
        """
        Load a model with its tokenizer, and move it to the configured device.

        Raises:
            BudwoodError: See `budwood_transformers.errors`.
        """
        started = self.context.clock.monotonic()
        device = self._device()
        auto_class = find_auto_class(config := self.config(model)) or "AutoModelForCausalLM"
        task = _TASKS.get(model_kind(config) or "")
        if task is None:
            loaded: LoadedModel | LoadedPipeline = self._chat_model(model, device, auto_class)
        else:
            loaded = self._pipeline(model, device, auto_class, task)
        seconds = round(self.context.clock.monotonic() - started, 3)
        self.context.log("model loaded", model=model, device=str(device), seconds=seconds)
        return loaded

    def _chat_model(self, model: str, device: Any, auto_class: str) -> LoadedModel:  # noqa: ANN401 - torch is not read by mypy
        encoder = self.encoder(model)
        with errors.convert_load_errors(model, self.context.instance):
            weights = self._weights(model, auto_class).to(device)
        window = context_window(weights.config.to_dict())
        return LoadedModel(encoder, weights, window, self._response_template(encoder.tokenizer))

    def _pipeline(self, model: str, device: Any, auto_class: str, task: str) -> LoadedPipeline:  # noqa: ANN401 - see above
        import transformers

        location = find_model(self.settings, model)
        with errors.convert_load_errors(model, self.context.instance):
            parts = {"tokenizer": transformers.AutoTokenizer.from_pretrained(location, **self._options())}
            if task == _TASKS["transcription"]:
                extractor = transformers.AutoFeatureExtractor.from_pretrained(location, **self._options())
                parts["feature_extractor"] = extractor
            with keep_generators(device):
                weights = self._weights(model, auto_class).to(device)
            pipeline = transformers.pipeline(task, model=weights, device=device, **parts)
        return LoadedPipeline(pipeline, by_ctc=auto_class == "AutoModelForCTC")

    def _weights(self, model: str, auto_class: str) -> Any:  # noqa: ANN401 - transformers is not read by mypy
        import transformers

        weights, loading_info = getattr(transformers, auto_class).from_pretrained(
            find_model(self.settings, model),
            dtype=self.settings.dtype,
            attn_implementation=self.settings.attn_implementation,
            use_safetensors=True,  # the alternative is pickle
            output_loading_info=True,
            **self._options(),
        )
        if missing := sorted(name for name in loading_info["missing_keys"] if not name.endswith(_UNUSED_WEIGHTS)):
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


def keep_generators(device: Any) -> AbstractContextManager[None]:  # noqa: ANN401 - torch is not read by mypy
    """Return a context that restores the state of torch's global random generators, which belong to the program."""
    import torch

    kept: AbstractContextManager[None] = torch.random.fork_rng([device] if device.type == "cuda" else [])
    return kept


def free_memory() -> None:
    """Release the memory of unloaded models."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
