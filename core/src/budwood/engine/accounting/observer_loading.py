"""Create the observers of a client from names and objects, and close those that were created."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

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
    Return the observers of a list of names and objects, and those of them that were created here.

    Raises:
        ConfigurationError: An element is neither a name nor an observer, or a name occurs twice.
        PluginError: An observer does not exist or cannot be used.
    """
    if isinstance(observers, str) or not isinstance(observers, Iterable):
        raise ConfigurationError(
            f"observers= must be a list; got {type(observers).__name__}.", hint="Pass a list: observers=[…]."
        )
    loaded: list[Observer] = []
    created: dict[str, Observer] = {}
    try:
        for observer in observers:
            if isinstance(observer, str):
                loaded.append(_build(instances, normalise(observer), created))
            else:
                loaded.append(_check(observer, loaded))
    except BaseException:
        close_observers(created.values())
        raise
    return tuple(loaded), tuple(created.values())


def close_observers(observers: Iterable[Observer]) -> None:
    """Close the observers that have a method ``close``. Their errors are logged."""
    for observer in observers:
        if isinstance(observer, ClosableObserver):
            try:
                observer.close()
            except CONTAINED as error:
                report(observer, error)


def _build(instances: Instances, name: str, created: dict[str, Observer]) -> Observer:
    if name in created:
        raise ConfigurationError(f"observers= contains {name!r} twice.", hint="Remove one of them.")
    instance = instances.build(OBSERVER, name)
    observer: Observer = instance.implementation
    problem = _problem_of(observer)
    if problem is None and is_async(getattr(observer, "close", None)):
        problem = "has an async close(): it must be a plain method"
    if problem is not None:
        raise PluginInvalidError(
            f"Plugin {instance.source.label} returned a {type(observer).__name__} from build(), which {problem}.",
            hint=f"This is a fault in the plugin. Report it to {instance.source.authors}.",
        )
    created[name] = observer
    return observer


def _check(observer: Observer, loaded: Sequence[Observer]) -> Observer:
    if any(observer is other for other in loaded):
        raise ConfigurationError(
            f"observers= contains the same {type(observer).__name__} twice.", hint="Remove one of them."
        )
    if isinstance(observer, type):
        raise ConfigurationError(
            f"observers= contains the class {observer.__name__}.", hint=f"Pass an object: {observer.__name__}(…)."
        )
    if problem := _problem_of(observer):
        raise ConfigurationError(
            f"The observer {type(observer).__name__} {problem}.",
            hint="Pass names of observers, or objects that satisfy budwood.contracts.Observer.",
        )
    return observer


def _problem_of(observer: object) -> str | None:
    observe = getattr(observer, "observe", None)
    if not callable(observe):
        return "has no method observe()"
    if is_async(observe):
        return "has an async observe(): it must be a plain method"
    types = getattr(observer, "event_types", ())
    if not isinstance(types, Collection) or not all(isinstance(kind, type) for kind in types):
        return "has event_types that are not a collection of classes"
    return None
