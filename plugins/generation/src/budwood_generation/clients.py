"""What a run needs of the client that sends its calls."""

from __future__ import annotations

from typing import Any, Protocol

from budwood import ChatResponse
from budwood.types import Message, ModelDetails


class ModelClient(Protocol):
    """
    Sends the calls of a run.

    `budwood.AsyncClient` is one. A program can pass another, which may have other names for models.
    """

    def check(self, **options: Any) -> None:  # noqa: ANN401 - as in `budwood.Client.check`
        """
        Check the options of calls, among them ``model``. Nothing is sent. It is called in any thread.

        Raises:
            ConfigurationError: One is not valid, or the model does not exist.
        """

    def model(self, model: str | None = None) -> ModelDetails:
        """Return what is known about a model. It is called in any thread."""

    async def ask(self, prompt: list[Message], **options: Any) -> ChatResponse:  # noqa: ANN401 - as in `budwood.AsyncClient.ask`
        """Ask a model, as `budwood.AsyncClient.ask`."""
