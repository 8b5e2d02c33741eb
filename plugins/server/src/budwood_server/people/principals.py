"""Who sends a request to ``/api``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from budwood_server.access.keys import ADMIN
from budwood_server.people.roles import ROLES, expand_scopes

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.api_models.accounts import Account


@dataclass(frozen=True, slots=True)
class Principal:
    """
    A key, a person, or the command line.

    Attributes:
        id: Identifies it among those of its kind.
        name: A name for people.
        kind: ``"key"``, ``"account"``, or ``"command"`` for who works on the database directly.
        scopes: What it may do: names of scopes, such as ``"admin"`` or ``"prompts:write"``.
        owner: Who owns what it creates: the team of a key, the key itself, or the account.
        key: The key, with its policy; None for others.
        login_id: The login of an account; None for others.
    """

    id: str
    name: str
    kind: Literal["key", "account", "command"]
    scopes: frozenset[str]
    owner: str
    key: ApiKey | None = field(default=None, repr=False, compare=False)
    login_id: str | None = field(default=None, repr=False, compare=False)

    @property
    def reference(self) -> str:
        """The kind and the id, which together identify it."""
        return f"{self.kind}-{self.id}"


COMMAND: Final = Principal("command", "command line", "command", frozenset(), "command")
"""Who runs ``budwood server`` on the database. The permission to do so is that of the database."""


def sees_all(principal: Principal) -> bool:
    """Tell whether a principal sees calls and events of all owners, and not only of its own."""
    return principal.kind != "key" or ADMIN in principal.scopes


def from_key(key: ApiKey) -> Principal:
    """Return the principal of a key."""
    return Principal(key.id, key.name, "key", expand_scopes(key.scopes), key.owner, key=key)


def from_account(account: Account, login_id: str) -> Principal:
    """Return the principal of an account in one of its logins."""
    scopes, owner = ROLES[account.role], f"account-{account.id}"
    return Principal(account.id, account.name, "account", scopes, owner, login_id=login_id)
