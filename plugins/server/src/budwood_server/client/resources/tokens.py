"""``client.tokens``."""

from __future__ import annotations

from budwood_server.api_models.pages import PageOf
from budwood_server.api_models.tokens import RewrapReply, TokenReply
from budwood_server.client.operations import Resource, S, listing, operation
from budwood_server.client.requests import Request, act, create, get, path_of


class Tokens(Resource[S]):
    """The tokens of vendors that the server keeps. None of these methods returns one."""

    @listing
    def list(self, *, provider: str | None = None) -> Request[PageOf[TokenReply]]:
        """List tokens, the newest first. Each shows its last four characters."""
        return get(path_of("tokens"), PageOf[TokenReply], provider=provider)

    @operation
    def get(self, token_id: str) -> Request[TokenReply]:
        """Return a token, without its text."""
        return get(path_of("tokens", token_id), TokenReply)

    @operation
    def add(
        self, provider: str, token: str, *, label: str = "default", idempotency_key: str | None = None
    ) -> Request[TokenReply]:
        """Store a token for a provider of the server."""
        body = {"provider": provider, "label": label, "token": token}
        return create(path_of("tokens"), TokenReply, body, idempotency_key=idempotency_key)

    @operation
    def rotate(self, token_id: str, token: str, *, idempotency_key: str | None = None) -> Request[TokenReply]:
        """Replace a token by a new one of the vendor."""
        path = path_of("tokens", token_id, "rotate")
        return create(path, TokenReply, {"token": token}, idempotency_key=idempotency_key)

    @operation
    def remove(self, token_id: str) -> Request[None]:
        """Remove a token. The vendor still accepts it."""
        return act("DELETE", path_of("tokens", token_id))

    @operation
    def rewrap(self, *, idempotency_key: str | None = None) -> Request[RewrapReply]:
        """Seal all tokens with the newest master key."""
        return create(path_of("tokens", "rewrap"), RewrapReply, idempotency_key=idempotency_key)
