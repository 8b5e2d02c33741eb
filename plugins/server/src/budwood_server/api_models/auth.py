"""Logins."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from budwood_server.api_models.accounts import Account


class LoginReply(BaseModel):
    """
    A login.

    Attributes:
        account: Whose it is.
        expires_in: Seconds until the access token or the cookie ends.
        access_token: What a program sends as ``Authorization: Bearer``, or null.
        refresh_token: What gets it the next tokens, once; or null.
        csrf_token: What a page sends as ``x-csrf-token`` with each change, or null.
    """

    account: Account
    expires_in: float
    access_token: Annotated[str | None, Field(repr=False)] = None
    refresh_token: Annotated[str | None, Field(repr=False)] = None
    csrf_token: Annotated[str | None, Field(repr=False)] = None


class TicketReply(BaseModel):
    """A ticket, and the seconds until it ends."""

    ticket: Annotated[str, Field(repr=False)]
    expires_in: float


class PrincipalReply(BaseModel):
    """Who sends the request, and what it may do. The token is for changes by a page."""

    id: str
    name: str
    kind: Literal["key", "account", "command"]
    scopes: list[str]
    csrf_token: Annotated[str | None, Field(repr=False)] = None
