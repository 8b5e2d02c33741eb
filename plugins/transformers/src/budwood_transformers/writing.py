"""Have a model write one reply, and hand on what it writes token by token."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, Final

import torch
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria

from budwood.errors import BadResponseError, ContextLengthError
from budwood.types import (
    ChatRequest,
    Finished,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from budwood_transformers.choosing import Choice, Finite, Penalties, greedy
from budwood_transformers.detokenizing import Detokenizer
from budwood_transformers.failures import running
from budwood_transformers.loading import LoadedModel
from budwood_transformers.prompts import encode_prompt, tools_for_template
from budwood_transformers.replies import PlainReader, ReplyReader, TemplateReader
from budwood_transformers.sampling import sampling_options
from budwood_transformers.stopping import StopStrings

_END: Final = "eos"
_STOP: Final = "stop_string"


def write(
    model: LoadedModel,
    request: ChatRequest,
    default_limit: int,
    emit: Callable[[StreamEvent], None],
    is_left: Callable[[], bool],
) -> bool:
    """
    Write a reply.

    Args:
        model: Who writes; for this thread alone.
        request: What is asked.
        default_limit: How many tokens the reply may have where the request does not say.
        emit: Takes each event.
        is_left: Asked at each token: whether nobody wants the reply any more.

    Returns:
        Whether it is complete.

    Raises:
        ContextLengthError: The prompt leaves no room for a reply.
        BudwoodError: The request or the model is not as it must be.
    """
    reply_id = f"local-{secrets.token_hex(8)}"
    prompt = encode_prompt(model.tokenizer, request)
    limit, raw_limit = _limit(model, request, len(prompt), default_limit)
    config, seed = _configured(model, request, limit)
    page = _Page(model, request, prompt, reply_id, emit=emit, is_left=is_left)
    emit(ResponseStarted(id=reply_id, model=request.model))
    with running(), torch.inference_mode():
        given = torch.tensor([prompt], device=model.weights.device)
        model.weights.generate(
            given,
            attention_mask=torch.ones_like(given),
            generation_config=config,
            logits_processor=_processors(model, request, len(prompt), seed),
            stopping_criteria=[_AtEachToken(page.take)],
        )
    if is_left():
        return False
    page.close(raw_limit)
    said = {} if seed is None else {"seed": seed}
    emit(ResponseMetadata({"device": str(model.weights.device), **said}))
    return True


def _limit(model: LoadedModel, request: ChatRequest, prompt: int, default: int) -> tuple[int, str]:
    """Return how many tokens the reply may have, and what ends it there."""
    wanted = request.max_tokens or default
    if model.window is None:
        return wanted, "max_tokens"
    room = model.window - prompt
    if room < 1:
        raise ContextLengthError(
            f"The prompt has {prompt} tokens, and {request.model} has room for {model.window} with the reply.",
            param="messages",
            hint="Shorten it, or ask a model with a larger context window.",
        )
    return (wanted, "max_tokens") if wanted <= room else (room, "context_window")


def _configured(model: LoadedModel, request: ChatRequest, limit: int) -> tuple[GenerationConfig, int | None]:
    """Return the model's own configuration with what the request says, and the seed where it samples."""
    config = _effective(model, request)
    samples = bool(config.do_sample)
    greedy(config)
    config.max_new_tokens, config.max_length, config.min_length = limit, None, 0
    config.num_beams = config.num_return_sequences = 1
    config.return_dict_in_generate = False
    config.stop_strings = None
    ends = end_tokens(model)
    config.eos_token_id = ends or None
    if config.pad_token_id is None:
        config.pad_token_id = ends[0] if ends else 0
    if not samples:
        return config, None
    return config, secrets.randbits(32) if request.seed is None else request.seed


def _effective(model: LoadedModel, request: ChatRequest) -> GenerationConfig:
    config = deepcopy(model.weights.generation_config)
    for name, value in sampling_options(request).items():
        setattr(config, name, value)
    return config


def end_tokens(model: LoadedModel) -> list[int]:
    """List the tokens with which the model says that it has finished."""
    said = model.weights.generation_config.eos_token_id
    if said is None:
        said = model.tokenizer.eos_token_id
    if said is None:
        return []
    return list(said) if isinstance(said, Iterable) else [said]


def _processors(model: LoadedModel, request: ChatRequest, prompt: int, seed: int | None) -> list[LogitsProcessor]:
    frequency, presence = request.frequency_penalty or 0.0, request.presence_penalty or 0.0
    processors: list[LogitsProcessor] = [Finite()]
    if frequency or presence:
        processors.append(Penalties(prompt, frequency=frequency, presence=presence))
    if seed is not None:
        processors.append(Choice(_effective(model, request), seed))
    return processors


class _AtEachToken(StoppingCriteria):  # type: ignore[misc]  # transformers is not read by mypy
    """Shows each token to whoever wants it, right after it was chosen, and stops when told."""

    def __init__(self, take: Callable[[int], bool]) -> None:
        self._take = take

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ANN401 - tensors
        """Tell for each sequence, of which there is one, whether it ends here."""
        return torch.full((input_ids.shape[0],), self._take(int(input_ids[0, -1])), device=input_ids.device)


class _Page:
    """What was written so far."""

    def __init__(
        self,
        model: LoadedModel,
        request: ChatRequest,
        prompt: list[int],
        reply_id: str,
        *,
        emit: Callable[[StreamEvent], None],
        is_left: Callable[[], bool],
    ) -> None:
        parsed = model.response_template is not None
        self._emit = emit
        self._is_left = is_left
        self._prompt = len(prompt)
        self._written = 0
        self._ends = frozenset(end_tokens(model))
        self._ended_by: str | None = None
        self._stops = StopStrings(request.stop)
        self._reader = _reader(model, request, prompt, reply_id)
        # A parser finds tool calls by special tokens, which readers of plain text shall not see.
        self._text = Detokenizer(
            lambda tokens: str(
                model.tokenizer.decode(tokens, skip_special_tokens=not parsed, clean_up_tokenization_spaces=False)
            )
        )

    def take(self, token: int) -> bool:
        """Take the next token; tell whether it is the last."""
        if self._is_left() or self._ended_by is not None:
            return True
        self._written += 1
        if not self._show(self._read(self._text.add(token))):
            self._emit(self._usage())  # a sign of life: between events, the engine looks whether it is to go on
        if self._stops.found is not None:
            self._ended_by = _STOP
        elif token in self._ends:
            self._ended_by = _END
        return self._ended_by is not None

    def close(self, limit: str) -> None:
        """Hand on what was held back, and say why the reply ended."""
        if self._ended_by != _STOP:
            self._show(self._read(self._text.close()))
            self._show(self._last())
            if rest := self._stops.close():
                self._emit(TextDelta(rest))
        if self._ended_by is None:
            self._emit(Finished("length", limit))
        else:
            self._emit(Finished("tool_calls" if self._reader.called_tools else "stop", self._ended_by))
        self._emit(self._usage())

    def _read(self, text: str) -> list[StreamEvent]:
        if not text:
            return []
        try:
            return list(self._reader.add(text))
        except ValueError as error:
            raise _unreadable(error) from error

    def _last(self) -> list[StreamEvent]:
        """Read the rest; a call in which the reply was cut off is none, even where it can be read."""
        cut_off = self._ended_by is None
        try:
            rest = list(self._reader.close())
        except ValueError as error:
            if cut_off:
                return []
            raise _unreadable(error) from error
        return [event for event in rest if not (cut_off and isinstance(event, ToolCallDelta))]

    def _show(self, events: list[StreamEvent]) -> bool:
        """Emit what may be shown; tell whether anything was."""
        shown = False
        for event in events:
            if self._stops.found is not None:
                break
            if not isinstance(event, TextDelta):
                self._emit(event)
            elif text := self._stops.add(event.text):
                self._emit(TextDelta(text))
            else:
                continue
            shown = True
        return shown

    def _usage(self) -> UsageReported:
        return UsageReported(Usage(input_tokens=self._prompt, output_tokens=self._written))


def _reader(model: LoadedModel, request: ChatRequest, prompt: list[int], reply_id: str) -> ReplyReader:
    if model.response_template is None:
        return PlainReader()
    parser = model.tokenizer.get_response_parser(
        model.response_template, prefix=prompt, tools=tools_for_template(request) or None
    )
    return TemplateReader(parser, reply_id)


def _unreadable(error: ValueError) -> BadResponseError:
    return BadResponseError(
        f"What the model wrote does not fit its response template: {error}.",
        hint="Ask again, with another seed or a lower temperature.",
    )
