"""Create transports of a library with async I/O only, and import it when one is created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from budwood.contracts import AsyncTransport
from budwood.errors import UnsupportedError

T = TypeVar("T", bound=AsyncTransport)


class AsyncOnlyTransports(Generic[T]):
    """
    Creates transports with async I/O, and rejects blocking I/O; see `budwood.contracts.Transports`.

    Args:
        name: The name of the transport.
        create: Creates one. Import the library inside it, so that programs that do not use it do not load it.
    """

    def __init__(self, name: str, create: Callable[[], T]) -> None:
        self._name = name
        self._create = create

    def blocking(self) -> NoReturn:
        """
        Reject blocking I/O.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(
            f"The transport {self._name} has async I/O only, and Client needs blocking I/O.",
            hint='Use AsyncClient, or transport="auto".',
        )

    def asynchronous(self) -> T:
        """
        Create a transport.

        Raises:
            UnsupportedError: It does not support what the settings ask for.
        """
        return self._create()
