"""Transcribe and translate recordings with a speech recognition pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.errors import InvalidRequestError
from budwood.types import (
    Adaptation,
    TranscriptionRequest,
    TranscriptionResponse,
    TranscriptSegment,
    TranscriptWord,
)
from budwood_transformers.errors import convert_run_errors
from budwood_transformers.loader import LoadedPipeline, keep_generators
from budwood_transformers.recordings import read_recording

_CHUNK_SECONDS: Final = 30.0
"""Longer recordings are transcribed in parts: the memory for a part grows with its length."""


def list_transcription_adaptations(
    request: TranscriptionRequest, generation: Mapping[str, Any], *, by_ctc: bool
) -> Iterator[Adaptation]:
    """
    Yield the parameters that a model does not use.

    Args:
        request: The request.
        generation: The model's ``generation_config.json``; empty if it has none.
        by_ctc: Whether the model is a CTC model, which gives the times of words but takes no parameters.
    """
    if request.language and not _is_multilingual(generation):
        yield Adaptation(parameter="language", action="dropped", reason="the model does not take a language")
    if request.prompt and "prev_sot_token_id" not in generation:
        yield Adaptation(parameter="prompt", action="dropped", reason="the model does not take a prompt")
    if request.temperature is not None and by_ctc:
        yield Adaptation(parameter="temperature", action="dropped", reason="the model does not sample")
    if lost := [kind for kind in request.timestamps if not _has_times(kind, generation, by_ctc=by_ctc)]:
        action = "dropped" if len(lost) == len(request.timestamps) else "changed"
        yield Adaptation(parameter="timestamps", action=action, reason=f"the model has no times of a {lost[0]}")
    for name in ("diarize", "extra"):
        if getattr(request, name):
            yield Adaptation(parameter=name, action="dropped", reason="the pipeline of the library does not have it")


def can_translate(generation: Mapping[str, Any]) -> bool:
    """Return whether a model translates into English, from its ``generation_config.json``."""
    tasks = generation.get("task_to_id")
    return _is_multilingual(generation) and isinstance(tasks, Mapping) and "translate" in tasks


def transcribe(
    model: LoadedPipeline, request: TranscriptionRequest, generation: Mapping[str, Any]
) -> TranscriptionResponse:
    """
    Transcribe a recording, or translate it into English.

    Raises:
        InvalidRequestError: The audio cannot be used, or the model rejects a parameter, such as the language.
        ConfigurationError: The format of the audio requires ffmpeg, which is not installed.
    """
    rate = model.pipeline.feature_extractor.sampling_rate
    samples = read_recording(request.audio, rate)
    seconds = len(samples) / rate
    times: list[str] = [kind for kind in request.timestamps if _has_times(kind, generation, by_ctc=model.by_ctc)]
    options = _options(model, request, generation, seconds)
    found: dict[str, list[Any]] = {}
    text = ""
    for kind in times or [""]:  # the library returns either segments or words
        result = _run(model, samples, options | _time_options(kind, seconds, generation))
        text, found[kind] = result["text"].strip(), list(_chunks(result, seconds))
    return TranscriptionResponse(
        text=text,
        model=request.model,
        language=request.language,
        seconds=seconds,
        segments=tuple(TranscriptSegment(text=one, start=a, end=b) for one, a, b in found.get("segment", ())),
        words=tuple(TranscriptWord(word=one, start=a, end=b) for one, a, b in found.get("word", ())),
    )


def _options(
    model: LoadedPipeline, request: TranscriptionRequest, generation: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    if model.by_ctc:
        return {"chunk_length_s": _CHUNK_SECONDS} if seconds > _CHUNK_SECONDS else {}
    options: dict[str, Any] = {}
    if _is_multilingual(generation):
        options["language"] = request.language
    if can_translate(generation):
        options["task"] = "translate" if request.translate else "transcribe"
    if request.prompt and "prev_sot_token_id" in generation:
        prompt = model.pipeline.tokenizer.get_prompt_ids(request.prompt, return_tensors="pt")
        options["prompt_ids"] = prompt.to(model.pipeline.device)
    if request.temperature is not None:
        options |= {"do_sample": request.temperature > 0, "temperature": request.temperature or 1.0}
    return {"generate_kwargs": options}


def _time_options(kind: str, seconds: float, generation: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "word":
        return {"return_timestamps": "word"}
    if kind or (seconds > _CHUNK_SECONDS and _has_times("segment", generation, by_ctc=False)):
        return {"return_timestamps": True}  # the library continues after the first part by its times
    return {}


def _run(model: LoadedPipeline, samples: Any, options: dict[str, Any]) -> Any:  # noqa: ANN401 - an array, a dictionary
    with convert_run_errors(), keep_generators(model.pipeline.device):
        try:
            return model.pipeline(samples.copy(), **options)
        except ValueError as error:
            raise InvalidRequestError(
                f"The model rejected the request: {error}.", hint="Check the language and the other parameters."
            ) from error


def _chunks(result: Mapping[str, Any], seconds: float) -> Iterator[tuple[str, float, float]]:
    """
    Yield texts with their times within the recording.

    The library leaves out times that the model does not predict, as at the end of a recording. Others may be in the
    silence that the library adds to a recording.
    """
    previous = 0.0
    for chunk in result.get("chunks") or ():
        start, end = chunk["timestamp"]
        start = min(previous if start is None else float(start), seconds)
        previous = max(start, min(seconds if end is None else float(end), seconds))
        yield chunk["text"].strip(), start, previous


def _is_multilingual(generation: Mapping[str, Any]) -> bool:
    return "lang_to_id" in generation and bool(generation.get("is_multilingual", True))


def _has_times(kind: str, generation: Mapping[str, Any], *, by_ctc: bool) -> bool:
    if by_ctc:
        return kind == "word"
    return "no_timestamps_token_id" in generation and (kind == "segment" or "alignment_heads" in generation)
