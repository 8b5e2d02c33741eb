"""What goes wrong when models are loaded or run, as errors that say what helps."""

from __future__ import annotations

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

_LESS_MEMORY: Final = 'Take a smaller model, dtype = "bfloat16", a shorter prompt, or device = "cpu".'
_NO_MEMORY: Final = ("out of memory", "not enough memory", "can't allocate memory")


@contextmanager
def loading(model: str, instance: str) -> Iterator[None]:
    """Name the cause where a model cannot be loaded. The library wraps it, so the whole chain is looked at."""
    try:
        yield
    except BudwoodError:
        raise
    except Exception as error:
        raise _load_error(model, instance, error) from error


@contextmanager
def running() -> Iterator[None]:
    """Name the cause where a model cannot be run."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise _out_of_memory(error) from error
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether there is not enough memory, of the device or of the machine."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in said for sign in _NO_MEMORY)


def _out_of_memory(error: BaseException) -> CapacityError:
    return CapacityError(f"Not enough memory: {_line(error)}.", hint=_LESS_MEMORY, retryable=False)


def _load_error(model: str, instance: str, error: Exception) -> BudwoodError:
    section = f"[providers.{instance}]"
    chain = list(_chain(error))
    for cause in chain:
        found = _hub_error(model, section, cause)
        if found is not None:
            return found
    if any(is_out_of_memory(cause) for cause in chain if isinstance(cause, MemoryError | RuntimeError)):
        return _out_of_memory(error)
    said = str(error)
    if "trust_remote_code" in said:
        return ConfigurationError(
            f"{model} comes with code of its own, which nothing runs unasked.",
            hint=f"If you trust it with all your rights, set trust_remote_code = true in {section}.",
        )
    if "Unrecognized configuration class" in said or "does not recognize this architecture" in said:
        return UnsupportedError(
            f"The installed transformers library knows no text model in {model}: {_line(error)}.",
            hint="Is it a model that writes text, and not for images or embeddings? A newer library may know it.",
        )
    if isinstance(error, ImportError):
        named = f"pip install {error.name}" if error.name else "Install what it names, or do without in the settings."
        return ConfigurationError(f"{model} needs a library: {_line(error)}.", hint=named)
    if "attn_implementation" in said:
        return ConfigurationError(
            f"{model} has no such attention: {_line(error)}.", hint=f"Mend attn_implementation in {section}."
        )
    return ConfigurationError(
        f"{model} cannot be loaded: {type(error).__name__}: {_line(error)}.",
        hint="Are its files whole? It must hold config.json, a tokenizer and weights as safetensors.",
    )


def _hub_error(model: str, section: str, cause: BaseException) -> BudwoodError | None:
    """Name an error of the Hub or of the way there."""
    from huggingface_hub import errors as hub

    match cause:
        case hub.GatedRepoError():
            return PermissionDeniedError(
                f"{model} is open only to those who accepted its terms.",
                hint=f"Accept them on its page, then set HF_TOKEN, or token in {section}.",
                status=_status(cause),
            )
        case hub.RevisionNotFoundError():
            return NotFoundError(f"{model} has no such revision.", hint=f"Mend revision in {section}.", status=404)
        case hub.RepositoryNotFoundError():
            return NotFoundError(
                f"The Hub has no model {model!r}, or hides it.",
                hint="Check its name, ORG/NAME; a folder is written ./FOLDER. For a private one set HF_TOKEN.",
                status=_status(cause),
            )
        case hub.HFValidationError():
            return NotFoundError(
                f"{model!r} is no name of a model.", hint="A model of the Hub is ORG/NAME, a folder ./FOLDER."
            )
        case hub.HfHubHTTPError() if _status(cause) == 401:
            return AuthenticationError("The Hub does not accept the token.", hint="Renew HF_TOKEN.", status=401)
        case hub.LocalEntryNotFoundError() | hub.OfflineModeIsEnabled():
            return ConnectionFailedError(
                f"{model} is not on this machine, and the Hub was not asked or not reached.",
                hint=f"Look at the network, at HF_HUB_OFFLINE, and at local_files_only in {section}.",
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


def _line(error: BaseException) -> str:
    """Return the first line of what an error says: the library's texts go on for pages."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".!") if lines else type(error).__name__
