"""Functions that ask without creating a client, and short names of the clients."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TypeVar, Unpack, overload

from budwood.client.asynchronous import AsyncClient
from budwood.client.blocking import Client
from budwood.engine import AskOptions, OptionsWithoutSchema, Prompt
from budwood.types import ChatResponse

T = TypeVar("T")

_shared: Client | None = None
_shared_lock = threading.Lock()


def _after_fork() -> None:
    global _shared_lock  # noqa: PLW0603 - a thread of the parent process may have held it
    _shared_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _shared_client() -> Client:
    global _shared  # noqa: PLW0603 - the one client of `budwood.ask`
    if _shared is None:
        with _shared_lock:
            if _shared is None:
                _shared = Client()
                atexit.register(_shared.close)
    return _shared


@overload
def ask(prompt: Prompt, *, schema: type[T], **options: Unpack[OptionsWithoutSchema]) -> ChatResponse[T]: ...


@overload
def ask(prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse: ...


def ask(prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse:
    """
    Ask a model. All calls share one client, which is closed when the program ends.

    Settings are read at the first call. See `Client.ask`.
    """
    return _shared_client().ask(prompt, **options)


@overload
async def ask_async(prompt: Prompt, *, schema: type[T], **options: Unpack[OptionsWithoutSchema]) -> ChatResponse[T]: ...


@overload
async def ask_async(prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse: ...


async def ask_async(prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse:
    """Ask a model with a client for this call only; see `AsyncClient.ask`."""
    async with AsyncClient() as client:
        return await client.ask(prompt, **options)


run = ask
run_async = ask_async

session = Client
"""``with budwood.session(model="provider/model") as session:`` opens a client; `ask` and `run` use its settings."""

session_async = AsyncClient
"""The same with async I/O, in an ``async with`` block."""
