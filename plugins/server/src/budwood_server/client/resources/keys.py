"""``client.keys``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from budwood_server.access.keys import KeyBudget
from budwood_server.api_models.keys import KeyDetails, KeyDetailsLeft, NewKeyDetails
from budwood_server.api_models.pages import PageOf
from budwood_server.client.operations import Resource, S, listing, operation
from budwood_server.client.requests import Request, create, get, leave_out, path_of


class Keys(Resource[S]):
    """The API keys of the server. Only `create` and `rotate` return a key that can be sent, and only once."""

    @listing
    def list(
        self,
        *,
        team: str | None = None,
        name: str | None = None,
        state: Literal["active", "expired", "revoked"] | None = None,
        source: str | None = None,
    ) -> Request[PageOf[KeyDetails]]:
        """List keys, the newest first."""
        return get(path_of("keys"), PageOf[KeyDetails], team=team, name=name, state=state, source=source)

    @operation
    def get(self, key_id: str) -> Request[KeyDetailsLeft]:
        """Return a key, without its secret, and what is left of its budget and limits."""
        return get(path_of("keys", key_id), KeyDetailsLeft)

    @operation
    def create(
        self,
        name: str,
        *,
        team: str | None = None,
        scopes: Collection[str] | None = None,
        expires: datetime | None = None,
        models: Collection[str] | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        budget: KeyBudget | None = None,
        request_options: Collection[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Request[NewKeyDetails]:
        """
        Create a key, and return it once. For its scopes, see the guide of the gateway; by default ``{"infer"}``.

        Args:
            name: A name for people.
            team: The team with which it shares files, batches, replies and cache.
            scopes: What it is for.
            expires: When it ends.
            models: Patterns of the models that it may use; by default all.
            requests_per_minute: The limit of its requests.
            tokens_per_minute: The limit of its tokens.
            budget: What it may spend.
            request_options: The options that its requests may set; by default those of the server's settings.
            idempotency_key: Identifies the call if the program repeats it itself.
        """
        body = leave_out(
            name=name,
            team=team,
            scopes=None if scopes is None else sorted(scopes),
            expires=expires,
            models=None if models is None else sorted(models),
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            budget=budget,
            request_options=None if request_options is None else sorted(request_options),
        )
        return create(path_of("keys"), NewKeyDetails, body, idempotency_key=idempotency_key)

    @operation
    def rotate(
        self, key_id: str, *, overlap: float = 0.0, idempotency_key: str | None = None
    ) -> Request[NewKeyDetails]:
        """Give a key a new secret, and return it once. The present one is accepted for ``overlap`` seconds more."""
        body = {"overlap": overlap}
        return create(path_of("keys", key_id, "rotate"), NewKeyDetails, body, idempotency_key=idempotency_key)

    @operation
    def revoke(self, key_id: str, *, idempotency_key: str | None = None) -> Request[KeyDetails]:
        """Revoke a key for good."""
        return create(path_of("keys", key_id, "revoke"), KeyDetails, idempotency_key=idempotency_key)
