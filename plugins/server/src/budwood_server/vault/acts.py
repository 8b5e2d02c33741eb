"""Changes of tokens, with the entries of the audit log. Each is part of a transaction."""

from __future__ import annotations

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.key_store import utc_now
from budwood_server.people.audit import record
from budwood_server.people.principals import Principal
from budwood_server.vault import store
from budwood_server.vault.master_keys import MasterKeys
from budwood_server.vault.store import Rewrapped
from budwood_server.vault.tokens import NewToken, VendorToken
from budwood_server.webhooks.secrets import RewrappedSecrets, rewrap_secrets


async def add(connection: AsyncConnection, principal: Principal, keys: MasterKeys, new: NewToken) -> VendorToken:
    """Store a token; see `store.add_token`."""
    token = await store.add_token(connection, keys, new, utc_now())
    await _record(connection, principal, "token.add", token)
    return token


async def rotate(
    connection: AsyncConnection, principal: Principal, keys: MasterKeys, token_id: str, secret: SecretStr
) -> VendorToken:
    """Replace the text of a token; see `store.replace_token`."""
    token = await store.replace_token(connection, keys, token_id, secret, utc_now())
    await _record(connection, principal, "token.rotate", token)
    return token


async def remove(connection: AsyncConnection, principal: Principal, token_id: str) -> VendorToken:
    """Remove a token; see `store.remove_token`."""
    token = await store.remove_token(connection, token_id)
    await _record(connection, principal, "token.remove", token)
    return token


async def rewrap(
    connection: AsyncConnection, principal: Principal, keys: MasterKeys
) -> tuple[Rewrapped, RewrappedSecrets]:
    """
    Seal all tokens, and all secrets of webhooks, with the newest master key.

    See `store.rewrap_tokens` and `budwood_server.webhooks.secrets.rewrap_secrets`.
    """
    done = await store.rewrap_tokens(connection, keys)
    secrets = await rewrap_secrets(connection, keys)
    details = {
        "rewrapped": len(done.changed),
        "failed": len(done.failed),
        "webhook_secrets": {"rewrapped": secrets.changed, "failed": len(secrets.failed)},
    }
    await record(connection, principal, "token.rewrap", keys.current.id, details)
    return done, secrets


async def _record(connection: AsyncConnection, principal: Principal, action: str, token: VendorToken) -> None:
    await record(connection, principal, action, token.id, {"provider": token.provider, "label": token.label})
