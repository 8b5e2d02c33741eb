"""Count the tokens of a request on this machine: by a tokenizer, or else by an estimate that replies calibrate."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.engine.accounting.calibration import Calibration
from budwood.errors import ConfigurationError, PluginDisabledError, PluginError
from budwood.hooks import TOKENIZER, TokenizerSpec
from budwood.plugins import faults
from budwood.types import ChatRequest

if TYPE_CHECKING:
    from budwood.engine.pipeline.endpoints import Endpoint
    from budwood.plugins import Instance, Instances
    from budwood.types import TokenCount

OFF: Final = ("", "0", "false", "none", "off")
"""How the environment says that no tokenizer is wanted."""


class TokenCounter:
    """
    Counts tokens before anything is sent. Safe to use from several threads.

    Args:
        instances: Makes tokenizers.
    """

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._calibration = Calibration()
        self.learn = self._calibration.learn
        self._made: dict[str, Instance[TokenizerSpec[Any]]] = {}
        self._lock = threading.Lock()

    def count(self, endpoint: Endpoint, request: ChatRequest) -> TokenCount:
        """
        Count, or estimate, the input tokens of a request. It may take a second where a vocabulary has to be read.

        Raises:
            PluginError: The tokenizer that the settings name cannot be used.
        """
        counted, hint = self._ask_tokenizers(endpoint, request)
        if counted is not None:
            return counted
        from budwood.providing import estimate_request  # not above: only those who count need its patterns
        from budwood.types import TokenCount

        estimate = estimate_request(request)
        calibrated = self._calibration.applied(endpoint.name, request, estimate)
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
        Return a number of tokens that a request has at least, so that it may be refused by it.

        What replies have taught is left out: they may have been in another language.
        """
        from budwood.providing import estimate_request

        counted, _ = self._ask_tokenizers(endpoint, request)
        return counted.low if counted is not None else math.floor(estimate_request(request).low)

    def _ask_tokenizers(self, endpoint: Endpoint, request: ChatRequest) -> tuple[TokenCount | None, str | None]:
        """
        Ask the tokenizers that may know the model; if one cannot count, return what would help.

        Raises:
            PluginError: The tokenizer that the settings name cannot be used.
        """
        named = self._configured_name()
        if named is not None:
            candidates = [named] if named else []
        else:
            candidates = self._instances.names_matching(TOKENIZER, f"{endpoint.plugin}/{request.model}")
        hint = None
        for name in candidates:
            try:
                counted = self._count_by(name, request)
            except (ConfigurationError, PluginError) as error:
                if named and isinstance(error, PluginError):
                    raise
                if isinstance(error, PluginDisabledError):
                    continue
                hint = str(error)
                logs.emit("tokenizer failed", level="warning", tokenizer=name, model=request.model, reason=hint)
            else:
                if counted is not None:
                    return counted.model_copy(update={"provider": endpoint.name, "model": request.model}), None
        return None, hint

    def _configured_name(self) -> str | None:
        """Return the tokenizer that the settings name; empty if they want none, None if they leave it open."""
        setting = self._instances.settings.tokenizer
        if setting is None or setting is True:
            return None
        return setting if isinstance(setting, str) and setting.lower() not in OFF else ""

    def _count_by(self, name: str, request: ChatRequest) -> TokenCount | None:
        tokenizer = self._tokenizer(name)
        with faults.calling(tokenizer.source, "count"):
            counted: TokenCount | None = tokenizer.implementation.count(request)
        return counted

    def _tokenizer(self, name: str) -> Instance[TokenizerSpec[Any]]:
        with self._lock:
            if name not in self._made:
                self._made[name] = self._instances.build(TOKENIZER, name)
            return self._made[name]
