"""The signing secrets of webhooks, sealed by the master keys as tokens of vendors are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.tokens import new_id
from budwood_server.database import WEBHOOKS, raise_version
from budwood_server.database.tables import WEBHOOK_SECRETS
from budwood_server.vault.master_keys import MasterKeys
from budwood_server.vault.sealing import SealedText, SealError, seal, unseal

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


class RewrappedSecrets(NamedTuple):
    """
    What sealing the secrets again has done.

    Attributes:
        changed: How many are now sealed with the newest master key.
        unchanged: How many were sealed with it before.
        failed: The ids of the endpoints of those that cannot be opened, which are as before, with the reasons.
    """

    changed: int
    unchanged: int
    failed: Sequence[tuple[str, SealError]]


async def add_secret(connection: AsyncConnection, keys: MasterKeys, webhook: str, text: str, now: float) -> None:
    """Store a secret of an endpoint, sealed."""
    secret_id = f"{PREFIX}{new_id()}"
    columns = _seal(secret_id, webhook, text, keys)
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


async def rewrap_secrets(connection: AsyncConnection, keys: MasterKeys) -> RewrappedSecrets:
    """
    Seal all secrets with the newest master key. Those that cannot be opened stay as they are.

    Raises:
        DatabaseError: The database cannot be used.
    """
    await raise_version(connection, WEBHOOKS)
    changed, unchanged = 0, 0
    failed: list[tuple[str, SealError]] = []
    for each in await load_secrets(connection):
        if each.sealed.key_id == keys.current.id:
            unchanged += 1
            continue
        try:
            text = each.open(keys)
        except SealError as error:
            failed.append((each.webhook, error))
            continue
        change = update(WEBHOOK_SECRETS).where(WEBHOOK_SECRETS.c.id == each.id)
        await connection.execute(change.values(**_seal(each.id, each.webhook, text, keys)))
        changed += 1
    return RewrappedSecrets(changed, unchanged, failed)


def _seal(secret_id: str, webhook: str, text: str, keys: MasterKeys) -> dict[str, Any]:
    """Return the columns of the sealed text of a secret."""
    sealed = seal(text, keys.current, secret_id, _COLUMN, webhook)
    return {
        "key_id": sealed.key_id,
        "version": sealed.version,
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
    }
