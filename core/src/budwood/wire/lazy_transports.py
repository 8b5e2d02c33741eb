"""Make transports of a library that has async I/O only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from budwood.contracts import AsyncTransport
from budwood.errors import UnsupportedError

T = TypeVar("T", bound=AsyncTransport)


class AsyncTransports(Generic[T]):
    """
    Makes transports with async I/O, and refuses to make others; see `budwood.contracts.Transports`.

    Args:
        name: What users call the transport.
        make: Makes one. Import the library in there, so that programs that do not use it do not pay for it.
    """

    def __init__(self, name: str, make: Callable[[], T]) -> None:
        self._name = name
        self._make = make

    def blocking(self) -> NoReturn:
        """
        Refuse.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(
            f"The transport {self._name} has async I/O only, and Client wants blocking I/O.",
            hint=f'Use AsyncClient, or transport="auto", which takes {self._name} where it can.',
        )

    def asynchronous(self) -> T:
        """
        Make one.

        Raises:
            UnsupportedError: It cannot do what the settings or the environment want.
        """
        return self._make()
