"""
The boundary around plugins' code: whatever a plugin raises leaves it as an error of Budwood.

.. code-block:: python

    with faults.encoding(endpoint.source, "encode"):
        request = provider.encode(chat_request, stream=False)

Each boundary is a context manager without state. It can be entered again, also by several threads, so that a loop makes
one and enters it for each chunk. There must be no ``yield`` and no ``await`` of the engine's own inside: what a driver
throws in there would be taken for a fault of the plugin.

`KeyboardInterrupt`, the cancellation of a task and every `BudwoodError` pass through unchanged.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from decimal import InvalidOperation
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, NamedTuple, ParamSpec, TypeVar

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticSerializationError, ValidationError

from budwood.errors import BadResponseError, BudwoodError, PluginFaultError, PromptError

P = ParamSpec("P")
T = TypeVar("T")

MAX_TEXT: Final = 200
"""Characters of a foreign error's text that are repeated in ours."""

_CACHED_BOUNDARIES: Final = 1024


class PluginSource(NamedTuple):
    """
    Where a plugin comes from.

    Attributes:
        plugin: Its name: that of its entry point.
        distribution: The distribution that brings it; empty if unknown.
        version: The version of the distribution; empty if unknown.
    """

    plugin: str
    distribution: str = ""
    version: str = ""

    @property
    def label(self) -> str:
        """The plugin with its distribution and version, for messages."""
        origin = f" ({self.distribution} {self.version})" if self.distribution else ""
        return f"{self.plugin!r}{origin}"

    @property
    def authors(self) -> str:
        """Whom to tell about a fault, for hints."""
        return f"the authors of {self.distribution or self.plugin}"


class Boundary:
    """
    Turns what a plugin's method raises into `PluginFaultError`.

    Args:
        source: The plugin.
        method: The name of the method that runs inside.
    """

    __slots__ = ("_method", "_source")

    def __init__(self, source: PluginSource, method: str) -> None:
        self._source = source
        self._method = method

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.convert(error)

    def convert(self, error: BaseException) -> None:
        """
        Raise a plugin's error as an error of Budwood; return if the error passes unchanged.

        For the methods that every request calls: a ``try`` costs nothing, where a context manager costs two calls.
        """
        if not _passes(error):
            raise self._to_error(error) from error

    def _to_error(self, error: BaseException) -> BudwoodError:
        return self.fault(_describe(error))

    def fault(self, description: str) -> PluginFaultError:
        """Return the error for a fault of the method, which the description completes: no full stop."""
        source = self._source
        return PluginFaultError(
            f"Plugin {source.label} failed in {self._method}(): {description}.",
            plugin=source.plugin,
            distribution=source.distribution,
            version=source.version,
            method=self._method,
            hint=f"This is a fault in the plugin. Report it to {source.authors}.",
        )


class EncodingBoundary(Boundary):
    """Turns text that JSON cannot hold into `PromptError`, and any other error into `PluginFaultError`."""

    __slots__ = ()

    def _to_error(self, error: BaseException) -> BudwoodError:
        if isinstance(error, UnicodeEncodeError | PydanticSerializationError):
            return text_error(error)
        return super()._to_error(error)


class DecodingBoundary(Boundary):
    """
    Turns parsing errors into `BadResponseError`, and any other error into `PluginFaultError`.

    Args:
        source: The plugin.
        method: The name of the method that runs inside.
        body: The reply, whose beginning is quoted.
    """

    __slots__ = ("_body",)

    parsing_errors: ClassVar = (AttributeError, InvalidOperation, LookupError, OverflowError, TypeError, ValueError)

    def __init__(self, source: PluginSource, method: str, body: bytes = b"") -> None:
        super().__init__(source, method)
        self._body = body

    def _to_error(self, error: BaseException) -> BudwoodError:
        if not isinstance(error, self.parsing_errors):
            return super()._to_error(error)
        start = _clip(self._body[: 4 * MAX_TEXT].decode("utf-8", "replace"))
        quoted = f" Response starts with: {start}" if start else ""
        return BadResponseError(
            f"Unexpected response format: {_parsing_problem(error)}, in {self._method}() of plugin "
            f"{self._source.label}.{quoted}",
            hint="Check that the server speaks the API that the plugin expects. If it does, report this to "
            f"{self._source.authors}.",
        )


class SecretBoundary(Boundary):
    """
    Turns what a method that handles secrets raises into `PluginFaultError` that tells none of them.

    If a secret may be in the text of the exception, or of one chained to it, only its type and the line that raised it
    are told, and it is not chained.

    Args:
        source: The plugin.
        method: The name of the method that runs inside.
        secrets: What must not be told; if it is not known, None: then no text is.
    """

    __slots__ = ("_secrets",)

    def __init__(self, source: PluginSource, method: str, secrets: Sequence[str] | None = None) -> None:
        super().__init__(source, method)
        self._secrets = secrets

    def convert(self, error: BaseException) -> None:
        """Raise a plugin's error as an error of Budwood; return if the error passes unchanged."""
        if _passes(error):
            return
        if not self._tells_secrets(error):
            raise self._to_error(error) from error
        fault = self.fault(f"{type(error).__name__}{_line_of(error)}")
        try:
            raise fault
        finally:
            fault.__context__ = None

    def _tells_secrets(self, error: BaseException) -> bool:
        if self._secrets is None:
            return True
        text = "".join(traceback.format_exception(error))
        return any(secret in text for secret in self._secrets)


calling: Final[Callable[[PluginSource, str], Boundary]] = lru_cache(_CACHED_BOUNDARIES)(Boundary)
"""Return the boundary of a method that neither writes a request nor reads a reply: `build`, `count`, `get`."""

encoding: Final[Callable[[PluginSource, str], EncodingBoundary]] = lru_cache(_CACHED_BOUNDARIES)(EncodingBoundary)
"""Return the boundary of a method that writes a request: `encode`, `encode_embedding`."""

decoding: Final[Callable[[PluginSource, str], DecodingBoundary]] = lru_cache(_CACHED_BOUNDARIES)(DecodingBoundary)
"""Return the boundary of a method that reads a reply: `feed`, `close`. With the whole reply: `DecodingBoundary`."""

authorizing: Final[Callable[[PluginSource, str], SecretBoundary]] = lru_cache(_CACHED_BOUNDARIES)(SecretBoundary)
"""Return the boundary of a method that handles secrets: `authorize`."""


def text_error(error: UnicodeEncodeError | PydanticSerializationError) -> PromptError:
    """Return the error for text that JSON cannot hold."""
    return PromptError(
        f"The request contains text that cannot be sent: {_clip(str(error))}.",
        hint='Remove unpaired surrogates: text.encode("utf-8", "replace") replaces them.',
    )


def wrong_result(source: PluginSource, method: str, result: object, expected: type) -> PluginFaultError:
    """Return the error for a method that returned something of another type than its contract says."""
    return calling(source, method).fault(f"it returned {type(result).__name__} instead of {expected.__name__}")


def building(source: PluginSource, settings: BaseModel) -> SecretBoundary:
    """Return the boundary of `build`, which may tell anything but the secrets in the settings."""
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    return SecretBoundary(source, "build", [value for value in values if value])


def guard(
    source: PluginSource, method: str, function: Callable[P, T], returns: tuple[type, ...] = (object,)
) -> Callable[P, T]:
    """
    Return a function that runs another one inside a boundary, for methods that are kept and called later.

    Args:
        source: The plugin.
        method: The name of the method.
        function: The method.
        returns: The types that it may return.
    """

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            calling(source, method).convert(error)
            raise
        if not isinstance(result, returns):
            raise wrong_result(source, method, result, returns[0])
        return result

    return call


def _clip(text: str) -> str:
    from budwood.providing import clip  # only faults need it

    return clip(text, MAX_TEXT).removesuffix(".")


def _describe(error: BaseException) -> str:
    text = _clip(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line_of(error: BaseException) -> str:
    """Name the file and the line that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


def _passes(error: BaseException) -> bool:
    """Tell whether an error is none of the plugin's: it is ours, or someone stops the program or the task."""
    if isinstance(error, BudwoodError | KeyboardInterrupt):
        return True
    asyncio = sys.modules.get("asyncio")  # where it was never imported, no task can have been cancelled
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _parsing_problem(error: Exception) -> str:
    if isinstance(error, KeyError) and len(error.args) == 1:
        return f"missing field {_clip(repr(error.args[0]))}"
    if isinstance(error, ValidationError):
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return _clip(f"field {'.'.join(map(str, detail['loc']))!r}: {detail['msg']}")
    return _describe(error)
