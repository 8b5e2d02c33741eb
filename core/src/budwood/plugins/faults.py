"""
The boundary around the code of plugins: it converts whatever a plugin raises to an error of Budwood.

.. code-block:: python

    with faults.encoding_boundary(endpoint.source, "encode"):
        request = provider.encode(chat_request, stream=False)

Each boundary is a context manager without state. It can be entered repeatedly and by several threads, so that a loop
creates it once and enters it for each chunk. The engine must not ``yield`` or ``await`` inside: an exception that a
driver throws in there would count as a fault of the plugin.

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
"""The number of characters of a plugin's error that are quoted."""

_CACHED_BOUNDARIES: Final = 1024


class PluginSource(NamedTuple):
    """
    The origin of a plugin.

    Attributes:
        plugin: The name of its entry point.
        distribution: The distribution that contains it; empty if unknown.
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
        """The recipients of a fault report, for hints."""
        return f"the authors of {self.distribution or self.plugin}"


class Boundary:
    """
    Converts what a plugin's method raises to `PluginFaultError`.

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
        Raise the converted error; return if the error passes unchanged.

        Methods that every request calls use this in an ``except`` clause, which saves the two calls of a context
        manager.
        """
        if not _passes(error):
            raise self._to_error(error) from error

    def _to_error(self, error: BaseException) -> BudwoodError:
        return self.fault(_describe(error))

    def fault(self, description: str) -> PluginFaultError:
        """Return the error for a fault of the method. The description has no full stop."""
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
    """Converts encoding errors of text to `PromptError`, and all others to `PluginFaultError`."""

    __slots__ = ()

    def _to_error(self, error: BaseException) -> BudwoodError:
        if isinstance(error, UnicodeEncodeError | PydanticSerializationError):
            return text_error(error)
        return super()._to_error(error)


class DecodingBoundary(Boundary):
    """
    Converts parsing errors to `BadResponseError`, and all others to `PluginFaultError`.

    Args:
        source: The plugin.
        method: The name of the method that runs inside.
        body: The response body; its beginning is quoted.
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
            hint="Check that the server implements the API that the plugin expects. If it does, report this to "
            f"{self._source.authors}.",
        )


class SecretBoundary(Boundary):
    """
    Converts what a method that handles secrets raises to `PluginFaultError`, without the secrets.

    If the text of the exception, or of one chained to it, may contain a secret, the error has only the exception's type
    and the line that raised it, and the exception is not chained.

    Args:
        source: The plugin.
        method: The name of the method that runs inside.
        secrets: The secrets; None if they are not known, in which case no text is quoted.
    """

    __slots__ = ("_secrets",)

    def __init__(self, source: PluginSource, method: str, secrets: Sequence[str] | None = None) -> None:
        super().__init__(source, method)
        self._secrets = secrets

    def convert(self, error: BaseException) -> None:
        """Raise the converted error; return if the error passes unchanged."""
        if _passes(error):
            return
        if not self._may_contain_secret(error):
            raise self._to_error(error) from error
        fault = self.fault(f"{type(error).__name__}{_line_of(error)}")
        try:
            raise fault
        finally:
            fault.__context__ = None

    def _may_contain_secret(self, error: BaseException) -> bool:
        if self._secrets is None:
            return True
        text = "".join(traceback.format_exception(error))
        return any(secret in text for secret in self._secrets)


call_boundary: Final[Callable[[PluginSource, str], Boundary]] = lru_cache(_CACHED_BOUNDARIES)(Boundary)
"""Return the boundary of a method that neither encodes a request nor decodes a reply: `build`, `count`, `get`."""

encoding_boundary: Final[Callable[[PluginSource, str], EncodingBoundary]] = lru_cache(_CACHED_BOUNDARIES)(
    EncodingBoundary
)
"""Return the boundary of a method that encodes a request: `encode`, `encode_embedding`."""

decoding_boundary: Final[Callable[[PluginSource, str], DecodingBoundary]] = lru_cache(_CACHED_BOUNDARIES)(
    DecodingBoundary
)
"""Return the boundary of a method that decodes a stream: `feed`, `close`. For a full reply, use `DecodingBoundary`."""

secret_boundary: Final[Callable[[PluginSource, str], SecretBoundary]] = lru_cache(_CACHED_BOUNDARIES)(SecretBoundary)
"""Return the boundary of a method that handles secrets: `authorize`."""


def text_error(error: UnicodeEncodeError | PydanticSerializationError) -> PromptError:
    """Return the error for text that cannot be encoded."""
    return PromptError(
        f"The request contains text that cannot be sent: {_clip(str(error))}.",
        hint='Remove unpaired surrogates: text.encode("utf-8", "replace") replaces them.',
    )


def wrong_result(source: PluginSource, method: str, result: object, expected: type) -> PluginFaultError:
    """Return the error for a method whose result has the wrong type."""
    return call_boundary(source, method).fault(f"it returned {type(result).__name__} instead of {expected.__name__}")


def build_boundary(source: PluginSource, settings: BaseModel) -> SecretBoundary:
    """Return the boundary of `build`, whose errors must not contain the secrets in the settings."""
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    return SecretBoundary(source, "build", [value for value in values if value])


def wrap(
    source: PluginSource, method: str, function: Callable[P, T], returns: tuple[type, ...] = (object,)
) -> Callable[P, T]:
    """
    Wrap a method in a boundary, for methods that are stored and called later.

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
            call_boundary(source, method).convert(error)
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
    """Return the file and the line that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


def _passes(error: BaseException) -> bool:
    """Tell whether an error passes unchanged: an error of Budwood, an interrupt, or a cancelled task."""
    if isinstance(error, BudwoodError | KeyboardInterrupt):
        return True
    asyncio = sys.modules.get("asyncio")  # if it was never imported, no task can have been cancelled
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _parsing_problem(error: Exception) -> str:
    if isinstance(error, KeyError) and len(error.args) == 1:
        return f"missing field {_clip(repr(error.args[0]))}"
    if isinstance(error, ValidationError):
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return _clip(f"field {'.'.join(map(str, detail['loc']))!r}: {detail['msg']}")
    return _describe(error)
