"""Count the tokens of a request locally: with a tokenizer, or by an estimate that is calibrated by replies."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.engine.accounting.calibration import Calibration
from budwood.errors import ConfigurationError, PluginDisabledError, PluginError
from budwood.hooks import TOKENIZER, TokenizerSpec
from budwood.plugins import faults
from budwood.settings import OFF
from budwood.types import ChatRequest

if TYPE_CHECKING:
    from budwood.engine.endpoints.endpoint import Endpoint
    from budwood.engine.limits.tokens import OutputAverage
    from budwood.plugins import Instance, Instances
    from budwood.types import TokenCount

MAX_REMEMBERED: Final = 1000
"""The number of models, and of failures, that are remembered."""


class TokenCounter:
    """
    Counts tokens before a request is sent. Safe to use from several threads.

    Args:
        instances: Builds tokenizers.

    Attributes:
        outputs: The average output of models, by the endpoint and the model.
    """

    def __init__(self, instances: Instances) -> None:
        self.outputs: dict[tuple[str, str], OutputAverage] = {}
        self._instances = instances
        self._calibration = Calibration()
        self.learn = self._calibration.learn
        self._has_tokenizer: dict[tuple[str, str], bool] = {}
        self._reported: set[tuple[str, str, str]] = set()
        self._tokenizers: dict[str, Instance[TokenizerSpec[Any]]] = {}
        self._lock = threading.Lock()

    def count(self, endpoint: Endpoint, request: ChatRequest) -> TokenCount:
        """
        Count or estimate the input tokens of a request. This may take a second if a vocabulary must be loaded.

        Raises:
            PluginError: The configured tokenizer cannot be used.
        """
        counted, hint = self._ask_tokenizers(endpoint, request)
        if counted is not None:
            return counted
        from budwood.providing import estimate_request  # not above: only counting needs its patterns
        from budwood.types import TokenCount

        estimate = estimate_request(request)
        calibrated = self._calibration.correct(endpoint.name, request, estimate)
        low, tokens, high = calibrated or estimate
        return TokenCount(
            input_tokens=round(tokens),
            exact=False,
            low=math.floor(low),
            high=math.ceil(high),
            source="estimate" if calibrated is None else "calibrated",
            hint=hint,
            provider=endpoint.name,
            model=request.model,
        )

    def least(self, endpoint: Endpoint, request: ChatRequest) -> int:
        """
        Return the minimum number of tokens of a request, by which it may be rejected.

        Calibration is ignored, since the replies may have been in another language.
        """
        from budwood.providing import estimate_request

        counted, _ = self._ask_tokenizers(endpoint, request)
        return counted.low if counted is not None else math.floor(estimate_request(request).low)

    def has_tokenizer(self, endpoint: Endpoint, model: str) -> bool:
        """Return whether a tokenizer might count the tokens of a model. This loads nothing."""
        key = (endpoint.plugin, model)
        if key not in self._has_tokenizer:
            if len(self._has_tokenizer) >= MAX_REMEMBERED:
                self._has_tokenizer.clear()
            self._has_tokenizer[key] = bool(self._list_candidates(endpoint, model))
        return self._has_tokenizer[key]

    def exact(self, endpoint: Endpoint, request: ChatRequest) -> int | None:
        """
        Return the number of tokens of a request by a tokenizer that counts it exactly; None without one.

        Raises:
            PluginError: The configured tokenizer cannot be used.
        """
        counted, _ = self._ask_tokenizers(endpoint, request)
        return counted.input_tokens if counted is not None and counted.exact else None

    def _ask_tokenizers(self, endpoint: Endpoint, request: ChatRequest) -> tuple[TokenCount | None, str | None]:
        """
        Return the count of the first tokenizer that supports the model, or a hint if one failed.

        Raises:
            PluginError: The configured tokenizer cannot be used.
        """
        named = self._configured_name()
        hint = None
        for name in self._list_candidates(endpoint, request.model):
            try:
                counted = self._count_by(name, request)
            except (ConfigurationError, PluginError) as error:
                if named and isinstance(error, PluginError):
                    raise
                if isinstance(error, PluginDisabledError):
                    continue
                hint = str(error)
                self._report(name, request.model, hint)
            else:
                if counted is not None:
                    return counted.model_copy(update={"provider": endpoint.name, "model": request.model}), None
        return None, hint

    def _list_candidates(self, endpoint: Endpoint, model: str) -> list[str]:
        named = self._configured_name()
        if named is not None:
            return [named] if named else []
        return self._instances.find_matching_names(TOKENIZER, f"{endpoint.plugin}/{model}")

    def _report(self, tokenizer: str, model: str, reason: str) -> None:
        """Log a failure, once: budgets ask before each attempt."""
        failure = (tokenizer, model, reason)
        if failure not in self._reported and len(self._reported) < MAX_REMEMBERED:
            self._reported.add(failure)
            logs.emit("tokenizer failed", level="warning", tokenizer=tokenizer, model=model, reason=reason)

    def _configured_name(self) -> str | None:
        """Return the configured tokenizer; empty if tokenizers are disabled, None if the settings do not say."""
        setting = self._instances.settings.tokenizer
        if setting is None or setting is True:
            return None
        return setting if isinstance(setting, str) and setting.lower() not in OFF else ""

    def _count_by(self, name: str, request: ChatRequest) -> TokenCount | None:
        tokenizer = self._tokenizer(name)
        with faults.call_boundary(tokenizer.source, "count"):
            counted: TokenCount | None = tokenizer.implementation.count(request)
        return counted

    def _tokenizer(self, name: str) -> Instance[TokenizerSpec[Any]]:
        with self._lock:
            if name not in self._tokenizers:
                self._tokenizers[name] = self._instances.build(TOKENIZER, name)
            return self._tokenizers[name]
