"""Speak texts with a text-to-audio pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from budwood.errors import BadResponseError, InvalidRequestError
from budwood.providing import make_wave_header
from budwood.types import Adaptation, GeneratedAudio, SpeechRequest, SpeechResponse
from budwood_transformers.errors import convert_run_errors
from budwood_transformers.loader import LoadedPipeline, keep_generators

_LARGEST: Final = 32_767
_SEED: Final = "seed"
_RATE: Final = "speaking_rate"


def list_speech_adaptations(request: SpeechRequest, config: Mapping[str, Any]) -> Iterator[Adaptation]:
    """Yield the parameters that a model with this ``config.json`` does not use."""
    if request.format not in (None, "wav"):
        yield Adaptation(parameter="format", action="changed", reason="only WAV is written")
    if request.voice is not None and _count_speakers(config) < 2:
        yield Adaptation(parameter="voice", action="dropped", reason="the model has one voice")
    if request.speed is not None and _RATE not in config:
        yield Adaptation(parameter="speed", action="dropped", reason="the model has one speed")
    for name in ("instructions", "language"):
        if getattr(request, name):
            yield Adaptation(parameter=name, action="dropped", reason="the pipeline of the library does not have it")


def speak(model: LoadedPipeline, request: SpeechRequest) -> SpeechResponse:
    """
    Return a WAV of 16 bits.

    Raises:
        InvalidRequestError: The voice or ``extra`` is invalid, or the text has nothing that the model can speak.
    """
    config = model.pipeline.model.config.to_dict()
    seed, parameters = _read_extra(request), _voice(request, config) | _speed(request, config)
    result = _run(model, request, parameters, seed)
    samples = np.atleast_2d(np.asarray(result["audio"], np.float32))
    if not samples.size or not np.isfinite(samples).all():
        raise BadResponseError("The model returned no sound.", hint="Pass another text, or use another model.")
    content = (np.clip(samples, -1, 1) * _LARGEST).astype("<i2").T.tobytes()
    rate, channels = int(result["sampling_rate"]), len(samples)
    return SpeechResponse(
        audio=GeneratedAudio(
            data=make_wave_header(len(content), rate=rate, channels=channels) + content,
            media_type="audio/wav",
            seconds=samples.shape[1] / rate,
            transcript=request.text,
        ),
        model=request.model,
    )


def _run(model: LoadedPipeline, request: SpeechRequest, parameters: dict[str, Any], seed: int | None) -> Any:  # noqa: ANN401 - a dictionary
    import torch

    with convert_run_errors(), keep_generators(model.pipeline.device), torch.inference_mode():
        if seed is not None:
            torch.manual_seed(seed)
        try:
            return model.pipeline(request.text, forward_params=parameters)
        except (ValueError, RuntimeError) as error:
            if _is_empty(model, request.text):
                raise InvalidRequestError(
                    "The text has no letters that the model can speak.", param="text", hint="Pass another text."
                ) from error
            raise


def _is_empty(model: LoadedPipeline, text: str) -> bool:
    return not model.pipeline.tokenizer(text, add_special_tokens=False)["input_ids"]


def _read_extra(request: SpeechRequest) -> int | None:
    seed = request.extra.get(_SEED)
    if request.extra.keys() - {_SEED} or not (seed is None or type(seed) is int):
        raise InvalidRequestError("Invalid extra=.", param="extra", hint='Use only {"seed": NUMBER}.')
    return seed if isinstance(seed, int) else None


def _voice(request: SpeechRequest, config: Mapping[str, Any]) -> dict[str, Any]:
    speakers = _count_speakers(config)
    if request.voice is None or speakers < 2:
        return {}
    if not (request.voice.isascii() and request.voice.isdigit() and int(request.voice) < speakers):
        raise InvalidRequestError(
            f"{request.model} has no voice {request.voice!r}.", param="voice", hint=f'Use "0" to "{speakers - 1}".'
        )
    return {"speaker_id": int(request.voice)}


def _speed(request: SpeechRequest, config: Mapping[str, Any]) -> dict[str, Any]:
    return {_RATE: config[_RATE] * request.speed} if request.speed is not None and _RATE in config else {}


def _count_speakers(config: Mapping[str, Any]) -> int:
    speakers = config.get("num_speakers")
    return speakers if isinstance(speakers, int) else 1
