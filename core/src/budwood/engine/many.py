"""Ask many prompts concurrently."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping

from budwood.engine.drivers.effects import Flow
from budwood.errors import BudwoodError, ConfigurationError
from budwood.types import ChatResponse, Message

Result = ChatResponse | BudwoodError


def check_many(prompts: object, concurrency: object, progress: object, *, takes_async: bool) -> None:
    """
    Check the arguments of `Client.ask_many` that apply to all prompts.

    Raises:
        ConfigurationError: The prompts are not iterable, the concurrency is not a positive integer, or the progress is
            not a plain function.
    """
    if isinstance(prompts, AsyncIterable) and not isinstance(prompts, Iterable) and not takes_async:
        raise ConfigurationError("Client cannot read prompts from an async iterable.", hint="Use AsyncClient.")
    if isinstance(prompts, str | bytes | Mapping | Message) or not isinstance(prompts, Iterable | AsyncIterable):
        raise ConfigurationError(
            f"ask_many() needs a list of prompts; got {type(prompts).__name__}.", hint="Pass [prompt, …]."
        )
    check_concurrency(concurrency)
    if progress is None:
        return
    from budwood.engine.chat.functions import is_async  # few programs show progress

    if not callable(progress) or is_async(progress):
        raise ConfigurationError(
            f"progress= must be a plain function; got {type(progress).__name__}.",
            hint="Pass a function of one argument, a budwood.AskProgress.",
        )


def check_concurrency(concurrency: object) -> None:
    """
    Check the number of calls that run at once.

    Raises:
        ConfigurationError: It is not a positive integer.
    """
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise ConfigurationError(f"concurrency must be an integer of 1 or more; got {concurrency!r}.")


def error_as_result(ask: Callable[[], Flow[ChatResponse]]) -> Flow[Result]:
    """Ask one prompt, and return an error instead of raising it."""
    try:
        return (yield from ask())
    except BudwoodError as error:
        return error
    except Exception as error:  # noqa: BLE001 - an error of a plugin in one item must not lose the others
        failure = BudwoodError(f"The call failed with {type(error).__name__}: {str(error).rstrip('.')}.")
        failure.__cause__ = error
        return failure
