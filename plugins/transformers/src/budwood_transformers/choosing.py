"""
Choose the next token.

`generate` samples from the random numbers of the whole process, which other threads use as well. Here it takes the
likeliest token, and this processor leaves only one to take: drawn by the rules of the request, from numbers of its own.
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


def greedy(config: GenerationConfig) -> None:
    """Take out of a configuration what only holds for sampling: this is done here."""
    for name, value in _NEUTRAL.items():
        setattr(config, name, value)


def warpers(config: GenerationConfig) -> list[Any]:
    """List what changes the scores before a token is drawn, in the library's order."""
    found: list[Any] = []
    if config.temperature not in (None, 1.0):
        found.append(TemperatureLogitsWarper(float(config.temperature)))
    if config.top_k:
        found.append(TopKLogitsWarper(config.top_k))
    if config.top_p is not None and config.top_p < 1:
        found.append(TopPLogitsWarper(float(config.top_p)))
    if config.min_p is not None:
        found.append(MinPLogitsWarper(float(config.min_p)))
    if config.typical_p is not None and config.typical_p < 1:
        found.append(TypicalLogitsWarper(float(config.typical_p)))
    if config.epsilon_cutoff:
        found.append(EpsilonLogitsWarper(float(config.epsilon_cutoff)))
    if config.eta_cutoff:
        found.append(EtaLogitsWarper(float(config.eta_cutoff)))
    return found


class Penalties(LogitsProcessor):  # type: ignore[misc]  # transformers is not read by mypy
    """
    Make tokens that were already written less likely.

    As OpenAI describes it: `presence` once, `frequency` once for each time.
    https://platform.openai.com/docs/advanced-usage#frequency-and-presence-penalties
    """

    def __init__(self, prompt: int, *, frequency: float, presence: float) -> None:
        self._prompt = prompt
        self._frequency = frequency
        self._presence = presence

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the changed scores."""
        counts = torch.zeros_like(scores)
        written = input_ids[:, self._prompt :]
        counts.scatter_add_(1, written, torch.ones_like(written, dtype=scores.dtype))
        return scores - self._frequency * counts - self._presence * (counts > 0)


class Choice(LogitsProcessor):  # type: ignore[misc]  # transformers is not read by mypy
    """Leave one token, drawn from numbers that are one reply's own: the same seed draws the same, on any device."""

    def __init__(self, config: GenerationConfig, seed: int | None) -> None:
        self._warpers = warpers(config)
        self._random = torch.Generator()
        if seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(seed % 2**64)

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - tensors
        """Return scores that leave no choice."""
        for warp in self._warpers:
            scores = warp(input_ids, scores)
        chances = torch.softmax(scores.float(), dim=-1).cpu()
        drawn = torch.multinomial(chances, num_samples=1, generator=self._random).to(scores.device)
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn, 0.0)


class Finite(LogitsProcessor):  # type: ignore[misc]  # transformers is not read by mypy
    """See that the model's scores are numbers, before anything is chosen by them."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - tensors
        """
        Return the scores as they are.

        Raises:
            ProviderError: They are not.
        """
        if torch.isnan(scores).any() or torch.isposinf(scores).any():
            raise ProviderError(
                "The model's scores are no numbers: its weights are damaged, or too coarse a type overflowed.",
                hint='Try dtype = "float32" or "bfloat16" in the settings of the instance.',
            )
        return scores
