"""The tokenizer: exact for text, and estimates for other content."""

from __future__ import annotations

import math

from budwood.contracts import PluginContext
from budwood.providing import TokenEstimate, estimate_request
from budwood.types import ChatRequest, TextPart, TokenCount
from budwood_tiktoken.framing import CHAT, framing_of, is_exact, tokens_around
from budwood_tiktoken.settings import TiktokenSettings
from budwood_tiktoken.vocabularies import VOCABULARIES, Vocabularies


class TiktokenTokenizer:
    """
    Counts tokens with OpenAI's vocabularies.

    Args:
        settings: The settings.
        context: Not used.
    """

    def __init__(self, settings: TiktokenSettings, context: PluginContext) -> None:
        self._models = {name.lower(): model for name, model in settings.models.items()}
        self._vocabularies = Vocabularies(settings.cache_folder, download=settings.download)

    def count(self, request: ChatRequest) -> TokenCount | None:
        """
        Count the input tokens of a request; None for a model that is not OpenAI's.

        The count is exact for requests with only text to the models in `budwood_tiktoken.framing`. Tools, schemas,
        images and other content are estimated, in addition to the counted text.

        Raises:
            ConfigurationError: The vocabulary of the model is not on this machine.
        """
        model = self._models.get(request.model.lower(), request.model)
        name = encoding_of(model)
        if name is None:
            return None
        encoding = self._vocabularies.get(name)

        def count_text(text: str) -> int:
            return len(encoding.encode_ordinary(text))

        framing = framing_of(model)
        if framing is not None and is_exact(request, framing):
            texts = (part.text for message in request.messages for part in message.parts if isinstance(part, TextPart))
            tokens = tokens_around(request, framing) + sum(map(count_text, texts))
            return TokenCount(input_tokens=tokens, exact=True, low=tokens, high=tokens, source="tokenizer")
        low, tokens_likely, high = estimate_request(
            request,
            text=lambda text: _exact(count_text(text)),
            request_overhead=_approximate((framing or CHAT).request),
            message_overhead=_approximate((framing or CHAT).message),
        )
        return TokenCount(
            input_tokens=round(tokens_likely),
            exact=False,
            low=math.floor(low),
            high=math.ceil(high),
            source="tokenizer",
        )


def encoding_of(model: str) -> str | None:
    """Return the name of the vocabulary of a model, or None if the model is unknown."""
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model.lower())
    except KeyError:
        return None
    return name if name in VOCABULARIES else None


def _exact(tokens: int) -> TokenEstimate:
    return TokenEstimate(tokens, tokens, tokens)


def _approximate(tokens: int) -> TokenEstimate:
    """Return an estimate of the tokens around the text, if other content makes the count uncertain."""
    return TokenEstimate(0, tokens, tokens + 6)
