"""Ask many prompts concurrently."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from budwood.engine.chat.prompts import Prompt
from budwood.engine.drivers.effects import All, Flow
from budwood.errors import BudwoodError, ConfigurationError
from budwood.types import ChatResponse, Message

Result = ChatResponse | BudwoodError


def check_many(prompts: Iterable[Prompt], concurrency: object) -> None:
    """
    Check the arguments of `Client.ask_many` that apply to all prompts.

    Raises:
        ConfigurationError: The prompts are not a list, or the concurrency is not a positive integer.
    """
    if isinstance(prompts, str | bytes | Mapping | Message) or not isinstance(prompts, Iterable):
        raise ConfigurationError(
            f"ask_many() needs a list of prompts; got {type(prompts).__name__}.", hint="Pass [prompt, …]."
        )
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


def run_all(flows: Iterable[Flow[Result]], concurrency: int) -> Flow[list[Result]]:
    """Run the flows concurrently; return their results in order."""
    results: list[Result] = yield All(flows, limit=concurrency)
    return results
