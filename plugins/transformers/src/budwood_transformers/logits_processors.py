"""
Logits processors that choose the next token.

`generate` samples with torch's global random generator, which other threads share. Instead, sampling is disabled, and
`SampleToken` draws one token with a generator of its own and excludes all others.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    GenerationConfig,
    LogitsProcessor,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from budwood.errors import ProviderError

_NEUTRAL = {
    "do_sample": False,
    "temperature": None,
    "top_k": None,
    "top_p": None,
    "min_p": None,
    "typical_p": None,
    "epsilon_cutoff": None,
    "eta_cutoff": None,
}


def disable_sampling(config: GenerationConfig) -> None:
    """Disable sampling in a configuration; `SampleToken` samples instead."""
    for name, value in _NEUTRAL.items():
        setattr(config, name, value)


def sampling_warpers(config: GenerationConfig) -> list[Any]:
    """Return the processors that change scores before sampling, in the order of the library."""
    processors: list[Any] = []
    if config.temperature not in (None, 1.0):
        processors.append(TemperatureLogitsWarper(float(config.temperature)))
    if config.top_k:
        processors.append(TopKLogitsWarper(config.top_k))
    if config.top_p is not None and config.top_p < 1:
        processors.append(TopPLogitsWarper(float(config.top_p)))
    if config.min_p is not None:
        processors.append(MinPLogitsWarper(float(config.min_p)))
    if config.typical_p is not None and config.typical_p < 1:
        processors.append(TypicalLogitsWarper(float(config.typical_p)))
    if config.epsilon_cutoff:
        processors.append(EpsilonLogitsWarper(float(config.epsilon_cutoff)))
    if config.eta_cutoff:
        processors.append(EtaLogitsWarper(float(config.eta_cutoff)))
    return processors


class Penalties(LogitsProcessor):  # type: ignore[misc]  # transformers is not read by mypy
    """
    Reduce the scores of tokens that the reply already contains.

    As defined by OpenAI: `presence` once per token, `frequency` once per occurrence.
    https://platform.openai.com/docs/advanced-usage#frequency-and-presence-penalties
    """

    def __init__(self, prompt: int, *, frequency: float, presence: float) -> None:
        self._prompt = prompt
        self._frequency = frequency
        self._presence = presence

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the changed scores."""
        counts = torch.zeros_like(scores)
        reply = input_ids[:, self._prompt :]
        counts.scatter_add_(1, reply, torch.ones_like(reply, dtype=scores.dtype))
        return scores - self._frequency * counts - self._presence * (counts > 0)


class SampleToken(LogitsProcessor):  # type: ignore[misc]  # transformers is not read by mypy
    """Sample one token with a generator of the reply, and exclude all others; seeds work alike on any device."""

    def __init__(self, config: GenerationConfig, seed: int | None) -> None:
        self._warpers = sampling_warpers(config)
        self._random = torch.Generator()
        if seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(seed % 2**64)

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - tensors
        """Return scores that allow only the sampled token."""
        for warp in self._warpers:
            scores = warp(input_ids, scores)
        probabilities = torch.softmax(scores.float(), dim=-1).cpu()
        drawn = torch.multinomial(probabilities, num_samples=1, generator=self._random).to(scores.device)
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn, 0.0)


class RequireFiniteScores(LogitsProcessor):  # type: ignore[misc]  # transformers is not read by mypy
    """Check that the scores of the model are finite numbers."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - tensors
        """
        Return the scores unchanged.

        Raises:
            ProviderError: A score is infinite or not a number.
        """
        if torch.isnan(scores).any() or torch.isposinf(scores).any():
            raise ProviderError(
                "The model computed scores that are not finite: its weights are damaged, or its dtype overflowed.",
                hint='Set dtype = "float32" or "bfloat16" in the settings of the instance.',
            )
        return scores
