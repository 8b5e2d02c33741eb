"""What Budwood knows about a model, in LangChain's form."""

from __future__ import annotations

from langchain_core.language_models import ModelProfile

from budwood.types import Capability, ModelDetails


def make_profile(details: ModelDetails) -> ModelProfile:
    """Describe a model. Limits that are not known are left out."""
    can = details.capabilities
    profile = ModelProfile(
        name=details.model,
        text_inputs=True,
        text_outputs=True,
        image_inputs=Capability.IMAGE_INPUT in can,
        audio_inputs=Capability.AUDIO_INPUT in can,
        video_inputs=Capability.VIDEO_INPUT in can,
        pdf_inputs=Capability.DOCUMENT_INPUT in can,
        image_outputs=Capability.IMAGE_OUTPUT in can,
        audio_outputs=Capability.AUDIO_OUTPUT in can,
        reasoning_output=Capability.REASONING in can,
        tool_calling=Capability.TOOLS in can,
        tool_choice=Capability.TOOLS in can,
        structured_output=Capability.JSON_SCHEMA in can,
    )
    if (window := details.facts.context_window) is not None:
        profile["max_input_tokens"] = window
    if (limit := details.rules.max_output_tokens) is not None:
        profile["max_output_tokens"] = limit
    return profile
