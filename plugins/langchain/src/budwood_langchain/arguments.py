"""Arguments of LangChain's other models: what they mean here, or what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood import AsyncClient, Client, ConfigurationError

_ALIASES: Final = {"model_name": "model", "request_timeout": "timeout"}
"""Names of `ChatOpenAI`, and ours for the same."""

_CURES: Final = {
    "n": 'Pass extra={"n": …} if the vendor supports it.',
    "model_kwargs": "Pass options of Budwood as arguments, and parameters of the vendor as extra={…}.",
    "openai_api_base": "Pass base_url=….",
    "openai_proxy": "Pass client=Client(…, transport=httpx.Client(proxy=…)).",
    "default_headers": "Set `headers` in the section of the provider in budwood.toml.",
}
"""Arguments of `ChatOpenAI` that have no counterpart of the same form."""


def read_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the arguments of a component with our names.

    Raises:
        ConfigurationError: An argument has another name or form here; the hint says what to write.
    """
    for name, value in values.items():
        if (cure := _find_cure(name, value)) is not None:
            raise ConfigurationError(f"Invalid argument {name}=.", hint=cure)  # the value may be a key
    renamed = {name: ours for name, ours in _ALIASES.items() if ours not in values}
    return {renamed.get(name, name): value for name, value in values.items()}


def _find_cure(name: str, value: object) -> str | None:
    """Return what to write instead of an argument; None if it is valid, or unknown."""
    if name in _CURES:
        return _CURES[name]
    if name.endswith("_api_key"):  # of one vendor
        return "Pass api_key=…."
    if name == "cache" and isinstance(value, str):
        return f'Pass client=Client(…, cache="{value}"), or LangChain\'s cache=BudwoodCache("{value}").'
    kind = {"client": Client, "async_client": AsyncClient}.get(name)
    if kind is not None and value is not None and not isinstance(value, kind):
        return f"Pass the object: {name}={kind.__name__}(…, cache=…). The model alone is model=…."
    return None
