"""Convert errors of loading and running models to Budwood's errors, with hints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from budwood.errors import (
    AuthenticationError,
    BudwoodError,
    CapacityError,
    ConfigurationError,
    ConnectionFailedError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
)

_LESS_MEMORY: Final = 'Use a smaller model, dtype = "bfloat16", a shorter prompt, or device = "cpu".'
_MEMORY_MESSAGES: Final = ("out of memory", "not enough memory", "can't allocate memory")
_REQUIRED_LIBRARY: Final = re.compile(r".*requires the ([\w-]+) library")  # of transformers' own ImportError


@contextmanager
def convert_load_errors(model: str, instance: str) -> Iterator[None]:
    """Convert errors of loading a model. The library wraps them, so the chain of causes is searched."""
    try:
        yield
    except BudwoodError:
        raise
    except Exception as error:
        raise _load_error(model, instance, error) from error


@contextmanager
def convert_run_errors() -> Iterator[None]:
    """Convert errors of running a model."""
    try:
        yield
    except ImportError as error:
        raise _missing_library("The model", error) from error
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise _out_of_memory(error) from error
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the device or the machine is out of memory."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in message for sign in _MEMORY_MESSAGES)


def _out_of_memory(error: BaseException) -> CapacityError:
    return CapacityError(f"Not enough memory: {_first_line(error)}.", hint=_LESS_MEMORY, retryable=False)


def _missing_library(model: str, error: ImportError) -> ConfigurationError:
    message = _first_line(error)
    if error.name is not None:
        hint = f"pip install {error.name}"
    elif stated := _REQUIRED_LIBRARY.search(message):
        message, hint = stated[0], f"pip install {stated[1].lower()}, and keep the version of torch."
    else:
        hint = "Install it, or change the setting that requires it."
    return ConfigurationError(f"{model} requires a library: {message}.", hint=hint)


def _load_error(model: str, instance: str, error: Exception) -> BudwoodError:
    section = f"[providers.{instance}]"
    chain = list(_chain(error))
    for cause in chain:
        found = _hub_error(model, section, cause)
        if found is not None:
            return found
    if any(is_out_of_memory(cause) for cause in chain if isinstance(cause, MemoryError | RuntimeError)):
        return _out_of_memory(error)
    message = str(error)
    if "trust_remote_code" in message:
        return ConfigurationError(
            f"{model} includes its own code, which is not run by default.",
            hint=f"If you trust it to run with your permissions, set trust_remote_code = true in {section}.",
        )
    if "Unrecognized configuration class" in message or "does not recognize this architecture" in message:
        return UnsupportedError(
            f"The installed transformers library does not support {model} as a text model: {_first_line(error)}.",
            hint="Use a model that generates text. A newer version of transformers may support it.",
        )
    if isinstance(error, ImportError):
        return _missing_library(model, error)
    if "attn_implementation" in message:
        return ConfigurationError(
            f"{model} does not support this attention implementation: {_first_line(error)}.",
            hint=f"Change attn_implementation in {section}.",
        )
    return ConfigurationError(
        f"Cannot load {model}: {type(error).__name__}: {_first_line(error)}.",
        hint="Check its files: it must have config.json, a tokenizer, and weights as safetensors; a model that takes "
        "images also needs processor_config.json or preprocessor_config.json.",
    )


def _hub_error(model: str, section: str, cause: BaseException) -> BudwoodError | None:
    """Convert an error of the Hub or of the connection to it."""
    from huggingface_hub import errors as hub

    match cause:
        case hub.GatedRepoError():
            return PermissionDeniedError(
                f"{model} requires accepting its terms.",
                hint=f"Accept them on its page on the Hub, then set HF_TOKEN, or token in {section}.",
                status=_status(cause),
            )
        case hub.RevisionNotFoundError():
            return NotFoundError(
                f"{model} does not have this revision.", hint=f"Change revision in {section}.", status=404
            )
        case hub.RepositoryNotFoundError():
            return NotFoundError(
                f"The Hub has no model {model!r}, or it is private.",
                hint="Check the name, ORG/NAME, or ./FOLDER for a folder. For a private model set HF_TOKEN.",
                status=_status(cause),
            )
        case hub.HFValidationError():
            return NotFoundError(
                f"Invalid model name {model!r}.", hint="Use ORG/NAME for a model of the Hub, ./FOLDER for a folder."
            )
        case hub.HfHubHTTPError() if _status(cause) == 401:
            return AuthenticationError("The Hub rejected the token.", hint="Set HF_TOKEN to a valid one.", status=401)
        case hub.LocalEntryNotFoundError() | hub.OfflineModeIsEnabled():
            return ConnectionFailedError(
                f"{model} is not on this machine, and the Hub is disabled or unreachable.",
                hint=f"Check the network, HF_HUB_OFFLINE, and local_files_only in {section}.",
                retryable=False,
            )
        case _:
            return None


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _first_line(error: BaseException) -> str:
    """Return the first line of an error message: those of the library may have hundreds."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".!") if lines else type(error).__name__
