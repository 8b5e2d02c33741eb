"""
Translate fields of OpenAI's APIs for vendors of other APIs.

A field without an equivalent is left out as ``on_unsupported`` says, or refused if the reply would have another form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from budwood_server.web.problems import reject_unsupported

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

TAG_FIELDS: Final = ("user", "safety_identifier", "metadata")
"""Fields that become tags of the call, the dimensions of telemetry."""

_NO_EQUIVALENT: Final = "the API of the vendor has no equivalent"

_DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
    "logit_bias": ({},),
    "logprobs": (False,),
    "metadata": ({},),
    "modalities": (["text"],),
    "n": (1,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
}
"""Values that ask for nothing but the default."""

_REASONS: Final[Mapping[str, str]] = {
    "prompt_cache_key": "it is a hint for OpenAI's prompt cache",
    "prompt_cache_retention": "it is a hint for OpenAI's prompt cache",
    "store": "the vendor does not store replies",
}


def is_default(name: str, value: object) -> bool:
    """Tell whether a value asks for nothing but the default."""
    return value is None or value in _DEFAULTS.get(name, ())


def translate_field(name: str, value: object, plan: CallPlan) -> dict[str, Any]:
    """
    Return parameters of the vendor for a field; empty if it is left out.

    Raises:
        ProblemError: The reply would have another form without it, or the request wants an error.
    """
    if is_default(name, value):
        return {}
    if (reason := _REFUSALS.get(name)) is not None:
        raise reject_unsupported(name, reason, hint="Remove it, or choose a model of a vendor with OpenAI's API.")
    if name in TAG_FIELDS:
        return _translate_user(value) if plan.api == "anthropic" and name != "metadata" else {}
    if name == "verbosity" and plan.api == "openai":  # of Responses
        return {"text": {"verbosity": value}}
    if name == "audio":  # without the modality it has no effect
        return {}
    plan.leave_out(name, _REASONS.get(name, _NO_EQUIVALENT))
    return {}


def _translate_user(value: object) -> dict[str, Any]:
    return {"metadata": {"user_id": value}} if isinstance(value, str) and value else {}


_REFUSALS: Final[Mapping[str, str]] = {
    "logprobs": "the vendor reports no log probabilities",
    "modalities": "the vendor's chat returns only text",
    "n": "the vendor returns one reply for each request",
    "top_logprobs": "the vendor reports no log probabilities",
}
"""Fields without which the reply would have another form."""
