"""Who pays for the calls of a run: the key or the account that has submitted it, as long as it may infer."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError
from budwood_server.access.keys import INFER, ApiKey
from budwood_server.people.accounts import AccountNotFoundError, find_account
from budwood_server.people.roles import ROLES

if TYPE_CHECKING:
    from budwood_server.api_models.accounts import Account
    from budwood_server.people.principals import Principal
    from budwood_server.services import Services

FRESH_SECONDS: Final = 5.0
"""Seconds for which a key is used without looking whether it was revoked."""


def to_payer(principal: Principal) -> ApiKey:
    """Return the key of a principal, or for an account one without limits that stands for it."""
    return principal.key or _stand_in(principal.id, principal.name)


class Payer:
    """
    The key that pays for a run. It is read again every few seconds, so that a key that was revoked ends the run.

    Args:
        services: Have the keys and accounts.
        kind: ``"key"`` or ``"account"``.
        payer_id: Its id.
    """

    def __init__(self, services: Services, kind: str, payer_id: str) -> None:
        self._services = services
        self._kind = kind
        self._id = payer_id
        self._key: ApiKey | None = None
        self._read = 0.0

    async def find(self) -> ApiKey:
        """
        Return the key.

        Raises:
            ConfigurationError: It was revoked or has expired, or the account was removed or disabled.
            DatabaseError: The database cannot be used.
        """
        if self._key is None or time.monotonic() - self._read > FRESH_SECONDS:
            self._key = await (self._load_key() if self._kind == "key" else self._load_account())
            self._read = time.monotonic()
        return self._key

    async def _load_key(self) -> ApiKey:
        stored = await self._services.keys.store.load(self._id)
        status = "removed" if stored is None else stored.key.find_status(datetime.now(UTC))
        if stored is None or status != "active":
            what = "has expired" if status == "expired" else f"was {status}"
            raise ConfigurationError(
                f"The key that submitted the run {what}.", hint="Submit the run again with another key."
            )
        return stored.key

    async def _load_account(self) -> ApiKey:
        try:
            async with self._services.database.read() as connection:
                account: Account | None = await find_account(connection, self._id)
        except AccountNotFoundError:
            account = None
        if account is None or account.disabled is not None or INFER not in ROLES[account.role]:
            raise ConfigurationError(
                "The account that submitted the run may not call models any more.",
                hint="Submit the run again with another account.",
            )
        return _stand_in(account.id, account.name)


def _stand_in(account_id: str, name: str) -> ApiKey:
    return ApiKey(id=f"account-{account_id}", name=name, created=datetime.fromtimestamp(0, UTC))
