"""The clients, and functions that ask without creating one."""

from budwood.client.asynchronous import AsyncClient
from budwood.client.blocking import Client
from budwood.client.shared import ask, ask_async, run, run_async, session, session_async

__all__ = ["AsyncClient", "Client", "ask", "ask_async", "run", "run_async", "session", "session_async"]
