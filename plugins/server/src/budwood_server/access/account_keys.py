"""Accounts of people as keys, so that routes of inference serve both alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from budwood_server.access.keys import INFER, ApiKey

if TYPE_CHECKING:
    from budwood_server.people.principals import Principal

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class AccountKey(ApiKey):
    """
    What an account may do when it calls models: use all of them, without limits and budgets.

    Records count its calls under the reference of the account in place of the id of a key.
    """

    @property
    def owner(self) -> str:
        """Who owns what it creates: the account."""
        return self.id


def to_key(principal: Principal) -> ApiKey:
    """Return the key with which a principal calls models."""
    if principal.key is not None:
        return principal.key
    scopes = frozenset({INFER})
    return AccountKey(id=principal.owner, name=principal.name, scopes=scopes, source="account", created=_EPOCH)
