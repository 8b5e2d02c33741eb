"""Accounts of people."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from budwood_server.api_models.moments import Moment
from budwood_server.people.roles import Role

ACCOUNT_PATTERN: Final = r"^[a-z0-9][a-z0-9._@+-]*$"
AccountName = Annotated[str, Field(min_length=1, max_length=64, pattern=ACCOUNT_PATTERN)]
"""A name to log in with: an address of e-mail or a short name, in lower case."""


class Account(BaseModel):
    """
    An account, without its password.

    Attributes:
        id: Identifies it.
        name: The name to log in with.
        role: ``"viewer"``, ``"operator"`` or ``"admin"``.
        created: When it was created.
        disabled: Since when it cannot log in, or null.
        last_login: When it last logged in, or null.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    role: Role
    created: Moment
    disabled: Moment | None = None
    last_login: Moment | None = None
