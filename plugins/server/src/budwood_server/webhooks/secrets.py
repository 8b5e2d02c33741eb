"""The signing secrets of webhooks, sealed by the master keys as tokens of vendors are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.tokens import new_id
from budwood_server.database.tables import WEBHOOK_SECRETS
from budwood_server.vault.master_keys import MasterKeys
from budwood_server.vault.sealing import SealedText, seal, unseal

PREFIX: Final = "whk_"
_COLUMN: Final = "webhook secret"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """
    A secret as the table has it.

    Attributes:
        id: Identifies it.
        webhook: The id of its endpoint.
        created: When it was created, in seconds since 1970.
        expires: When it signs no more, or None.
        sealed: Its sealed text.
    """

    id: str
    webhook: str
    created: float
    expires: float | None
    sealed: SealedText = field(repr=False)

    def open(self, keys: MasterKeys) -> str:
        """
        Return its text.

        Raises:
            SealError: It cannot be opened.
        """
        return unseal(self.sealed, keys, self.id, _COLUMN, self.webhook)


async def add_secret(connection: AsyncConnection, keys: MasterKeys, webhook: str, text: str, now: float) -> None:
    """Store a secret of an endpoint, sealed."""
    secret_id = f"{PREFIX}{new_id()}"
    columns = _to_columns(seal(text, keys.current, secret_id, _COLUMN, webhook))
    values = {"id": secret_id, "webhook": webhook, "created": now, "expires": None, **columns}
    await connection.execute(insert(WEBHOOK_SECRETS).values(values))


async def expire_secrets(connection: AsyncConnection, webhook: str, at: float) -> None:
    """Have the present secrets of an endpoint sign until a moment at the latest."""
    lasts = or_(WEBHOOK_SECRETS.c.expires.is_(None), WEBHOOK_SECRETS.c.expires > at)
    change = update(WEBHOOK_SECRETS).where(WEBHOOK_SECRETS.c.webhook == webhook, lasts)
    await connection.execute(change.values(expires=at))


async def load_secrets(
    connection: AsyncConnection, webhooks: Iterable[str] | None = None, *, now: float | None = None
) -> Sequence[StoredSecret]:
    """
    Return secrets, the newest first.

    Args:
        connection: A transaction.
        webhooks: Those of these endpoints; None for all.
        now: Only secrets that sign at this moment.
    """
    query = select(WEBHOOK_SECRETS).order_by(WEBHOOK_SECRETS.c.created.desc(), WEBHOOK_SECRETS.c.id)
    if webhooks is not None:
        query = query.where(WEBHOOK_SECRETS.c.webhook.in_(webhooks))
    if now is not None:
        query = query.where(or_(WEBHOOK_SECRETS.c.expires.is_(None), WEBHOOK_SECRETS.c.expires > now))
    rows = (await connection.execute(query)).mappings()
    return [
        StoredSecret(
            row["id"],
            row["webhook"],
            row["created"],
            row["expires"],
            SealedText(row["key_id"], row["version"], row["nonce"], row["ciphertext"]),
        )
        for row in rows
    ]


def _to_columns(sealed: SealedText) -> dict[str, Any]:
    return {
        "key_id": sealed.key_id,
        "version": sealed.version,
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
    }
