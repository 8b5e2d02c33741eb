"""The caches of a client: one, or a fast one in front of one that lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from budwood import logs
from budwood.contracts import BatchCache, Cache
from budwood.engine.caching.entries import Stored, encode
from budwood.engine.caching.outages import Outage
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.hooks import CACHE
from budwood.plugins import Instances, faults
from budwood.plugins.faults import PluginSource
from budwood.providing.cached_values import CachedValue, open_value, seal_value

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call

T = TypeVar("T")

_OBJECT: Final = PluginSource("cache")
"""The source of a cache that the user passed as an object."""


@dataclass(frozen=True, slots=True)
class CacheLayer:
    """
    One cache.

    Attributes:
        name: Its name in the settings, or the class of an object.
        store: Stores the values.
        inline: Whether it is fast enough to run in the event loop.
        owned: Whether the client created it, and therefore closes it.
        compressed: Whether long values are compressed.
        source: The origin of its plugin, for `budwood.plugins.faults`.
        outage: Whether it fails.
    """

    name: str
    store: Cache
    inline: bool
    owned: bool = True
    compressed: bool = True
    source: PluginSource = _OBJECT
    outage: Outage = field(default_factory=Outage)

    def invoke(self, method: str, run: Callable[[], T]) -> Invoke:
        """Return the effect that calls a method of the cache."""
        return Invoke(lambda: self._call(method, run), inline=self.inline)

    def _call(self, method: str, run: Callable[[], T]) -> T:
        """Call the cache; convert errors that would end the program, such as `SystemExit`."""
        try:
            result = run()
        except Exception:
            raise
        except BaseException:
            with faults.call_boundary(self.source, method):
                raise
        if self.outage.note_success(method):
            logs.emit("cache available again", cache=self.name)
        return result


def make_layers(instances: Instances, caches: str | Cache | Sequence[str | Cache] | None) -> tuple[CacheLayer, ...]:
    """
    Return the caches of a client, in the order in which they are read.

    Raises:
        PluginError: A cache does not exist or cannot be used.
    """
    if caches is None:
        return ()
    listed = caches if isinstance(caches, list | tuple) else (caches,)
    layers: list[CacheLayer] = []
    try:
        layers.extend(_make_layer(instances, cache) for cache in listed)
    except BaseException:
        close_layers(layers)
        raise
    return tuple(layers)


def _make_layer(instances: Instances, cache: Any) -> CacheLayer:  # noqa: ANN401 - a name or an object
    if not isinstance(cache, str):
        return CacheLayer(type(cache).__name__, cache, inline=False, owned=False)
    instance = instances.build(CACHE, cache)
    spec = instance.spec
    return CacheLayer(
        cache, instance.implementation, inline=spec.inline, compressed=spec.compressed, source=instance.source
    )


def find_layer(layers: tuple[CacheLayer, ...], protocol: type) -> CacheLayer | None:
    """Return the last cache that satisfies a Protocol, which lasts longest; None if there is none."""
    return next((layer for layer in reversed(layers) if isinstance(layer.store, protocol)), None)


def close_layers(layers: Sequence[CacheLayer]) -> None:
    """Close the caches that the client created, also if one of them fails."""
    if not layers:
        return
    first, *others = layers
    try:
        if first.owned:
            with faults.call_boundary(first.source, "close"):
                first.store.close()
    finally:
        close_layers(others)


def load(call: Call, layers: Sequence[CacheLayer], key: str) -> Flow[CachedValue | None]:
    """
    Return the value of a key from the first cache in which it is fresh, and store it in those before.

    If it is stale in all of them, return one of the stale values. A cache that fails has no value.
    """
    stale: CachedValue | None = None
    for index, layer in enumerate(layers):
        try:
            found = yield layer.invoke("get", partial(layer.store.get, key))
        except Exception as error:  # noqa: BLE001 - whatever a cache raises
            report_outage(call, layer, "get", error)
            continue
        value = _open(call, layer, found)
        if value is None:
            continue
        if age_of(call, value) >= 0:
            stale = value
            continue
        if index:
            yield from _write(call, layers[:index], {key: value})
        return value
    return stale


def load_many(call: Call, layers: Sequence[CacheLayer], keys: Sequence[str]) -> Flow[list[CachedValue | None]]:
    """Return the values of keys, each as `load` does."""
    fresh: dict[str, CachedValue] = {}
    stale: dict[str, CachedValue] = {}
    for index, layer in enumerate(layers):
        missing = [key for key in keys if key not in fresh]
        if not missing:
            break
        try:
            found = yield layer.invoke("get", partial(_get_many, layer.store, missing))
        except Exception as error:  # noqa: BLE001 - whatever a cache raises
            report_outage(call, layer, "get", error)
            continue
        opened = {key: value for key, content in found.items() if (value := _open(call, layer, content)) is not None}
        stale.update(opened)
        new = {key: value for key, value in opened.items() if age_of(call, value) < 0}
        fresh.update(new)
        if index and new:
            yield from _write(call, layers[:index], new)
    return [fresh.get(key) or stale.get(key) for key in keys]


def _get_many(store: Cache, keys: Sequence[str]) -> dict[str, bytes | None]:
    values = store.get_many(keys) if isinstance(store, BatchCache) else [store.get(key) for key in keys]
    return dict(zip(keys, values, strict=True))


def age_of(call: Call, value: CachedValue) -> float:
    """Return for how many seconds a value has been stale. It is negative while the value is fresh."""
    return -1.0 if value.fresh_until is None else call.clock.time() - value.fresh_until


def _open(call: Call, layer: CacheLayer, content: bytes | None) -> CachedValue | None:
    try:
        return None if content is None else open_value(content)
    except Exception as error:  # noqa: BLE001 - a cache may return anything
        report_damage(call, error, layer.name)
        return None


def save(call: Call, layers: Sequence[CacheLayer], key: str, stored: Stored[Any]) -> Flow[bool]:
    """Store a reply in all caches. Return whether the last one, which lasts longest, has it."""
    return (yield from save_many(call, layers, {key: stored}))


def save_many(call: Call, layers: Sequence[CacheLayer], entries: Mapping[str, Stored[Any]]) -> Flow[bool]:
    """Store replies in all caches. Return whether the last one has them."""
    ttl = call.options.cache_ttl
    until = None if ttl is None else call.clock.time() + ttl
    try:
        values = {key: encode(stored, until) for key, stored in entries.items()}
    except Exception as error:  # noqa: BLE001 - such as text that JSON cannot encode
        report(call, "write", error)
        return False
    return (yield from _write(call, layers, values))


def _write(call: Call, layers: Sequence[CacheLayer], values: Mapping[str, CachedValue]) -> Flow[bool]:
    """Store values in all caches until they may no longer be used. Return whether the last one has them."""
    until = min((value.fresh_until for value in values.values() if value.fresh_until is not None), default=None)
    ttl = None if until is None else until + call.options.cache_stale - call.clock.time()
    if ttl is not None and ttl <= 0:
        return False
    is_stored = False
    for layer in layers:
        try:
            yield layer.invoke("set", partial(_set_many, layer, values, ttl))
        except Exception as error:  # noqa: BLE001 - whatever a cache raises
            report_outage(call, layer, "set", error)
            is_stored = False
        else:
            is_stored = True
    return is_stored


def _set_many(layer: CacheLayer, values: Mapping[str, CachedValue], ttl: float | None) -> None:
    for key, value in values.items():
        layer.store.set(key, seal_value(value.content, value.fresh_until, compressed=layer.compressed), ttl=ttl)


def report_outage(call: Call, layer: CacheLayer, method: str, error: Exception) -> None:
    """Report that a method of a cache failed, once until it works again."""
    if layer.outage.note_fault(method, call.clock.monotonic()):
        report(call, "read" if method == "get" else "write", error, layer.name)


def report_damage(call: Call, error: Exception, cache: str | None = None) -> None:
    """Report an entry that cannot be read."""
    report(call, "read", error, cache, "The entry is damaged, or has another format")


def report(
    call: Call,
    operation: Literal["read", "write"],
    error: Exception,
    cache: str | None = None,
    reason: str | None = None,
) -> None:
    """Report a fault. The text of errors other than `OSError` is omitted, since it may quote the reply."""
    if call.observers is not None:
        if isinstance(error, OSError):
            reason = _describe(error)
        call.observers.report_cache_fault(call, cache, operation, type(error).__name__, reason)


def _describe(error: OSError) -> str:
    """Return the text of an error, without its number."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}" if error.strerror else str(error)
