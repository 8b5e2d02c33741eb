"""Budwood's caches for LangChain."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.messages import message_to_dict, messages_from_dict
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation
from pydantic_core import PydanticSerializationError, from_json, to_json

from budwood.contracts import Cache, ManagedCache
from budwood.errors import ConfigurationError, UnsupportedError
from budwood.hooks import CACHE
from budwood.logs import emit
from budwood.plugins import Instances, Registry
from budwood.providing.cached_values import open_value, seal_value
from budwood.settings import Settings

T = TypeVar("T")


class BudwoodCache(BaseCache):
    """
    A cache of Budwood, as LangChain's cache of models.

    .. code-block:: python

        set_llm_cache(BudwoodCache("sqlite", settings={"path": "replies.sqlite3"}, ttl=3600))

    It stores replies as JSON, with tool calls and usage. A reply that cannot be written as JSON is not stored. While
    the store fails, the models are asked, and the log has one warning.

    Args:
        cache: The name of a cache, such as ``"memory"``, ``"sqlite"`` or ``"redis"``, or a `Cache`, which you close.
        settings: Settings of a named cache, such as ``{"path": …}``. They override those in ``budwood.toml``.
        ttl: Seconds for which a reply is stored; by default for ever.
        namespace: Separates replies: `clear` removes only those of the namespace.
        registry: Finds plugins; by default those that are installed.

    Raises:
        ConfigurationError: An argument or the settings are invalid.
        PluginError: The cache does not exist or cannot be used.
    """

    def __init__(
        self,
        cache: str | Cache = "memory",
        *,
        settings: Mapping[str, Any] | None = None,
        ttl: float | None = None,
        namespace: str = "langchain",
        registry: Registry | None = None,
    ) -> None:
        _check(cache, settings, ttl, namespace)
        self._prefix = f"{namespace}:"
        self._ttl = ttl
        self._is_failing = False
        if isinstance(cache, str):
            instance = Instances(Settings.load(), registry).build(CACHE, cache, settings)
            self._name, self._store, self._is_owned = instance.name, instance.implementation, True
            self._is_inline, self._is_compressed = instance.spec.inline, instance.spec.compressed
        else:
            self._name, self._store, self._is_owned = type(cache).__name__, cache, False
            self._is_inline, self._is_compressed = False, True

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Return the stored generations of a prompt to a model, or None."""
        value = self._contain("read", lambda: self._store.get(self._key(prompt, llm_string)))
        return None if value is None else self._contain("read", lambda: _decode(value))

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Store the generations of a prompt to a model."""
        content = _encode(return_val)
        if content is None:
            emit("reply not cached", cache=self._name, reason="it cannot be written as JSON")
            return
        value = seal_value(content, None, compressed=self._is_compressed)
        self._contain("write", lambda: self._store.set(self._key(prompt, llm_string), value, ttl=self._ttl))

    def clear(self, **kwargs: Any) -> None:
        """
        Remove all replies of the namespace.

        Raises:
            UnsupportedError: The cache cannot remove entries.
            OSError: The store failed.
        """
        if not isinstance(self._store, ManagedCache):
            raise UnsupportedError(
                f"The cache {self._name!r} cannot remove entries.",
                hint="Use another namespace, or a cache with the methods of budwood.contracts.ManagedCache.",
            )
        self._store.clear(self._prefix)

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Return the stored generations of a prompt to a model, or None."""
        return await self._run(lambda: self.lookup(prompt, llm_string))

    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Store the generations of a prompt to a model."""
        await self._run(lambda: self.update(prompt, llm_string, return_val))

    async def aclear(self, **kwargs: Any) -> None:
        """Remove all replies of the namespace; see `clear`."""
        await self._run(lambda: self.clear(**kwargs))

    def close(self) -> None:
        """Close a cache that was created from a name. Closing twice is no error."""
        if self._is_owned:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, namespace={self._prefix[:-1]!r})"

    def _key(self, prompt: str, llm_string: str) -> str:
        content = json.dumps([prompt, llm_string]).encode()
        return self._prefix + hashlib.sha256(content).hexdigest()

    async def _run(self, use: Callable[[], T]) -> T:
        return use() if self._is_inline else await asyncio.to_thread(use)

    def _contain(self, operation: str, use: Callable[[], T]) -> T | None:
        """Use the store. Its errors are logged once, until it works again."""
        try:
            result = use()
        except (OSError, ValueError) as error:
            if not self._is_failing:
                self._is_failing = True
                emit(f"cache {operation} failed", level="warning", cache=self._name, error=type(error).__name__)
            return None
        if self._is_failing:
            self._is_failing = False
            emit("cache available again", cache=self._name)
        return result


def _check(cache: object, settings: object, ttl: object, namespace: str) -> None:
    """
    Check the arguments.

    Raises:
        ConfigurationError: One is not valid.
    """
    if not isinstance(cache, str) and not all(callable(getattr(cache, name, None)) for name in ("get", "set", "close")):
        raise ConfigurationError(
            f"cache must be a name or a Cache; got {type(cache).__name__}.",
            hint='Pass the name of a cache: BudwoodCache("memory").',
        )
    if not isinstance(cache, str) and settings is not None:
        raise ConfigurationError(
            "settings belong to a cache by name.", hint="Pass them to the object when you create it."
        )
    if ttl is not None and not (isinstance(ttl, int | float) and ttl > 0):
        raise ConfigurationError(
            f"ttl must be a number of seconds above 0; got {ttl!r}.", hint="Leave it out for ever."
        )
    if not namespace or ":" in namespace:
        raise ConfigurationError(
            f"namespace={namespace!r} is empty or has a colon.", hint='Pass a name such as "langchain".'
        )


def _encode(generations: Sequence[Generation]) -> bytes | None:
    """Return generations as JSON; None if they contain objects without a form in JSON."""
    try:
        return to_json([_describe(generation) for generation in generations])
    except PydanticSerializationError:
        return None


def _describe(generation: Generation) -> dict[str, Any]:
    described = {"text": generation.text, "generation_info": generation.generation_info}
    if isinstance(generation, ChatGeneration):  # alone, since its type is only known to be a message
        described |= {"message": message_to_dict(generation.message), "type": generation.type}
    return described


def _decode(value: bytes) -> list[Generation]:
    """
    Read generations.

    Raises:
        ValueError: The value is damaged, or is not a list of generations.
    """
    try:
        return [_restore(described) for described in from_json(open_value(value).content)]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("The entry does not contain generations.") from error


def _restore(described: dict[str, Any]) -> Generation:
    if "message" not in described:
        return Generation(**described)
    kind = ChatGenerationChunk if described["type"] == "ChatGenerationChunk" else ChatGeneration
    (message,) = messages_from_dict([described["message"]])
    return kind(message=message, generation_info=described["generation_info"])  # type: ignore[arg-type]  # by its type
