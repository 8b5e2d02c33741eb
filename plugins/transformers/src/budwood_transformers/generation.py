"""Generate a reply with a model, and emit its events token by token."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
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
from budwood_transformers.detokenizer import Detokenizer
from budwood_transformers.errors import convert_run_errors
from budwood_transformers.loader import LoadedModel
from budwood_transformers.logits_processors import Penalties, RequireFiniteScores, SampleToken, disable_sampling
from budwood_transformers.prompts import encode_prompt, tools_for_template
from budwood_transformers.replies import PlainReader, ReplyReader, TemplateReader
from budwood_transformers.sampling import sampling_options
from budwood_transformers.stop_strings import StopStrings

_END: Final = "eos"
_STOP: Final = "stop_string"


def generate_reply(
    model: LoadedModel,
    request: ChatRequest,
    default_limit: int,
    emit: Callable[[StreamEvent], None],
    is_cancelled: Callable[[], bool],
) -> bool:
    """
    Generate a reply.

    Args:
        model: The model, which no other thread uses.
        request: The request.
        default_limit: The maximum number of tokens if the request sets none.
        emit: Receives each event.
        is_cancelled: Called at each token; returns whether to stop.

    Returns:
        Whether the reply is complete.

    Raises:
        ContextLengthError: The prompt leaves no room for a reply.
        BudwoodError: The request or the model is invalid.
    """
    reply_id = f"local-{secrets.token_hex(8)}"
    prompt = encode_prompt(model.encoder, request)
    limit, raw_limit = _limit(model, request, len(prompt.tokens), default_limit)
    config, seed = _create_config(model, request, limit)
    writer = _ReplyWriter(model, request, prompt.tokens, reply_id, emit=emit, is_cancelled=is_cancelled)
    emit(ResponseStarted(id=reply_id, model=request.model))
    with convert_run_errors(), torch.inference_mode():
        input_ids = torch.tensor([prompt.tokens], device=model.weights.device)
        model.weights.generate(
            input_ids,
            **prompt.tensors(model.weights.device, model.weights.dtype),
            attention_mask=torch.ones_like(input_ids),
            generation_config=config,
            logits_processor=_processors(model, request, len(prompt.tokens), seed),
            stopping_criteria=[_TokenCallback(writer.add_token)],
        )
    if is_cancelled():
        return False
    writer.close(raw_limit)
    seed_metadata = {} if seed is None else {"seed": seed}
    emit(ResponseMetadata({"device": str(model.weights.device), **seed_metadata}))
    return True


def _limit(model: LoadedModel, request: ChatRequest, prompt: int, default: int) -> tuple[int, str]:
    """Return the maximum number of tokens of the reply, and the raw finish reason at that limit."""
    requested = request.max_tokens or default
    if model.window is None:
        return requested, "max_tokens"
    room = model.window - prompt
    if room < 1:
        raise ContextLengthError(
            f"The prompt has {prompt} tokens, and the context window of {request.model} is {model.window} tokens.",
            param="messages",
            hint="Shorten the prompt, or use a model with a larger context window.",
        )
    return (requested, "max_tokens") if requested <= room else (room, "context_window")


def _create_config(model: LoadedModel, request: ChatRequest, limit: int) -> tuple[GenerationConfig, int | None]:
    """Return the configuration for the request, and the seed if it samples."""
    config = _merge_options(model, request)
    samples = bool(config.do_sample)
    disable_sampling(config)
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


def _merge_options(model: LoadedModel, request: ChatRequest) -> GenerationConfig:
    config = deepcopy(model.weights.generation_config)
    for name, value in sampling_options(request).items():
        setattr(config, name, value)
    return config


def end_tokens(model: LoadedModel) -> list[int]:
    """Return the end-of-sequence tokens of the model."""
    token_ids = model.weights.generation_config.eos_token_id
    if token_ids is None:
        token_ids = model.encoder.tokenizer.eos_token_id
    if token_ids is None:
        return []
    return list(token_ids) if isinstance(token_ids, Iterable) else [token_ids]


def _processors(model: LoadedModel, request: ChatRequest, prompt: int, seed: int | None) -> list[LogitsProcessor]:
    frequency, presence = request.frequency_penalty or 0.0, request.presence_penalty or 0.0
    processors: list[LogitsProcessor] = [RequireFiniteScores()]
    if frequency or presence:
        processors.append(Penalties(prompt, frequency=frequency, presence=presence))
    if seed is not None:
        processors.append(SampleToken(_merge_options(model, request), seed))
    return processors


class _TokenCallback(StoppingCriteria):  # type: ignore[misc]  # transformers is not read by mypy
    """Calls a function with each token; generation stops when it returns true."""

    def __init__(self, callback: Callable[[int], bool]) -> None:
        self._callback = callback

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ANN401 - tensors
        """Return for each sequence (there is one) whether it ends here."""
        return torch.full((input_ids.shape[0],), self._callback(int(input_ids[0, -1])), device=input_ids.device)


class _ReplyWriter:
    """Converts the tokens of a reply to events, and emits them."""

    def __init__(
        self,
        model: LoadedModel,
        request: ChatRequest,
        prompt: list[int],
        reply_id: str,
        *,
        emit: Callable[[StreamEvent], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        has_template = model.response_template is not None
        self._emit = emit
        self._is_left = is_cancelled
        self._input_tokens = len(prompt)
        self._output_tokens = 0
        self._ends = frozenset(end_tokens(model))
        self._ended_by: str | None = None
        self._stops = StopStrings(request.stop)
        self._reader = _create_reader(model, request, prompt, reply_id)
        # The template parser needs special tokens, which mark tool calls; plain text must not contain them.
        self._detokenizer = Detokenizer(
            partial(
                model.encoder.tokenizer.decode,
                skip_special_tokens=not has_template,
                clean_up_tokenization_spaces=False,
            )
        )

    def add_token(self, token: int) -> bool:
        """Add the next token; return whether it is the last."""
        if self._is_left() or self._ended_by is not None:
            return True
        self._output_tokens += 1
        if not self._emit_all(self._parse(self._detokenizer.add(token))):
            self._emit(self._usage())  # the engine checks for cancellation between events
        if self._stops.found is not None:
            self._ended_by = _STOP
        elif token in self._ends:
            self._ended_by = _END
        return self._ended_by is not None

    def close(self, limit: str) -> None:
        """Emit the remaining events and the finish reason."""
        if self._ended_by != _STOP:
            self._emit_all(self._parse(self._detokenizer.close()))
            self._emit_all(self._parse_rest())
            if rest := self._stops.close():
                self._emit(TextDelta(rest))
        if self._ended_by is None:
            self._emit(Finished("length", limit))
        else:
            self._emit(Finished("tool_calls" if self._reader.called_tools else "stop", self._ended_by))
        self._emit(self._usage())

    def _parse(self, text: str) -> list[StreamEvent]:
        if not text:
            return []
        try:
            return list(self._reader.add(text))
        except ValueError as error:
            raise _parse_error(error) from error

    def _parse_rest(self) -> list[StreamEvent]:
        """Parse the rest. A tool call in which the reply was truncated is omitted, even if it can be parsed."""
        is_truncated = self._ended_by is None
        try:
            rest = list(self._reader.close())
        except ValueError as error:
            if is_truncated:
                return []
            raise _parse_error(error) from error
        return [event for event in rest if not (is_truncated and isinstance(event, ToolCallDelta))]

    def _emit_all(self, events: list[StreamEvent]) -> bool:
        """Emit events up to a stop string; return whether any was emitted."""
        has_emitted = False
        for event in events:
            if self._stops.found is not None:
                break
            if not isinstance(event, TextDelta):
                self._emit(event)
            elif text := self._stops.add(event.text):
                self._emit(TextDelta(text))
            else:
                continue
            has_emitted = True
        return has_emitted

    def _usage(self) -> UsageReported:
        return UsageReported(Usage(input_tokens=self._input_tokens, output_tokens=self._output_tokens))


def _create_reader(model: LoadedModel, request: ChatRequest, prompt: list[int], reply_id: str) -> ReplyReader:
    if model.response_template is None:
        return PlainReader()
    parser = model.encoder.tokenizer.get_response_parser(
        model.response_template, prefix=prompt, tools=tools_for_template(request) or None
    )
    return TemplateReader(parser, reply_id)


def _parse_error(error: ValueError) -> BadResponseError:
    return BadResponseError(
        f"The reply does not match the response template of the model: {error}.",
        hint="Try again with another seed or a lower temperature.",
    )
