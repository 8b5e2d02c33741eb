"""Make the observers of a client from names and objects, and close those that were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from budwood.contracts import ClosableObserver, Observer
from budwood.engine.accounting.observer_faults import CONTAINED, report
from budwood.engine.chat.functions import is_async
from budwood.errors import ConfigurationError, PluginInvalidError
from budwood.hooks import OBSERVER
from budwood.names import normalise
from budwood.plugins import Instances


def load_observers(
    instances: Instances, observers: Sequence[str | Observer]
) -> tuple[tuple[Observer, ...], tuple[Observer, ...]]:
    """
    Return the observers of a list of names and objects, and those among them that were created here.

    Raises:
        ConfigurationError: Something is neither a name nor an observer, or is named twice.
        PluginError: No observer has that name, or it cannot be used.
    """
    if isinstance(observers, str):
        raise ConfigurationError("observers= is a text.", hint=f"Give a list: observers=[{observers!r}].")
    loaded: list[Observer] = []
    made: dict[str, Observer] = {}
    try:
        for observer in observers:
            if isinstance(observer, str):
                loaded.append(_make(instances, normalise(observer), made))
            else:
                loaded.append(_check(observer))
    except BaseException:
        close_observers(made.values())
        raise
    return tuple(loaded), tuple(made.values())


def close_observers(observers: Iterable[Observer]) -> None:
    """Close the observers that can be closed. What they raise is written to the log."""
    for observer in observers:
        if isinstance(observer, ClosableObserver):
            try:
                observer.close()
            except CONTAINED as error:
                report(observer, error)


def _make(instances: Instances, name: str, made: dict[str, Observer]) -> Observer:
    if name in made:
        raise ConfigurationError(f"The observer {name!r} is named twice.", hint="Name it once.")
    instance = instances.build(OBSERVER, name)
    observer: Observer = instance.implementation
    if problem := _problem_of(observer):
        raise PluginInvalidError(
            f"The observer {name!r} was built as {type(observer).__name__}, which {problem}.",
            hint=f"This is a fault in the plugin {instance.spec.name!r}. Report it to its authors.",
        )
    made[name] = observer
    return observer


def _check(observer: Observer) -> Observer:
    if problem := _problem_of(observer):
        raise ConfigurationError(
            f"The observer {type(observer).__name__} {problem}.",
            hint="Give names of observers, or objects that satisfy budwood.contracts.Observer.",
        )
    return observer


def _problem_of(observer: object) -> str | None:
    observe = getattr(observer, "observe", None)
    if not callable(observe):
        return "has no method observe()"
    return "has an async observe(): it must be a plain method" if is_async(observe) else None
