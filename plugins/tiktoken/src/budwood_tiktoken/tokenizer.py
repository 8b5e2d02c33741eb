"""The tokenizer: exact for text, and nearer than an estimate for all else."""

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
    Counts tokens with OpenAI's own vocabularies.

    Args:
        settings: Where they lie, and whether they may be downloaded.
        context: Not used.
    """

    def __init__(self, settings: TiktokenSettings, context: PluginContext) -> None:
        self._models = {name.lower(): model for name, model in settings.models.items()}
        self._vocabularies = Vocabularies(settings.cache_folder, download=settings.download)

    def count(self, request: ChatRequest) -> TokenCount | None:
        """
        Count the input tokens of a request; None for a model that is none of OpenAI's.

        Exact for requests of text alone, to the models in `budwood_tiktoken.framing`. Tools, schemas, images and what
        else there is are estimated, beside text that is counted.

        Raises:
            ConfigurationError: The model's vocabulary is not on this machine.
        """
        model = self._models.get(request.model.lower(), request.model)
        name = encoding_of(model)
        if name is None:
            return None
        encoding = self._vocabularies.get(name)

        def counted(text: str) -> int:
            return len(encoding.encode_ordinary(text))

        framing = framing_of(model)
        if framing is not None and is_exact(request, framing):
            texts = (part.text for message in request.messages for part in message.parts if isinstance(part, TextPart))
            tokens = tokens_around(request, framing) + sum(map(counted, texts))
            return TokenCount(input_tokens=tokens, exact=True, low=tokens, high=tokens, source="tokenizer")
        low, tokens_likely, high = estimate_request(
            request,
            text=lambda text: _certain(counted(text)),
            request_overhead=_likely((framing or CHAT).request),
            message_overhead=_likely((framing or CHAT).message),
        )
        return TokenCount(
            input_tokens=round(tokens_likely),
            exact=False,
            low=math.floor(low),
            high=math.ceil(high),
            source="tokenizer",
        )


def encoding_of(model: str) -> str | None:
    """Return the name of a model's vocabulary, or None where the model is not known."""
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model.lower())
    except KeyError:
        return None
    return name if name in VOCABULARIES else None


def _certain(tokens: int) -> TokenEstimate:
    return TokenEstimate(tokens, tokens, tokens)


def _likely(tokens: int) -> TokenEstimate:
    """Bound what stands around the text, where something else in the request makes it less certain."""
    return TokenEstimate(0, tokens, tokens + 6)
